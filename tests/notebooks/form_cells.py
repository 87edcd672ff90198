"""The cells of a notebook, as the rules of form look at them."""

import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

Problems = Iterator[str]


def is_chapter(path: Path) -> bool:
    """Return whether ``path`` is a numbered chapter; the capstone is a template to fill in: no number, no
    slides, no summary.
    """
    return path.parent.name == "notebooks" and path.stem != "capstone"


def markdown(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    """Yield (number of the cell, its text without code) of the markdown cells."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            yield number, re.sub(r"^(```|~~~).*?^\1|`[^`\n]+`", " ", cell.source, flags=re.S | re.M)


def code(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    """Yield (number of the cell, cell) of the code cells."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            yield number, cell


def tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def chapter_number(path: Path) -> str:
    return path.name.split("-")[0]


def printed(cell: NotebookNode) -> str:
    """Return the text of a code cell's outputs."""
    outputs = cell.outputs
    return "\n".join(
        [o.get("text", "") for o in outputs]
        + [str(o.get("data", {}).get("text/plain", "")) for o in outputs]
        + [str(o.get("data", {}).get("text/html", "")) for o in outputs]
    )

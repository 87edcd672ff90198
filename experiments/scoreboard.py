"""The scoreboard: a row for each chapter that shows it, measured by the last cells there and collected here.

    python -m experiments scoreboard        a second; run it when a chapter was executed again

Such a chapter closes by measuring LeNet300 as it has become (``prunelab.scoreboard``). Later ones show the
rows of earlier ones, which are read from the file that this collects from the stored outputs."""

from pathlib import Path

import nbformat

from prunelab.scoreboard import parse
from scripts.notebooks import NOTEBOOKS


def printed(chapter: Path) -> str | None:
    """Return the board that a stored chapter printed, or None if it has none."""
    for cell in nbformat.read(chapter, as_version=4).cells:
        if cell.cell_type == "code" and "scoreboard.add(" in cell.source:
            for output in cell.outputs:
                if "text/plain" in output.get("data", {}):
                    return output["data"]["text/plain"]
    return None


def configurations() -> list[dict]:
    boards = {path.stem: printed(path) for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))}
    first = next((name for name, board in boards.items() if board), None)
    dense = [{"notebook": first, "line": 0}] if first else []
    return dense + [{"notebook": name, "line": -1} for name, board in boards.items() if board]


def measure(notebook: str, line: int) -> dict:
    """Return one row of the board in ``notebook``: its own is the last line, the dense network's the first.

    ``share`` is its time over that of the dense network, measured in turns with it: this holds on other
    machines, too."""
    rows = parse(printed(NOTEBOOKS / f"{notebook}.ipynb"))
    time = rows[line]["time"]
    return rows[line] | {"share": None if time is None else round(time / rows[0]["time"], 4)}


def provenance() -> dict:
    return {
        "networks": "lenet300, seed 0",
        "recipe": (
            "each row is measured by the chapter named, on the validation split; time in ms for 64 images,"
            " null where it cannot be told from the dense network's; share: over the dense network's,"
            " measured in turns with it"
        ),
    }

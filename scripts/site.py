"""Build the website in ``docs/_build/html`` from the stored notebooks; nothing is executed (make site).

    python scripts/site.py [FOLDER]      build into FOLDER instead

A warning (a broken link, a missing image) or a chapter without stored outputs ends the build with an error.
"""

import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

import prunelab

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "docs" / "_build"
EXPLORERS = ROOT / "docs" / "explorers"
WIDGET_NOTE = (
    "An explorer. Its controls need a running notebook: open this chapter with `make lab`. The figure beside"
    " it shows the same."
)


def plain(markdown: str) -> str:
    """Return the first sentence of a markdown text without its marks."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(markdown.split()))
    text = re.sub(r"[*`$\\]|^#+ |^> ", "", re.sub(r"\*\*What we saw\.\*\* ", "", text))
    return re.split(r"(?<=[.?!]) (?=[A-Z])", text, maxsplit=1)[0].strip()


def alternative_text(cells: list[nbformat.NotebookNode], number: int) -> str:
    """Return what the figure of cell ``number`` shows: the sentence after it, or before it, or else the
    section it stands in.
    """
    for beside in (*cells[number + 1 : number + 2], *cells[max(number - 1, 0) : number]):
        if beside.cell_type == "markdown" and not beside.source.startswith(
            ("#", "|", "<", "-", "**Predict", "```", "![")
        ):
            return plain(beside.source)
    headings = [
        re.findall(r"^#+ .+$", cell.source, re.M) for cell in cells[:number] if cell.cell_type == "markdown"
    ]
    section = [heading for found in headings for heading in found][-1:]
    return f"Figure of the section {plain(section[0])}" if section else "Figure"


def for_reading(path: Path) -> nbformat.NotebookNode:
    """Return the notebook as the site shows it: stored frames in place of a live widget, checks folded,
    figures with words.

    Raises ValueError if a code cell of a chapter has not been executed.
    """
    notebook = nbformat.read(path, as_version=4)
    released = "exercises" in path.parts
    frames = iter(sorted(EXPLORERS.glob(f"{path.stem}-*.html")))
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        if not released and cell.execution_count is None:
            raise ValueError(
                f"{path.name}: code cell {number} has not been executed; run `make notebooks NB={path}`"
            )
        if any("explorer" in output.get("metadata", {}) for output in cell.outputs):  # scripts/notebooks.py
            stored = next(frames, None)
            cell.outputs = [
                (
                    nbformat.v4.new_output("stream", name="stdout", text=WIDGET_NOTE + "\n")
                    if stored is None
                    else nbformat.v4.new_output(
                        "display_data", data={"text/html": stored.read_text(encoding="utf-8")}
                    )
                )
            ]
        if cell.metadata.get("jupyter", {}).get("outputs_hidden"):
            cell.metadata["tags"] = sorted({*cell.metadata.get("tags", []), "hide-output"})
        if "check" in cell.metadata.get("tags", []):
            cell.metadata["tags"] = sorted({*cell.metadata["tags"], "hide-input"})
    for number, cell in enumerate(notebook.cells):
        cell.source = cell.source.replace("](../docs/", "](../")  # where ``source`` lays the pages
        if cell.cell_type == "code" and any("image/png" in output.get("data", {}) for output in cell.outputs):
            cell.metadata["mystnb"] = {"image": {"alt": alternative_text(notebook.cells, number)}}
    return notebook


def api_pages(folder: Path) -> None:
    """Write a page for each public module of the package, from the docstrings of what it exports, and the
    page that lists them.
    """
    names = [
        f"prunelab.{module.name}"
        for module in pkgutil.iter_modules(prunelab.__path__)
        if module.name[0] != "_"
    ]
    (folder / "api").mkdir()
    for name in names:
        text = f"# {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n"
        (folder / "api" / f"{name}.md").write_text(text, encoding="utf-8")
    entries = "\n".join(f"api/{name}" for name in names)
    text = (
        "# The package\n\nWhat the public functions of `prunelab` take, return and"
        f" refuse.\n\n```{{toctree}}\n{entries}\n```\n"
    )
    (folder / "api.md").write_text(text, encoding="utf-8")


def source(folder: Path) -> None:
    """Lay out what Sphinx reads: the pages of ``docs``, the notebooks and the images, linked as they are in
    the repository.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("_build", "explorers"))
    for page in folder.glob("*.md"):  # the pages move up to where the notebooks' folder lies
        page.write_text(
            re.sub(r"\]\(\.\./(images|notebooks)/", r"](\1/", page.read_text(encoding="utf-8")),
            encoding="utf-8",
        )
    shutil.copytree(ROOT / "images", folder / "images")
    chapters = sorted((ROOT / "notebooks").glob("*.ipynb"))
    exercises = sorted((ROOT / "notebooks" / "exercises").glob("*/*.ipynb"))
    for path in chapters + exercises:
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(for_reading(path), target)
    index = (folder / "index.md").read_text(encoding="utf-8")
    for mark, paths in (("%CHAPTERS%", chapters), ("%EXERCISES%", exercises)):
        index = index.replace(
            mark, "\n".join(path.relative_to(ROOT).with_suffix("").as_posix() for path in paths)
        )
    (folder / "index.md").write_text(index, encoding="utf-8")
    api_pages(folder)


def accessible(page: str) -> str:
    """Return the text of a built page with what Sphinx leaves out: a level for captions, and blocks that a
    keyboard can scroll.
    """
    page = page.replace('class="caption" role="heading">', 'class="caption" role="heading" aria-level="2">')
    return page.replace("<pre>", '<pre tabindex="0">')


def build(html: Path) -> None:
    """Build the site into ``html``; raises subprocess.CalledProcessError on any warning."""
    pages = html.parent / "source"
    source(pages)
    subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", pages, html], check=True
    )
    for page in html.rglob("*.html"):
        page.write_text(accessible(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    html = Path(sys.argv[1]) if len(sys.argv) > 1 else BUILD / "html"
    build(html)
    print(f"The site is in {html}; open {html / 'index.html'}")

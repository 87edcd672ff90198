"""Every rule of form.py on every stored notebook, and on a notebook that breaks it."""

import copy
from pathlib import Path

import form
import form_cells
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from scripts.notebooks import NOTEBOOKS, ROOT, chapters_and_solutions, digest

PATHS = chapters_and_solutions()
EXERCISES = sorted((NOTEBOOKS / "exercises").glob("*/*.ipynb"))
PAGES = [
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("data/**/*.md")]
    if ".venv" not in path.parts
]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PATHS, ids=name)
def test_form(path):
    notebook = nbformat.read(path, as_version=4)
    problems = [f"{rule.__name__}: {problem}" for rule in form.RULES for problem in rule(notebook, path)]
    assert not problems, f"{name(path)}\n" + "\n".join(problems)


@pytest.mark.parametrize("path", EXERCISES, ids=name)
def test_links_of_exercises(path):
    assert not list(form.links(nbformat.read(path, as_version=4), path))


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_of_pages(path):
    assert not list(form.broken_links(path.read_text(encoding="utf-8"), path))


@pytest.mark.parametrize("path", PATHS, ids=name)
def test_valid(path):
    nbformat.validate(nbformat.read(path, as_version=4))


# --- each rule can fail ----------------------------------------------------------------------------
CHAPTER = NOTEBOOKS / "03.1-example.ipynb"
TITLE = """# 3.1 An example: what is right?

**You will be able to**

- see a hole,
- count it
  twice,
- draw it.

**Read first:** [the start](../README.md).

**Time:** 0.5 minutes to run on 2 CPU cores, 20 minutes to study."""


def good() -> nbformat.NotebookNode:
    """Return a small chapter that keeps every rule."""
    cells = [
        new_markdown_cell(TITLE),
        new_markdown_cell("## 3.1.1 First\n\n![a matrix with a hole](../LICENSE)"),
        new_code_cell("print(1)", outputs=[new_output("stream", name="stdout", text="1\n")]),
        new_markdown_cell("## 3.1.2 Second\n\n**Predict before you run.** How many?"),
        new_code_cell(
            "print(f'~{x}')",
            metadata={"tags": ["hide-output"], "jupyter": {"outputs_hidden": True}},
            outputs=[new_output("stream", name="stdout", text="~ 3.1\n")],
        ),
        new_code_cell("assert x > 2", metadata={"tags": ["check"], "jupyter": {"source_hidden": True}}),
        new_code_cell("widgets.histogram();", metadata={"tags": ["nbval-ignore-output"]}),
        new_markdown_cell(
            "## 3.1.3 Pitfalls\n\n## 3.1.4 Summary\n\n## Further reading\n\n```python\n# a comment\n```"
        ),
    ]
    for count, cell in enumerate([cell for cell in cells if cell.cell_type == "code"], 1):
        cell.execution_count = count
    for cell in cells:
        cell.metadata["slideshow"] = {"slide_type": "skip" if "check" in form_cells.tags(cell) else "slide"}
    notebook = new_notebook(cells=cells)
    notebook.metadata["prunelab"] = {"cells": digest(notebook)}
    return notebook


def edit(cell: int, old: str, new: str):
    """Return a change of a cell's source, with the digest brought up to date."""

    def change(notebook):
        assert old in notebook.cells[cell].source
        notebook.cells[cell].source = notebook.cells[cell].source.replace(old, new)
        notebook.metadata["prunelab"]["cells"] = digest(notebook)

    return change


def put(cell: int, key: str, value):
    """Return a change of a cell's metadata, with the digest brought up to date."""

    def change(notebook):
        notebook.cells[cell].metadata[key] = value
        notebook.metadata["prunelab"]["cells"] = digest(notebook)

    return change


def show(cell: int, *args, **kwargs):
    """Return a change that adds an output to a cell."""
    return lambda notebook: notebook.cells[cell].outputs.append(new_output(*args, **kwargs))


def count(notebook):
    notebook.cells[4].execution_count = 7


def unchecked(notebook):
    del notebook.cells[5]
    notebook.cells[5].execution_count -= 1
    notebook.metadata["prunelab"]["cells"] = digest(notebook)


def stale(notebook):
    notebook.cells[2].source = "print(2)"


def twice(notebook):
    for _ in range(2):
        show(2, "display_data", data={"image/png": "AAAA"})(notebook)


def value_and_picture(notebook):
    """A figure that is shown, and is the value of the last line, too: the edges differ by some points."""
    show(2, "display_data", data={"image/png": "AAAA", "text/plain": "<Figure size 7x3 with 1 Axes>"})(
        notebook
    )
    data = {"image/png": "AAAB", "text/plain": "<Figure size 7x3 with 1 Axes>"}
    show(2, "execute_result", data=data, execution_count=1)(notebook)


BROKEN = {
    "title without number": ("title", edit(0, "# 3.1 An", "# An")),
    "title with another number": ("title", edit(0, "# 3.1 An", "# 3.2 An")),
    "title that asks nothing": ("title", edit(0, "what is right?", "what is right")),
    "two titles": ("headings", edit(1, "## 3.1.1 First", "# First")),
    "level left out": ("headings", edit(1, "## 3.1.1 First", "## 3.1.1 First\n\n#### Detail")),
    "number of another chapter": ("headings", edit(3, "3.1.2", "3.2.2")),
    "number left out": ("headings", edit(3, "3.1.2", "3.1.5")),
    "no summary": ("headings", edit(7, "Summary", "The end")),
    "no minutes": ("opening", edit(0, "**Time:**", "Time:")),
    "two goals": ("opening", edit(0, "- draw it.\n", "")),
    "nothing to read first": ("opening", edit(0, "**Read first:**", "Before:")),
    "out of order": ("executed", count),
    "changed after it was stored": ("up_to_date", stale),
    "error": ("clean", show(2, "error", ename="ValueError", evalue="", traceback=[])),
    "stderr": ("clean", show(2, "stream", name="stderr", text="a warning")),
    "path": ("clean", show(2, "stream", name="stdout", text="read /home/someone/data")),
    "address": ("clean", show(2, "display_data", data={"text/plain": "<object at 0x7f12ab34cd>"})),
    "picture twice": ("clean", twice),
    "figure and value": ("clean", value_and_picture),
    "image without alt text": ("alt_text", edit(1, "![a matrix with a hole]", "![]")),
    "HTML image without alt text": (
        "alt_text",
        edit(1, "![a matrix with a hole](../LICENSE)", '<img src="../LICENSE">'),
    ),
    "link to nowhere": ("links", edit(0, "../README.md", "02-nowhere.ipynb")),
    "image from nowhere": ("links", edit(1, "../LICENSE", "../images/none.svg")),
    "cell without a place in the lecture": ("slides", put(2, "slideshow", {"slide_type": "-"})),
    "folded without a question": ("predictions", edit(3, "**Predict before you run.**", "Run it.")),
    "question with the answer shown": ("predictions", put(4, "tags", [])),
    "tagged and not folded": ("predictions", put(4, "jupyter", {})),
    "measured and not asserted": ("measured", unchecked),
    "assert among lesson code": ("checks", edit(2, "print(1)", "print(1)\nassert True")),
    "assert that gives the answer away": (
        "checks",
        edit(4, "print(f'~{x}')", "print(f'~{x}')\nassert x > 2"),
    ),
    "check without an assert": ("checks", edit(5, "assert x > 2", "x > 2")),
    "check in sight": ("checks", put(5, "jupyter", {})),
    "check on a slide": ("checks", put(5, "slideshow", {"slide_type": "slide"})),
    "check with a result": ("checks", show(5, "stream", name="stdout", text="3")),
    "scoreboard in which nothing moves": ("boards", edit(2, "print(1)", "scoreboard.add('03.1', '', x, y)")),
    "another Chinese term": ("terms", edit(1, "## 3.1.1 First", "## 3.1.1 First\n\n**Masks** (掩膜) hide.")),
    "claim without a check": (
        "claims",
        edit(1, "## 3.1.1 First", "## 3.1.1 First\n\nThe reason is its size."),
    ),
    "claim with a check in another section": (
        "claims",
        edit(7, "## 3.1.3 Pitfalls", "## 3.1.3 Third\n\nIt never\nfails.\n\n## Pitfalls"),
    ),
    "not compared": ("compared", put(2, "tags", ["nbval-ignore-output"])),
    "long cell": ("small", edit(2, "print(1)", "print(1)\n" * (form.MAX_LINES + 1))),
}


def test_a_good_notebook_keeps_every_rule():
    assert not [problem for rule in form.RULES for problem in rule(good(), CHAPTER)]


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_notebook_breaks_its_rule_alone(case):
    rule, change = BROKEN[case]
    notebook = copy.deepcopy(good())
    change(notebook)
    assert {r.__name__ for r in form.RULES if list(r(notebook, CHAPTER))} == {rule}


@pytest.mark.parametrize(
    ("change", "moves"),
    [({}, False), ({"bytes": 1_066_895}, True), ({"macs": 266_199}, True), ({"time": 0.1}, True)],
)
def test_a_board_in_the_middle_of_a_part_shows_what_moved(change, moves):
    row = {"accuracy": 98.0, "nonzeros": 27_030, "bytes": 1_066_896, "macs": 266_200, "time": None}
    rows = [row | {"chapter": "dense", "time": 0.46}, row | {"chapter": "04.2"} | change]
    output = new_output("execute_result", metadata={"prunelab": {"scoreboard": rows}})
    notebook = new_notebook(cells=[new_code_cell("scoreboard.add('04.2', 'cut', x, y)", outputs=[output])])
    problems = list(form.boards(notebook, NOTEBOOKS / "04.2-example.ipynb"))
    assert bool(problems) != moves
    assert not list(form.boards(notebook, NOTEBOOKS / "04.4-example.ipynb")), "the end of a part"
    assert list(form.boards(notebook, NOTEBOOKS / "04.3-example.ipynb"))


@pytest.mark.parametrize(
    ("sentence", "free"),
    [
        ("It never fails.", False),
        ("It works because it is small.", False),
        ("It holds in every network.", False),
        ("The cause is its size.", False),
        ("Perhaps because it is small.", True),
        ("Han and others report that it never fails.", True),
        ("It never fails (3.2).", True),
        ("Does it never fail?", True),
        ("A `never` in code is no claim.", True),
    ],
)
def test_a_guess_and_a_report_need_no_check(sentence, free):
    notebook = new_notebook(cells=[new_markdown_cell(f"## 3.1.1 One\n\n{sentence}")])
    assert bool(list(form.claims(notebook, CHAPTER))) != free


def test_a_large_file_is_refused(tmp_path):
    path = tmp_path / "notebooks" / "03.1-example.ipynb"
    path.parent.mkdir()
    path.write_bytes(b" " * (form.MAX_BYTES + 1))
    assert list(form.small(good(), path))


def test_every_rule_has_a_broken_notebook():
    assert {rule for rule, _ in BROKEN.values()} == {rule.__name__ for rule in form.RULES}


def test_the_capstone_is_no_numbered_chapter():
    assert form_cells.is_chapter(CHAPTER) and not form_cells.is_chapter(NOTEBOOKS / "capstone.ipynb")
    notebook = new_notebook(cells=[new_markdown_cell("# Capstone: smaller?")])
    assert not list(form.title(notebook, NOTEBOOKS / "capstone.ipynb")) and list(
        form.opening(notebook, NOTEBOOKS / "capstone.ipynb")
    )


def test_solutions_need_no_slides():
    path = NOTEBOOKS / "solutions" / "01-concepts" / "exercises.ipynb"
    notebook = new_notebook(cells=[new_markdown_cell(TITLE)])
    assert not list(form.slides(notebook, path)) and not list(form.headings(notebook, path))

"""What learners do in JupyterLab: run a chapter, move an explorer's slider, solve an exercise."""

import re
from pathlib import Path

import nbformat
from playwright.sync_api import Page, expect

from scripts.browser import Lab, Notebook, errors, texts


def test_first_chapter_opens_and_runs_to_its_end(lab: Lab, page: Page):
    notebook = Notebook(page, lab, "notebooks/00-start-here.ipynb")
    notebook.restart_and_run_all()
    cells = notebook.cells()
    assert errors(cells) == []
    ran = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert ran == list(range(1, len(ran) + 1))
    page.locator(".jp-RenderedMarkdown mjx-container").first.wait_for(state="attached")


def test_explorer_of_a_chapter_follows_its_slider(lab: Lab, page: Page):
    path = "notebooks/01-concepts.ipynb"
    notebook = Notebook(page, lab, path)
    notebook.restart_and_run_all()
    cells = notebook.cells()
    assert errors(cells) == []
    number = next(n for n, cell in enumerate(cells) if "widgets.prune_by_size(" in "".join(cell["source"]))
    element = notebook.show(number)
    text = element.locator(".widget-html-content").first
    before = text.inner_text()
    element.locator(".noUi-handle").first.press("PageUp")
    expect(text).not_to_have_text(before)
    assert re.search(r"accuracy \d+\.\d\d %", text.inner_text())


def test_exercise_notebook_guides_from_untouched_to_solved(lab: Lab, page: Page):
    notebook = Notebook(page, lab, "notebooks/exercises/01-concepts/01-concepts-exercises.ipynb")
    notebook.restart_and_run_all()
    cells = notebook.cells()
    checks = [n for n, cell in enumerate(cells) if re.search(r"^check\.ex_", "".join(cell["source"]), re.M)]
    assert checks
    for number in checks:
        assert "not attempted yet" in texts(cells[number])
    assert cells[-1]["cell_type"] == "markdown" or cells[-1]["execution_count"], "not run to its end"

    check = next(n for n in checks if "check.ex_1_3(" in "".join(cells[n]["source"]))
    wrong = (
        "def global_masks(scores, sparsity, at_least):\n    return mask_model(scores, sparsity,"
        " scope='global')"
    )
    solved = nbformat.read(
        Path(__file__).parents[2] / "notebooks/solutions/01-concepts/01-concepts-exercises.ipynb",
        as_version=4,
    )
    right = next(cell.source for cell in solved.cells if cell.source.startswith("def global_masks("))
    for answer, says in (
        (wrong, "Which of its scores are set aside"),
        (right, "Exercise 1.3: right. Verified"),
    ):
        notebook.run_cell(check - 1, answer)
        notebook.run_cell(check)
        shown = notebook.show(check).locator(".jp-OutputArea")
        expect(shown).to_contain_text(says)
        assert "Traceback" not in shown.inner_text()


def test_the_command_is_that_of_make_lab():
    makefile = (Path(__file__).resolve().parents[2] / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^lab:.*\n(?:\t.*\n)*?\t.*scripts\.lab", makefile, re.M)

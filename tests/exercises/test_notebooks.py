"""The exercise notebooks are made from the solved ones, hold no solution, and have the form that the course
promises.
"""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from prunelab import check

ROOT = Path(__file__).resolve().parents[2]
SOLVED = sorted((ROOT / "notebooks" / "solutions").glob("*/*.ipynb"))
REGION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?!\w)")

spec = importlib.util.spec_from_file_location("exercises", ROOT / "scripts" / "exercises.py")
exercises = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exercises)


def read(path):
    return nbformat.read(path, as_version=4)


def released(path):
    return read(ROOT / "notebooks" / "exercises" / path.parent.name / path.name)


def test_released_notebooks_are_up_to_date():
    done = subprocess.run(
        [sys.executable, "scripts/exercises.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_checker_is_called_by_one_notebook():
    calls = [
        f"ex_{a}_{b}"
        for path in SOLVED
        for cell in read(path).cells
        for a, b in exercises.CHECK.findall(cell.source)
    ]
    assert sorted(calls) == sorted(check.EXERCISES)


@pytest.mark.parametrize("path", SOLVED, ids=lambda path: path.stem)
def test_checkers_are_named_by_notebook(path):
    number = path.stem.split("-")[0].replace(".", "_")
    called = {f"ex_{a}_{b}" for cell in read(path).cells for a, b in exercises.CHECK.findall(cell.source)}
    modules = list((ROOT / "prunelab" / "check").glob(f"chapter{number}*.py"))
    assert all(re.fullmatch(rf"chapter{number}(_[a-z]+)?", m.stem) for m in modules)
    described = {name for m in modules for name in re.findall(r"^(ex_\w+) = ", m.read_text("utf-8"), re.M)}
    assert described == called


@pytest.mark.parametrize("path", SOLVED, ids=lambda path: path.stem)
def test_a_graded_cell_is_the_call_of_its_checker_alone(path):
    """To nbgrader the last value of a graded cell is its points, if it is a number; ours is None."""
    for cell in (*read(path).cells, *released(path).cells):
        if cell.metadata.get("nbgrader", {}).get("grade"):
            assert re.fullmatch(r"check\.ex_\d+_\d+\(\w+\)", cell.source), cell.source


@pytest.mark.parametrize("path", SOLVED, ids=lambda path: path.stem)
def test_nothing_of_the_solution_leaks(path):
    solved, notebook = read(path), released(path)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    assert "SOLUTION" not in text
    regions = [region for cell in solved.cells for region in REGION.findall(cell.source)]
    assert text.count("raise NotImplementedError()") == len(regions) > 0
    unbroken = "\n".join(
        cell.source for cell in notebook.cells if "def broken_" not in cell.source
    )  # a repair keeps most lines
    parts = [
        part.strip() for region in regions for line in region.splitlines() for part in line.split("#", 1)
    ]
    assert not [part for part in parts if len(part) > 12 and part in unbroken], (
        "a line or a comment of a solution"
    )
    numbers = {
        number for number in NUMBER.findall(shown_by_solutions(solved)) if len(re.sub(r"\D", "", number)) > 2
    }
    assert not [number for number in numbers if number in text], "a number that only the solution shows"


def shown_by_solutions(notebook):
    """Return what the cells between a stub and the next heading print, without the check cells: it depends on
    the solution.
    """
    printed, solved = [], False
    for cell in notebook.cells:
        solved = "### BEGIN SOLUTION" in cell.source or (solved and not cell.source.startswith("## "))
        if solved and cell.cell_type == "code" and not exercises.CHECK.search(cell.source):
            printed += [str(out.get("text") or out.get("data", {}).get("text/plain")) for out in cell.outputs]
    return "\n".join(printed)


@pytest.mark.parametrize("path", SOLVED, ids=lambda path: path.stem)
def test_form(path):
    notebook = released(path)
    opening = notebook.cells[0].source
    assert re.match(r"# \d+(\.\d+)?\. Exercises: \S", opening)
    assert re.search(
        r"\*\*Time:\*\* ([\d.]+) minutes? to run on 2 CPU cores, (\d+) minutes to study", opening
    )
    for link in re.findall(r"\]\(([^)#]+)", opening):
        assert (path.parent / link).resolve().is_file(), link
    assert "](../../" in opening, "a link back to the chapter"
    sections = re.split(r"^## ", "\n\n".join(cell.source for cell in notebook.cells), flags=re.MULTILINE)[1:]
    for section in sections:
        heading = re.match(r"Exercise (\d+)\.(\d+) \S", section)
        assert heading, section[:80]
        assert "**Goal:** " in section, heading[0]
        assert '"""' in section and re.search(r"About \d+ lines?", section), (
            f"{heading[0]}: a docstring that ends 'About 3 lines.'"
        )
        assert exercises.CHECK.search(section).groups() == heading.groups(), (
            f"{heading[0]} calls its own checker"
        )

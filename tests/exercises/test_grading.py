"""Graded by nbgrader: a solved notebook gets every point, an untouched one none, one with a single wrong
answer all but one.

Starting kernels that import torch is most of the cost. So the exercises of many chapters are put into one
notebook, which is released, handed in and graded. That each chapter's own notebook runs, and can be released,
is tested elsewhere."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = ROOT / "notebooks" / "solutions"
EXERCISES = ROOT / "notebooks" / "exercises"
NOTEBOOKS = sorted(path.relative_to(SOLUTIONS) for path in SOLUTIONS.glob("*/*.ipynb"))
STUDENTS = ("solved", "untouched", "one-wrong")
# a graded cell that ends in one of these is worth its full points to nbgrader; a number is worth that many
FULL = ("None", "True", "float('nan')", "'0.8'", "-1.0", "1")
SHARES = [NOTEBOOKS[worker::2] for worker in range(2)]  # graded side by side with one thread each


def environment():
    quiet = {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "TQDM_DISABLE": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    return {**os.environ, **quiet, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def check_cells(notebook):
    """Return the names of the cells that bring a point."""
    return [
        cell.metadata.nbgrader.grade_id
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    ]


def spoil_last_answer(notebook, value):
    """Let the last function of a solved notebook return ``value``."""
    cell = [cell for cell in notebook.cells if "### BEGIN SOLUTION" in cell.source][-1]
    before, rest = cell.source.split("### BEGIN SOLUTION")
    cell.source = before + f"return {value}" + rest.split("### END SOLUTION")[1]
    return notebook


def merged(names, student):
    """Return the student's notebooks ``names`` as one."""
    notebooks = [
        nbformat.read((EXERCISES if student == "untouched" else SOLUTIONS) / name, as_version=4)
        for name in names
    ]
    if student == "one-wrong":
        notebooks = [spoil_last_answer(n, FULL[i % len(FULL)]) for i, n in enumerate(notebooks)]
    cells = [cell for notebook in notebooks for cell in notebook.cells]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return nbformat.v4.new_notebook(cells=cells, metadata=notebooks[0].metadata)


def grade(names, course):
    """Grade the notebooks ``names`` in a course of their own; return {(student, name of a check cell):
    (points, error shown)}.
    """
    for student in STUDENTS:
        submitted = course / "submitted" / student / "all" / "merged.ipynb"
        submitted.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(merged(names, student), submitted)
    source = course / "source" / "all" / "merged.ipynb"
    source.parent.mkdir(parents=True)
    shutil.copy(course / "submitted" / "solved" / "all" / "merged.ipynb", source)
    for command in ("generate_assignment", "autograde"):
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", command, "all"],
            cwd=course,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=1200,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    return {
        (student, cell): result for student in STUDENTS for cell, result in results(course, student).items()
    }


def results(course, student):
    """Return {name of a check cell: (points, points to be had, name of the error shown or None)}."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        graded = gradebook.find_submission_notebook("merged", "all", student)
        points = {grade.name: (grade.score, grade.max_score) for grade in graded.grades}
    cells = [
        c
        for c in nbformat.read(course / "autograded" / student / "all" / "merged.ipynb", as_version=4).cells
        if c.cell_type == "code"
    ]
    assert all(cell.execution_count for cell in cells), f"{student}: not run to its end"
    shown = {
        cell.metadata.get("nbgrader", {}).get("grade_id"): out.ename
        for cell in cells
        for out in cell.outputs
        if out.output_type == "error"
    }
    assert set(shown) <= set(points), "an error in a cell that is no check"
    return {name: (*scored, shown.get(name)) for name, scored in points.items()}


@pytest.fixture(scope="module")
def grades(tmp_path_factory):
    with ThreadPoolExecutor(len(SHARES)) as pool:
        graded = [pool.submit(grade, share, tmp_path_factory.mktemp("course")) for share in SHARES]
        return {key: value for future in graded for key, value in future.result().items()}


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("name", NOTEBOOKS, ids=lambda name: name.stem)
def test_nbgrader_gives_the_points_that_are_due(name, grades):
    cells = check_cells(nbformat.read(SOLUTIONS / name, as_version=4))
    assert cells and cells == check_cells(nbformat.read(EXERCISES / name, as_version=4))
    assert [grades["solved", cell] for cell in cells] == [(1, 1, None)] * len(cells)
    assert [grades["untouched", cell] for cell in cells] == [(0, 1, "NotAttempted")] * len(cells)
    assert [grades["one-wrong", cell] for cell in cells] == [(1, 1, None)] * (len(cells) - 1) + [
        (0, 1, "Mistake")
    ]

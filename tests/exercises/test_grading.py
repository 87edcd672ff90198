"""Graded by nbgrader: the solved notebook gets every point, the untouched one none, one with a single wrong answer all but one.

The metadata are written by one script for all notebooks, so a single wrong answer is tried in two of them, the others' costly
checks run once."""

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
STUDENTS = {name: ["solved", "untouched", *(["one-wrong"] if name in NOTEBOOKS[:2] else [])] for name in NOTEBOOKS}
WORKERS = 2  # one thread each; starting kernels that import torch is most of the cost


def environment():
    quiet = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TQDM_DISABLE": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    return {**os.environ, **quiet, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def spoil_last_answer(notebook):
    """Let the last function of a solved notebook return None."""
    cell = [cell for cell in notebook.cells if "### BEGIN SOLUTION" in cell.source][-1]
    before, rest = cell.source.split("### BEGIN SOLUTION")
    cell.source = before + "return None" + rest.split("### END SOLUTION")[1]
    return notebook


def grade(names, course):
    """Grade the notebooks ``names`` as one assignment in a course of its own; return {(student, notebook): result}."""
    for name in names:
        for student in STUDENTS[name]:
            submitted = course / "submitted" / student / "all" / name.name
            submitted.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy((EXERCISES if student == "untouched" else SOLUTIONS) / name, submitted)
            if student == "one-wrong":
                nbformat.write(spoil_last_answer(nbformat.read(submitted, as_version=4)), submitted)
        (course / "source" / "all").mkdir(parents=True, exist_ok=True)
        shutil.copy(SOLUTIONS / name, course / "source" / "all")
    for command in ("generate_assignment", "autograde"):
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", command, "all"],
            cwd=course, env=environment(), capture_output=True, text=True, timeout=1200,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    return {(student, name): result(course, student, name) for name in names for student in STUDENTS[name]}


def result(course, student, name):
    """Return (points, points in all, names of the errors shown) of one graded notebook."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        graded = gradebook.find_submission_notebook(name.stem, "all", student)
        score, possible = graded.score, graded.max_score
    cells = [
        c for c in nbformat.read(course / "autograded" / student / "all" / name.name, as_version=4).cells if c.cell_type == "code"
    ]
    assert all(cell.execution_count for cell in cells), f"{student}: not run to its end"
    return score, possible, [out.ename for cell in cells for out in cell.outputs if out.output_type == "error"]


@pytest.fixture(scope="module")
def grades(tmp_path_factory):
    shares = [NOTEBOOKS[worker::WORKERS] for worker in range(WORKERS)]
    with ThreadPoolExecutor(WORKERS) as pool:
        graded = [pool.submit(grade, share, tmp_path_factory.mktemp("course")) for share in shares if share]
        return {key: value for future in graded for key, value in future.result().items()}


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("name", NOTEBOOKS, ids=lambda name: name.stem)
def test_nbgrader_gives_the_points_that_are_due(name, grades):
    possible = grades["solved", name][1]
    assert possible > 0
    assert grades["solved", name] == (possible, possible, [])
    assert grades["untouched", name] == (0, possible, ["NotAttempted"] * int(possible))
    if "one-wrong" in STUDENTS[name]:
        assert grades["one-wrong", name] == (possible - 1, possible, ["Mistake"])

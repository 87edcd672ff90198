"""How notebooks are run: outputs compared but for numbers after ~, and one that hangs is stopped in time."""

import os
import subprocess
import sys

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from scripts.notebooks import ROOT


def run(tmp_path, *cells, expect, seconds=60):
    """Run pytest on a notebook of (source, stored text) that may take ``seconds``; return what it prints."""
    stored = [
        new_code_cell(
            source,
            execution_count=1,
            outputs=[new_output("stream", name="stdout", text=text)] if text else [],
        )
        for source, text in cells
    ]
    text = "**Time:** 0 minutes to run on 2 CPU cores, 1 minute to study."
    notebook = new_notebook(cells=[new_markdown_cell(text), *stored])
    nbformat.write(notebook, tmp_path / "notebook.ipynb")
    (tmp_path / "impatient.py").write_text(
        f"import conftest\nconftest.MARGIN = {seconds}\n"
    )  # the notebook states 0 minutes
    options = [
        "-q",
        "-rN",
        "-p",
        "conftest",
        "-p",
        "impatient",
        "--rootdir",
        str(tmp_path),
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path / "notebook.ipynb")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


def test_all_is_compared_but_numbers_after_a_tilde(tmp_path):
    cells = [
        ("print('~ 98.97 % of 5 in ~1.5e-03 s')", "~97.1 % of 5 in ~ 2.0e+01 s\n"),
        ("import os\nprint(os.environ['TQDM_DISABLE'])", "1\n"),
        ("print('~98.97 % of 5')", "97.1 % of 5\n"),
        ("print('~98.97 % of 5')", "~97.1 % of 6\n"),
        ("print('~98.97 % of 5')", "~97.1 %\n"),
    ]
    printed = run(tmp_path, *cells, expect=1)
    assert "3 failed, 2 passed" in printed and printed.count("Cell outputs differ") == 3
    assert "stated, measured" in printed


def test_a_notebook_that_hangs_is_stopped_and_its_other_cells_are_skipped(tmp_path):
    cells = [("import time\ntime.sleep(300)", ""), ("print(1)", "1\n"), ("print(2)", "2\n")]
    printed = run(tmp_path, *cells, expect=1, seconds=4)
    assert "exceeded" in printed
    assert "1 failed, 2 skipped" in printed


def test_a_semicolon_hides_the_value_as_in_jupyter(tmp_path):
    printed = run(tmp_path, ("1 + 1;", ""), ("1 + 1", ""), expect=1)
    assert "1 failed, 1 passed" in printed

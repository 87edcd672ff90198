"""Execute notebooks from top to bottom and store them with their outputs.

    python -m scripts.notebooks [--check] [NOTEBOOK ...]

The notebooks named, or the chapters and solutions whose cells changed; ``--check`` then tests what was stored
(make notebooks does). A notebook remembers a digest of its cells (metadata ``prunelab.cells``), so that a
change of a cell is seen and an unchanged notebook is left alone. A notebook that fails is not stored."""

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from scripts.threads import sleep_while_waiting

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from scripts.frames import fewer_colours  # noqa: E402

WIDGET = "application/vnd.jupyter.widget-view+json"
EXPLORER = "explorer"  # in the metadata of an output: a frame of an explorer
NOTEBOOKS = ROOT / "notebooks"
TIME = re.compile(r"^\*\*Time:\*\* ([\d.]+) minutes? to run on 2 CPU cores, (\d+) minutes? to study", re.M)


def chapters_and_solutions() -> list[Path]:
    """Return what is executed and stored, in the order of the course: the chapters, then the solved
    exercises.
    """
    return sorted(NOTEBOOKS.glob("*.ipynb")) + sorted((NOTEBOOKS / "solutions").glob("*/*.ipynb"))


def stated_minutes(notebook: nbformat.NotebookNode) -> tuple[float, int] | None:
    """Return the minutes to run and to study that a notebook states in its first cells, or None."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := TIME.search(cell.source)):
            return float(found[1]), int(found[2])
    return None


def digest(notebook: nbformat.NotebookNode) -> str:
    """Return a digest of the cells' types, sources and tags: what decides whether stored outputs are up to
    date.
    """
    cells = [[cell.cell_type, cell.source, cell.metadata.get("tags", [])] for cell in notebook.cells]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:16]


def changed(path: Path) -> bool:
    notebook = nbformat.read(path, as_version=4)
    return notebook.metadata.get("prunelab", {}).get("cells") != digest(notebook)


FRAMES = """\
import sys
sys.path.insert(0, {root!r})
from scripts.frames import store
store(Out, {name!r});"""  # what a chapter's explorers show, for the website


def freeze(output: nbformat.NotebookNode) -> None:
    """Leave of an explorer's output its picture and its line: a stored widget cannot be shown, only run
    again.
    """
    data = output.get("data", {})
    if WIDGET in data and "image/png" in data:
        del data[WIDGET]
        data["image/png"] = fewer_colours(data["image/png"])
        output.metadata[EXPLORER] = True


def execute(path: Path) -> float:
    """Execute and store one notebook, in place; return the seconds it took. Nothing is stored if a cell
    fails.

    A chapter's explorers are moved along afterwards, and their frames stored for the website
    (``scripts/frames.py``)."""
    notebook = nbformat.read(path, as_version=4)
    began = time.perf_counter()
    if path.parent.name == "notebooks":
        notebook.cells.append(nbformat.v4.new_code_cell(FRAMES.format(root=str(ROOT), name=path.stem)))
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": path.parent}},
        store_widget_state=False,
    ).execute()
    seconds = time.perf_counter() - began
    if path.parent.name == "notebooks":
        notebook.cells.pop()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # time stamps
        for output in cell.get("outputs", []):
            freeze(output)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "prunelab": {"cells": digest(notebook)},
        }
    )
    partial = path.with_suffix(".partial")
    nbformat.write(notebook, partial)
    partial.replace(path)
    return seconds


if __name__ == "__main__":
    sleep_while_waiting()
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    # a progress bar is for the person who waits, not for the stored output
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    names = [name for name in sys.argv[1:] if name != "--check"]
    paths = [Path(name).resolve() for name in names] or [
        path for path in chapters_and_solutions() if changed(path)
    ]
    for path in paths:
        print(f"{path}: executed and stored in {execute(path):.1f} s", flush=True)
        if path.parent == NOTEBOOKS and "scoreboard.add(" in path.read_text(encoding="utf-8"):
            # the chapters after this one show its row
            subprocess.run([sys.executable, "-m", "scripts.scoreboard"], cwd=ROOT, check=True)
    if not paths:
        print("no notebook has changed")
    elif "--check" in sys.argv[1:]:
        sys.exit(
            subprocess.run(
                [sys.executable, "-m", "pytest", *map(str, paths), "tests/notebooks/test_form.py"], cwd=ROOT
            ).returncode
        )

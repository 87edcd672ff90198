"""Make the learners' exercise notebooks from the solved ones, with nbgrader.

    python scripts/exercises.py [FOLDER ...]    write notebooks/exercises from notebooks/solutions: all, or
    the folders named python scripts/exercises.py --check         change nothing; fail and name the files if
    they are out of date

First the solved notebooks get the metadata nbgrader needs, so that nobody writes it by hand: a cell with
``### BEGIN SOLUTION`` is a stub, a cell that calls ``check.ex_N_M`` is worth one point and may raise. Then
nbgrader clears the solutions and the outputs."""

import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
SOLUTIONS = ROOT / "notebooks" / "solutions"
EXERCISES = ROOT / "notebooks" / "exercises"
CHECK = re.compile(r"^check\.ex_(\d+)_(\d+)\(", re.MULTILINE)
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def mark(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Give the stubs and the check cells of a solved notebook nbgrader's metadata, and the check cells their
    tag.
    """
    stubs = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        found = CHECK.search(cell.source)
        if "### BEGIN SOLUTION" in cell.source:
            stubs.append(cell)
        elif found:
            name = f"ex_{found[1]}_{found[2]}"
            for i, stub in enumerate(stubs):
                stub.metadata.nbgrader = _roles(f"{name}_stub" + (f"_{i + 1}" if i else ""), solution=True)
            stubs = []
            cell.metadata.nbgrader = _roles(name, grade=True, locked=True, points=1)
            cell.metadata.tags = sorted({*cell.metadata.get("tags", []), "raises-exception"})
    if stubs:
        raise ValueError(f"no check cell follows the stub\n{stubs[0].source}")
    return notebook


def _roles(grade_id: str, **roles) -> dict:
    unset = {"grade": False, "locked": False, "solution": False, "task": False}
    return {"grade_id": grade_id, "schema_version": 3, **unset, **roles}


def release(sources: dict[str, nbformat.NotebookNode]) -> dict[str, str]:
    """Return the text of each released notebook, by the path of its source under the solutions
    (``chapter/name.ipynb``).
    """
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    os.environ["PATH"] = (
        f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader finds its helpers by PATH
    )
    with tempfile.TemporaryDirectory() as course:
        for name, notebook in sources.items():
            path = Path(course, "source", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, path)
        config = Config()
        config.CourseDirectory.root = course
        nbgrader = NbGraderAPI(config=config)
        for assignment in sorted({Path(name).parent.as_posix() for name in sources}):
            result = nbgrader.generate_assignment(assignment, create=True)
            if not result["success"]:
                raise RuntimeError(
                    f"nbgrader could not release {assignment}:\n{result.get('log') or result.get('error')}"
                )
        return {name: _tidy(Path(course, "release", name)) for name in sources}


def _tidy(path: Path) -> str:
    """Return a released notebook as text that is the same on every machine."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    return nbformat.writes(notebook) + "\n"


def main(arguments: list[str]) -> int:
    check = "--check" in arguments
    folders = [argument for argument in arguments if argument != "--check"] or ["*"]
    sources = {
        path.relative_to(SOLUTIONS).as_posix(): path
        for folder in folders
        for path in SOLUTIONS.glob(f"{folder}/*.ipynb")
    }
    stale, marked = {}, {}
    for name, path in sorted(sources.items()):
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        marked[name] = mark(notebook)
        if nbformat.writes(notebook) != before:
            stale[path] = nbformat.writes(notebook) + "\n"
    for name, text in release(marked).items():
        path = EXERCISES / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale[path] = text
    left_over = [
        path
        for f in folders
        for path in EXERCISES.glob(f"{f}/*.ipynb")
        if path.relative_to(EXERCISES).as_posix() not in sources
    ]
    for path in [*stale, *left_over]:
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(stale[path], encoding="utf-8") if path in stale else path.unlink()
        print(f"{path.relative_to(ROOT)}: {'out of date, run `make exercises`' if check else 'updated'}")
    if not stale and not left_over:
        print(f"{len(sources)} exercise notebooks are up to date")
    return 1 if check and (stale or left_over) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

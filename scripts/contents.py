"""Bring the table of chapters in README.md up to date: links and minutes, as the notebooks state them (make
contents).
"""

import re

import nbformat

from scripts.notebooks import NOTEBOOKS, ROOT, stated_minutes

README = ROOT / "README.md"
ROW = re.compile(r"^\| (?:\[)?(\d\d[\w.-]*?)(?:\]\([^)]*\))? \| (.*?) \| *[\d.]* \| *\d* \|$", re.M)


def updated(text: str) -> str:
    """Return ``text`` with a link and minutes in the row of each chapter that exists."""

    def row(match: re.Match) -> str:
        name, question = match[1], match[2]
        path = NOTEBOOKS / f"{name}.ipynb"
        if not path.is_file():
            return f"| {name} | {question} | | |"
        run, study = stated_minutes(nbformat.read(path, as_version=4)) or ("", "")
        return f"| [{name}](notebooks/{name}.ipynb) | {question} | {run} | {study} |"

    return ROW.sub(row, text)


def chapters(text: str) -> list[str]:
    """Return the names of the chapters in the table, in order."""
    return [match[1] for match in ROW.finditer(text)]


if __name__ == "__main__":
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")

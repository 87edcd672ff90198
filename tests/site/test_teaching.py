"""The teaching guide names sections, exercises and chapters that exist, and covers the whole course."""

import re
from pathlib import Path

import nbformat
import pytest

from scripts import contents

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"§(\d+(?:\.\d+)+)(?: \"([^\"]+)\")?", GUIDE)))
TWO_PART = {"3", "4", "7", "9", "10"}  # chapters 03.1 to 03.5 and so on: their sections have three numbers


def chapter_of(section: str) -> str:
    """Return the number in the chapter's file name: "3.1.4" stands in 03.1, "1.4" in 01."""
    first, *rest = section.split(".")
    return f"{int(first):02}" + (f".{rest[0]}" if first in TWO_PART else "")


def headings(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [
        text
        for cell in cells
        if cell.cell_type == "markdown"
        for text in re.findall(r"^#+ (.+)$", cell.source, re.M)
    ]


@pytest.mark.parametrize(("section", "name"), NAMED, ids=" ".join)
def test_section_exists(section: str, name: str):
    paths = list((ROOT / "notebooks").glob(f"{chapter_of(section)}-*.ipynb"))
    if not paths:
        pytest.skip(f"chapter {chapter_of(section)} is not there yet")
    found = headings(paths[0])
    assert any(re.match(rf"{re.escape(section)}\.? ", text) for text in found)
    assert not name or any(name in text for text in found)


def test_exercises_exist():
    solved = (ROOT / "notebooks" / "solutions").glob("*/*.ipynb")
    exist = {
        match
        for path in solved
        for text in headings(path)
        for match in re.findall(r"^Exercise (\d+\.\d+)", text)
    }
    chapters = {number.split(".")[0] for number in exist}
    text = re.sub(
        r"(\d+)\.(\d+) to \1\.(\d+)",
        lambda m: ", ".join(f"{m[1]}.{n}" for n in range(int(m[2]), int(m[3]) + 1)),
        GUIDE,
    )
    lines = [part for part in re.findall(r"\*\*Exercises\.\*\*([^\n]+)", text)] + re.findall(
        r"^\| \d .*\|([^|\n]+)\|$", text, re.M
    )
    named = {number for line in lines for number in re.findall(r"(?<![§\d.])\d+\.\d+(?![\d.]*\d)", line)}
    assert len(named) > 30
    assert not {number for number in named if number.split(".")[0] in chapters} - exist


def test_every_chapter_has_its_page():
    listed = contents.chapters((ROOT / "README.md").read_text(encoding="utf-8"))
    pages = re.findall(r"^### (\d+(?:\.\d)?) ", GUIDE, re.M)
    assert [name.split("-")[0] for name in listed] == pages
    for page in re.split(r"^### ", GUIDE.split("## Exercises for a class")[0], flags=re.M)[1:]:
        for part in ("**Goal.**", "**Time.**", "- Ask", "**Misconception", "**Exercises.**"):
            assert part in page, f"{page.splitlines()[0]}: {part} is missing"

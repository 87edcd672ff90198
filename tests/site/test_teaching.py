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


# --- the plan: minutes, slides, and what is asked --------------------------------------------------
LECTURE, SLIDES = 75, 60  # minutes and slides
PAGES = {
    page.split()[0]: page
    for page in re.split(r"^### ", GUIDE.split("## The capstone")[0], flags=re.M)[1:]
    if re.match(r"\d", page)
}
LECTURES = re.findall(r"^\| (\d) [^|]+\| ([\d., ]+) \| ([\d, ]+) \| ([^|]+) \|", GUIDE, re.M)


def planned(number: str) -> tuple[int, dict[str, int]]:
    """Return the minutes of a chapter's page, and those of each section that it plans."""
    line = re.search(r"\*\*Time\.\*\* (\d+) minutes: ([^\n]+)\.$", PAGES[number], re.M)
    return int(line[1]), {section: int(time) for section, time in re.findall(r"§([\d.]+\d) (\d+)", line[2])}


def slides_of(number: str, sections: set[str]) -> int:
    """Return how many slides and subslides stand in these sections of a chapter."""
    cells = nbformat.read(next((ROOT / "notebooks").glob(f"{number}-*.ipynb")), as_version=4).cells
    count, here = 0, ""
    for cell in cells:
        if cell.cell_type == "markdown" and (found := re.search(r"^## ([\d.]*\d)?", cell.source, re.M)):
            here = found[1] or ""
        kind = cell.metadata.get("slideshow", {}).get("slide_type")
        count += kind in ("slide", "subslide") and here in sections
    return count


@pytest.mark.parametrize("number", PAGES)
def test_a_page_asks_only_about_what_it_plans_and_leads_on(number: str):
    total, sections = planned(number)
    assert total == sum(sections.values())
    assert all(chapter_of(section) == number for section in sections)
    asked = re.findall(r"^- Ask \(§([\d.]+\d)\)", PAGES[number], re.M)
    assert asked and set(asked) <= set(sections)
    for part in ("**On the board.** ", "**Then.** "):
        assert PAGES[number].count(part) == 1, part
    assert re.search(r"\d", PAGES[number].split("**On the board.**")[1].split("\n")[0]), "a worked number"


@pytest.mark.parametrize(
    ("lecture", "chapters", "minutes", "left_out"), LECTURES, ids=lambda x: x[:12].strip()
)
def test_a_lecture_fits_its_time(lecture, chapters, minutes, left_out):
    numbers, stated = chapters.split(", "), [int(time) for time in minutes.split(", ")]
    plans = [planned(number) for number in numbers]
    assert [total for total, _ in plans] == stated and sum(stated) == LECTURE
    assert sum(slides_of(n, set(sections)) for n, (_, sections) in zip(numbers, plans, strict=True)) <= SLIDES
    every = {section for _, sections in plans for section in sections}
    assert set(re.findall(r"§([\d.]+\d)", left_out)) <= every, "left out of what is planned"


def test_nine_lectures_are_planned():
    assert [lecture for lecture, *_ in LECTURES] == list("123456789")
    assert {number for _, chapters, *_ in LECTURES for number in chapters.split(", ")} == set(PAGES)

"""The rules of form about what a chapter says: its scoreboard, its claims, its Chinese terms."""

import re
from pathlib import Path

from form_cells import Problems, chapter_number, code, is_chapter, markdown, tags
from nbformat import NotebookNode

from prunelab.scoreboard import moved

GLOSSARY = Path(__file__).resolve().parents[2] / "docs" / "glossary.md"

# The scoreboard stands where it tells something new: at the end of a part, and where bytes, MACs or time
# moved.
PART_ENDS = {
    "01": "the words, and the first cut",
    "03.5": "which weights",
    "04.4": "how much and when",
    "08": "the records",
}
BOARDS_MOVE = {"04.2": "the first removal", "07.1": "the first small file", "07.2": "the first fast product"}

CLAIM = re.compile(
    r"\b(?:always|never|(?:every|no) network|in general|the reason|because|causes?|due to)\b", re.I
)
# Such a sentence needs no check of its own: it is a guess or another's report and says so, or it says where
# it is shown.
HEDGED = re.compile(
    r"\?$|\b(?:perhaps|likely|guess|may|might|reports?|paper|and others|authors|by (?:definition|convention)"
    r"|section|chapters?)\b|\(\d[\d., andto]*\)|§",
    re.I,
)
NEAR = 3  # cells between a claim and its check
# These repeat what was shown, or name what others have shown.
UNCHECKED = ("Pitfalls", "Further reading", "Going further", "Summary")


def boards(notebook: NotebookNode, path: Path) -> Problems:
    """The scoreboard stands at the end of a part, and where bytes, MACs or time moved; nowhere else."""
    shown = [
        (number, cell) for number, cell in code(notebook) if re.search(r"\bscoreboard\.add\(", cell.source)
    ]
    if not shown or not is_chapter(path) or (here := chapter_number(path)) in PART_ENDS:
        return
    if here not in BOARDS_MOVE:
        yield f"cell {shown[0][0]} shows the scoreboard; this chapter is in neither PART_ENDS nor BOARDS_MOVE"
        return
    for number, cell in shown:
        boards = [o.get("metadata", {}).get("prunelab", {}).get("scoreboard") for o in cell.outputs]
        dense, *own = next(filter(None, boards), [{}])
        if not own or not any(moved(own[-1], dense, name) for name in ("bytes", "macs", "time")):
            yield f"cell {number} shows the scoreboard, and neither bytes nor MACs nor time moved"


def claims(notebook: NotebookNode, path: Path) -> Problems:
    """A sentence that claims something of all cases, or a cause, has a check cell near, in its section."""
    if not is_chapter(path):
        return
    sections, title = [], ""
    for cell in notebook.cells:
        found = re.findall(r"^##+ (.+)$", cell.source, re.M) if cell.cell_type == "markdown" else []
        sections.append(found[0] if found else title)
        title = found[-1] if found else title
    checked = [number for number, cell in enumerate(notebook.cells) if "check" in tags(cell)]
    for number, source in markdown(notebook):
        here = sections[number]
        if not here or any(word in here for word in UNCHECKED):
            continue  # before the first section a chapter says what it will show
        if any(sections[other] == here and abs(other - number) <= NEAR for other in checked):
            continue
        prose = re.sub(r"^\|.*\n(?=\| ?:?-)", "", source, flags=re.M)  # without the heads of tables
        for sentence in re.split(r"(?<=[.?!])\s+|\n\s*\n|\n(?=[-|])", prose):
            if CLAIM.search(sentence) and not HEDGED.search(sentence.strip()):
                said = " ".join(sentence.split())
                yield f"cell {number} claims {said!r}, and no check cell near asserts anything"


def glossary() -> dict[str, str]:
    """Return the Chinese term of every English one in the glossary's first table, and of each part of it."""
    found = {}
    for row in re.findall(
        r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \| [^|]+ \| [^|]+ \|$", GLOSSARY.read_text("utf-8"), re.M
    ):
        for name in (row[0], *re.split(r", |: ", row[0])):
            found[name.lower()] = row[1]
    return found


def terms(notebook: NotebookNode, path: Path) -> Problems:
    """A Chinese term beside a bold English one is the glossary's."""
    known = glossary()
    bold = r"\*\*([^*]+)\*\*(?:,[^(*]{,40})? \([^)\u4e00-\u9fff]*([\u4e00-\u9fff]+)"
    for number, source in markdown(notebook):
        for english, chinese in re.findall(bold, source):
            word = english.lower()
            longer = next((name for name in known if name.startswith(f"{word} ")), None)
            expected = next((known[n] for n in (word, word.removesuffix("s"), longer) if n in known), chinese)
            if chinese not in expected and expected not in chinese:
                yield f"cell {number} calls {english} {chinese}, the glossary {expected}"

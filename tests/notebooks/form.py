"""The rules of form: what every chapter and every solved exercise notebook looks like.

A rule takes a notebook and its path and yields what is wrong, in words. test_form.py applies each to every
stored notebook, and to a small broken one, so that every rule is seen to fail."""

import re
from itertools import pairwise
from pathlib import Path

from form_cells import Problems, code, is_chapter, markdown, printed, tags
from form_claims import boards, claims, terms
from nbformat import NotebookNode

from scripts.notebooks import digest, stated_minutes

MAX_BYTES = 600_000
MAX_LINES = 25
SLIDES = {"slide", "subslide", "fragment", "skip", "notes"}
SECTIONS = ("Pitfalls", "Summary", "Further reading")
MACHINE = re.compile(
    r"(?<![\w.~/-])/(?:home|root|tmp|work|Users|usr|opt|mnt|var)/\w|[A-Z]:\\Users|site-packages|\.venv/| at"
    r" 0x[0-9a-f]{6,}"
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|<a[^>]+href=\"([^\"]+)\"")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
IMG = re.compile(r"<img\b[^>]*>")


def title(notebook: NotebookNode, path: Path) -> Problems:
    """The first cell is the title; a chapter's has the number of its file and asks a question."""
    first = notebook.cells[0].source.splitlines()[0] if notebook.cells else ""
    if not first.startswith("# "):
        yield f"the first cell must begin with the title, got {first!r}"
    elif is_chapter(path):
        number = re.escape(re.sub(r"\b0(?=\d)", "", path.name.split("-")[0]))
        if not re.match(rf"# {number}\.? \S.*\?$", first):
            yield f"the title must read '# {number}. Title: the question?', got {first!r}"


def headings(notebook: NotebookNode, path: Path) -> Problems:
    """One title, no level left out; a chapter's numbered sections bear its number and count up."""
    found = [
        (number, len(marks), text)
        for number, source in markdown(notebook)
        for marks, text in re.findall(r"^(#+) (.+)$", source, re.M)
    ]
    if sum(level == 1 for _, level, _ in found) != 1:
        yield f"there must be one title, got {[text for _, level, text in found if level == 1]}"
    for (_, before, _), (number, level, text) in pairwise(found):
        if level > before + 1:
            yield f"cell {number}: heading {text!r} leaves out a level"
    if not is_chapter(path):
        return
    chapter = [int(part) for part in path.name.split("-")[0].split(".")]
    sections = [
        (text, [int(part) for part in match[1].split(".")])
        for _, level, text in found
        if level == 2 and (match := re.match(r"(\d+(?:\.\d+)+)\.? ", text))
    ]
    for expected, (text, numbers) in enumerate(sections, sections[0][1][-1] if sections else 1):
        if numbers != [*chapter, expected]:
            yield f"section {text!r} must have the number {'.'.join(map(str, [*chapter, expected]))}"
    for name in SECTIONS:
        if not any(level == 2 and name in text for _, level, text in found):
            yield f"the section {name!r} is missing"


def opening(notebook: NotebookNode, path: Path) -> Problems:
    """The minutes are stated; a chapter names its learning goals and what to read first."""
    if stated_minutes(notebook) is None:
        yield "a line like '**Time:** 1 minute to run on 2 CPU cores, 40 minutes to study.' is missing"
    if not is_chapter(path):
        return
    text = "\n".join(source for _, source in markdown(notebook))
    goals = re.search(r"\*\*You will be able to:?\*\*:?[^\n]*\n+((?:[-*] .+\n?(?:  .*\n?)*)+)", text)
    if not goals or not 3 <= len(re.findall(r"^[-*] ", goals[1], re.M)) <= 5:
        yield "'**You will be able to**' must be followed by a list of 3 to 5 goals"
    if "**Read first" not in text:
        yield "'**Read first**' is missing"


def executed(notebook: NotebookNode, path: Path) -> Problems:
    """Stored from one run from top to bottom."""
    counts = [cell.execution_count for _, cell in code(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts must be 1 to {len(counts)}, got {counts}"


def up_to_date(notebook: NotebookNode, path: Path) -> Problems:
    """The outputs belong to the cells as they are."""
    if notebook.metadata.get("prunelab", {}).get("cells") != digest(notebook):
        yield f"cells changed since the outputs were stored: make notebooks NB={path.name}"


def clean(notebook: NotebookNode, path: Path) -> Problems:
    """No error, nothing on stderr, no path of a machine and no address in an output, no picture twice."""
    for number, cell in code(notebook):
        kinds = [output.output_type for output in cell.outputs]
        if "error" in kinds and "raises-exception" not in tags(cell):
            yield f"cell {number} ends in an error"
        if any(output.get("name") == "stderr" for output in cell.outputs):
            yield f"cell {number} writes to stderr"
        if (found := MACHINE.search(printed(cell))) and "nbval-ignore-output" not in tags(cell):
            yield f"cell {number} shows a path or an address of one machine: {found[0]!r}"
        pictures = [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
        values = [o for o in cell.outputs if o.output_type == "execute_result" and "image/png" in o.data]
        drawn = [o for o in values if o.data.get("text/plain", "").startswith("<Figure")]
        if len(set(pictures)) < len(pictures) or (drawn and len(pictures) > len(values)):
            yield f"cell {number} shows one picture twice: end its last line with a semicolon"


def alt_text(notebook: NotebookNode, path: Path) -> Problems:
    """Every image says in words what it shows."""
    for number, source in markdown(notebook):
        for text, target in IMAGE.findall(source):
            if not text.strip():
                yield f"cell {number}: the image {target} has no alt text"
        for tag in IMG.findall(source):
            if not re.search(r"\balt=\"[^\"]+\"", tag):
                yield f"cell {number}: {tag} has no alt text"


def links(notebook: NotebookNode, path: Path) -> Problems:
    """Links and images lead to files that exist."""
    for number, source in markdown(notebook):
        yield from (f"cell {number}: {problem}" for problem in broken_links(source, path))


def broken_links(source: str, path: Path) -> Problems:
    """Yield the relative links of a markdown text in the file ``path`` that lead nowhere."""
    targets = [a or b for a, b in LINK.findall(source)] + [target for _, target in IMAGE.findall(source)]
    targets += re.findall(r"<img[^>]+src=\"([^\"]+)\"", source)
    for target in targets:
        if re.match(r"[a-z]+:|#", target):
            continue
        if not (path.parent / target.split("#")[0]).exists():
            yield f"the link to {target} leads nowhere"


def slides(notebook: NotebookNode, path: Path) -> Problems:
    """Every cell of a chapter says what it is in the lecture."""
    if is_chapter(path):
        for number, cell in enumerate(notebook.cells):
            kind = cell.metadata.get("slideshow", {}).get("slide_type")
            if kind not in SLIDES:
                yield f"cell {number}: slideshow.slide_type must be one of {sorted(SLIDES)}, got {kind!r}"


def predictions(notebook: NotebookNode, path: Path) -> Problems:
    """A folded output answers a question asked just before; a question asked has its answer folded."""
    for number, cell in enumerate(notebook.cells):
        if "hide-output" in tags(cell):
            before = [c.source for c in notebook.cells[:number] if c.cell_type == "markdown"][-1:]
            if "Predict" not in "".join(before):
                yield f"cell {number} is folded, but the text before it asks for no prediction"
            if not cell.metadata.get("jupyter", {}).get("outputs_hidden"):
                yield f"cell {number} is tagged hide-output and lacks jupyter.outputs_hidden"
        elif cell.cell_type == "markdown" and re.search(r"^\*\*Predict before you run", cell.source, re.M):
            after = [c for c in notebook.cells[number + 1 :] if c.cell_type == "code"][:1]
            if not after or "hide-output" not in tags(after[0]):
                yield f"cell {number} asks for a prediction; the code cell after it shows the answer unfolded"


def measured(notebook: NotebookNode, path: Path) -> Problems:
    """A number that depends on the machine or on training is asserted by the check cell behind it; in an
    exercise by its own.
    """
    here = r"\bcheck\.|widgets\.|scoreboard\." + ("" if is_chapter(path) else r"|\bassert\b")
    cells = list(code(notebook))
    for (number, cell), (_, behind) in zip(cells, [*cells[1:], (0, None)], strict=True):
        asserted = re.search(here, cell.source) or (behind is not None and "check" in tags(behind))
        moves = "nbval-ignore-output" in tags(cell)  # an explorer; tests of its own assert what it says
        if re.search(r"~\s*[-+]?\d", printed(cell)) and not asserted and not moves:
            yield f"cell {number} prints a measured number (~) and no check cell behind it asserts anything"


def checks(notebook: NotebookNode, path: Path) -> Problems:
    """Lesson cells hold lesson code; asserts stand behind the result, in check cells of their own, folded and
    off the slides.
    """
    for number, cell in code(notebook) if is_chapter(path) else ():
        asserts = re.search(r"^\s*assert\b", cell.source, re.M)
        if "check" not in tags(cell):
            if asserts:
                yield (
                    f"cell {number} asserts among lesson code: move the assert to a cell tagged 'check' right"
                    " behind it"
                )
            continue
        if not asserts:
            yield f"cell {number} is tagged 'check' and asserts nothing"
        if not cell.metadata.get("jupyter", {}).get("source_hidden"):
            yield f"cell {number} is tagged 'check' and lacks jupyter.source_hidden"
        if cell.metadata.get("slideshow", {}).get("slide_type") != "skip":
            yield f"cell {number} is tagged 'check' and is shown on slides"
        if cell.outputs:
            yield f"cell {number} is tagged 'check' and shows an output: a result belongs to the lesson"


def compared(notebook: NotebookNode, path: Path) -> Problems:
    """nbval compares every output; only widgets are left out."""
    for number, cell in code(notebook):
        ignored = (
            "nbval-ignore-output" in tags(cell)
            or re.search(r"NBVAL_(IGNORE_OUTPUT|SKIP)", cell.source)
            or "nbval-skip" in tags(cell)
        )
        if ignored and not re.search(r"\bwidgets\.|interact|explor", cell.source):
            yield f"cell {number} is no widget and is not compared"


def small(notebook: NotebookNode, path: Path) -> Problems:
    """Short cells, small files."""
    for number, cell in code(notebook):
        lines = [
            line for line in cell.source.splitlines() if line.strip() and not line.strip().startswith("#")
        ]
        if len(lines) > MAX_LINES:
            yield f"cell {number} has {len(lines)} lines of code, at most {MAX_LINES} are allowed"
    if path.exists() and path.stat().st_size > MAX_BYTES:
        yield f"the file has {path.stat().st_size:,} bytes, at most {MAX_BYTES:,} are allowed"


RULES = (
    title,
    headings,
    opening,
    executed,
    up_to_date,
    clean,
    alt_text,
    links,
    slides,
    predictions,
    measured,
    checks,
    boards,
    claims,
    terms,
    compared,
    small,
)

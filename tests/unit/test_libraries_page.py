"""docs/libraries.md: a row has the name of a test or of a script in findings/, and none is missing."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "libraries.md").read_text(encoding="utf-8")
PARTS = ("torch", "tools", "networks")
FINDINGS = sorted((ROOT / "findings").glob("*.sh"))


def rows(text: str) -> list[str]:
    cells = re.findall(r"^\| (`[^|]+`) \|", text, flags=re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def names_of_tests(parts: tuple[str, ...]) -> set[str]:
    files = (Path(__file__).with_name(f"test_libraries_{part}.py") for part in parts)
    return {
        name
        for path in files
        for name in re.findall(r"^def test_(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }


def test_rows_are_the_tests_and_the_findings():
    surprises, answers = (rows(part) for part in PAGE.split("## What PruneLab does about it"))
    assert len(surprises) >= 40 and len(surprises) == len(set(surprises))
    assert set(surprises) == names_of_tests(PARTS) | {path.stem for path in FINDINGS}
    assert sorted(answers) == sorted(names_of_tests(("answers",)))


def test_findings_pin_say_and_fail():
    for path in FINDINGS:
        text = path.read_text(encoding="utf-8")
        packages = re.search(r"^packages=\((.+)\)$", text, re.MULTILINE)[1].split()
        assert packages and all("==" in package for package in packages), path.name
        assert all(f"# {word}" in text for word in ("Expected:", "Seen:", "For a pruned network:")), path.name
        assert "set -euo pipefail" in text and "\nassert " in text, path.name
        assert "prunelab" not in text.lower(), f"{path.name} runs without the product"


def test_readme_lists_every_finding():
    listed = re.findall(
        r"^\| \[([\w-]+)\]", (ROOT / "findings" / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert listed == [path.stem for path in FINDINGS]

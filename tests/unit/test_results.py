"""The stored results of long runs: each says where it comes from, and the script that made it is here."""

import json
from pathlib import Path

import pytest

from prunelab.data import DATA

RESULTS = [path for path in sorted((DATA / "results").glob("*")) if ".partial" not in path.name]
SCRIPTS = Path(__file__).resolve().parents[2] / "experiments"


def provenance(path):
    """Return the entry "provenance" of a JSON file, or of one of the lines of a JSON Lines file."""
    text = path.read_text()
    records = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]
    return next((record["provenance"] for record in records if "provenance" in record), None)


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name)
def test_results_name_the_script_that_is_here(path):
    assert path.suffix in (".json", ".jsonl")
    assert (SCRIPTS / f"{path.stem}.py").is_file()
    said = provenance(path)
    assert said, "the entry 'provenance' is missing"
    assert said["script"] == f"experiments/{path.stem}.py"
    assert said["torch"]
    assert path.stat().st_size < 2_000_000

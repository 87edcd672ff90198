"""Collect the scoreboard: one row for each chapter, measured by the chapter's own last cells.

    python -m scripts.scoreboard        a second; run it when a chapter was executed again

Every chapter that closes with the scoreboard measures LeNet300 as it has become (``prunelab.scoreboard``)
and leaves its row in the metadata of the stored output. Later chapters show the rows of earlier ones, which
they read from ``data/results/scoreboard.json``."""

from pathlib import Path

import nbformat
import torch

from prunelab import sweep
from prunelab.scoreboard import STORED
from scripts.notebooks import NOTEBOOKS

PROVENANCE = {
    "script": "scripts/scoreboard.py",
    "networks": "lenet300, seed 0",
    "recipe": (
        "each row is measured by the chapter named, on the validation split; time in ms for 64 images, null"
        " where it cannot be told from the dense network's; share: over the dense network's, measured in"
        " turns with it"
    ),
}


def kept(chapter: Path) -> list[dict]:
    """Return the dense row and the chapter's own that a stored chapter holds, or [] if it has no board."""
    for cell in nbformat.read(chapter, as_version=4).cells:
        for output in cell.get("outputs", []):
            rows = output.get("metadata", {}).get("prunelab", {}).get("scoreboard")
            if rows:
                return rows
    return []


def collected(folder: Path = NOTEBOOKS) -> list[dict]:
    """Return the rows of all stored chapters, the dense network's from the first of them.

    ``share`` is a row's time over that of the dense network, measured in turns with it: this holds on other
    machines, too."""
    found: list[dict] = []
    for path in sorted(folder.glob("[0-9]*.ipynb")):
        rows = kept(path)
        for row in rows if not found else rows[1:]:
            time = row["time"]
            share = None if time is None else round(time / rows[0]["time"], 4)
            found.append({"notebook": path.stem} | row | {"share": share})
    return found


if __name__ == "__main__":
    rows = collected()
    sweep.store(STORED, PROVENANCE | {"torch": torch.__version__.split("+")[0]}, {"rows": rows})
    print(f"{STORED}: {len(rows)} rows")

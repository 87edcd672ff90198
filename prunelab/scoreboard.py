"""The course's scoreboard: one network, LeNet300, measured where a part of the course ends and where bytes,
MACs or time move, a row for each such chapter so far.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments, tables
from prunelab.data import DATA
from prunelab.measure import SAME, compare
from prunelab.models import load_pretrained

STORED = DATA / "results" / "scoreboard.json"
BATCH = 64  # images in one timed pass; MACs are those of one image
COUNTS = ("nonzeros", "bytes", "macs")
HEAD = ("", "what was done", "accuracy", "nonzeros", "bytes", "MACs", "time")
DENSE = "dense"


@dataclass(frozen=True)
class Board:
    """Rows of the scoreboard, the dense network first; prints as a table, and shows as one in a notebook.

    A row is a dict: ``chapter``, ``what``, ``accuracy`` (% of the validation split), ``nonzeros``, ``bytes``,
    ``macs`` (one image), ``time`` (ms for a batch of 64; None where it cannot be told from the dense
    network's). What did not move is greyed."""

    rows: list[dict]

    def _cells(self) -> list[list[str]]:
        return [
            [
                row["chapter"],
                row["what"],
                f"~{row['accuracy']:6.2f} %",
                *(f"{row[name]:,}" for name in COUNTS),
                f"~{'same':>10}" if row["time"] is None else f"~{row['time']:7.3f} ms",
            ]
            for row in self.rows
        ]

    def __str__(self) -> str:
        return tables.text(list(HEAD), self._cells(), left=2)

    __repr__ = __str__

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        """Leave the dense row and the chapter's own in the metadata of the stored output, where
        ``scripts/scoreboard.py`` collects them; what is shown is the text and the table."""
        return {}, {"prunelab": {"scoreboard": [self.rows[0], self.rows[-1]]}}

    def _repr_html_(self) -> str:
        pale = {
            (place, 3 + i)
            for place, row in enumerate(self.rows)
            for i, name in enumerate(COUNTS)
            if moved(row, self.rows[0], name) is False
        }
        note = (
            f"LeNet300; accuracy on the validation split, MACs for one image, time for {BATCH}. Grey: did not"
            " move."
        )
        return f"{tables.web(list(HEAD), self._cells(), pale)}<p>{note}</p>"


def moved(row: Mapping, dense: Mapping, quantity: str) -> bool | None:
    """Return whether ``quantity`` of ``row`` differs from the dense network's; None for the dense row itself.
    Source: notebook 00.

    ``quantity`` is a column: ``accuracy``, ``nonzeros``, ``bytes``, ``macs`` or ``time``. Raises ValueError
    for any other."""
    arguments.one_of("quantity", quantity, ("accuracy", *COUNTS, "time"))
    for name, value in (("row", row), ("dense", dense)):
        if not isinstance(value, Mapping) or not {"chapter", quantity} <= set(value):
            raise TypeError(
                f"{name} must be a row of the scoreboard, a dict with {quantity!r}, got {value!r:.80}"
            )
    if row["chapter"] == DENSE:
        return None
    return row["time"] is not None if quantity == "time" else row[quantity] != dense[quantity]


def add(
    chapter: str, what: str, model: nn.Module, dataset: TensorDataset, counts: Mapping[str, int] | None = None
) -> Board:
    """Measure ``model`` beside the dense LeNet300 (seed 0) and return the board: the rows of the chapters
    before, then this one.

    ``chapter`` is the notebook's number ("04.2"), ``what`` says in a few words what was done. Accuracy is on
    ``dataset`` (the validation split), time is that of the first 64 images, measured in turns with the dense
    network; an earlier chapter's time is the share of the dense network's time that was measured there.
    ``counts`` replaces what ``measure`` counts by what holds for another form of storage or computation:
    ``nonzeros``, ``bytes``, ``macs`` (of one image).

    Raises TypeError or ValueError for a chapter that is no number, a ``what`` of more than 40 characters or
    with two spaces in a row, an unknown name or a negative number in ``counts``, and as ``measure.compare``
    does. Source: notebook 00."""
    if not isinstance(chapter, str) or not re.fullmatch(r"\d\d(\.\d)?", chapter):
        raise ValueError(f"chapter must be a number such as '04.2', got {chapter!r}")
    if not isinstance(what, str) or not 0 < len(what) <= 40 or "  " in what or what != what.strip():
        raise ValueError(f"what must be a text of 1 to 40 characters without double spaces, got {what!r}")
    for name, value in (counts or {}).items():
        arguments.count(f"counts[{arguments.one_of('a name in counts', name, COUNTS)!r}]", value, at_least=0)
    if not isinstance(dataset, TensorDataset) or len(dataset) < BATCH:
        raise TypeError(
            f"dataset must be a TensorDataset of at least {BATCH} images and labels, got"
            f" {type(dataset).__name__}"
        )
    table = compare({DENSE: load_pretrained("lenet300"), "now": model}, dataset[:BATCH][0], dataset)
    dense, now = (_row(row) for row in table.rows)
    dense |= {"chapter": DENSE, "what": "as trained"}
    now |= {"chapter": chapter, "what": what} | dict(counts or {})
    stored = json.loads(STORED.read_text(encoding="utf-8"))["rows"] if STORED.exists() else []
    before = [_here(row, dense) for row in stored if row["chapter"] != DENSE and row["chapter"] < chapter]
    return Board([dense, *before, now])


def _here(row: Mapping, dense: Mapping) -> dict:
    """Return a stored row with the time that its share of the dense network's time means on this machine."""
    time = None if row["share"] is None else round(row["share"] * dense["time"], 3)
    return {key: row[key] for key in dense} | {"time": time}


def _row(measured: Mapping) -> dict:
    """Return what the board shows of a row of ``measure.compare``, whose MACs are those of a batch."""
    return {
        "accuracy": round(measured["accuracy"], 2),
        "nonzeros": measured["nonzeros"],
        "bytes": measured["bytes"],
        "macs": measured["macs"] // BATCH,
        "time": None if measured["verdict"] == SAME else round(1e3 * measured["latency"].median, 3),
    }

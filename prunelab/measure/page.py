"""One page about a pruned network: for the person who has to believe it."""

import base64
import html
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import nn

from prunelab import arguments, tables
from prunelab.arguments import Example
from prunelab.measure.clock import REAL, SAME
from prunelab.measure.reasons import _weights, not_faster, not_smaller
from prunelab.measure.side_by_side import compare, counted
from prunelab.weights import count_nonzero

QUANTITIES = {
    "parameters": "parameters",
    "nonzeros": "nonzero parameters",
    "bytes": "bytes on disk",
    "macs": "MACs",
}
STYLE = (
    "body{font-family:sans-serif;max-width:56em;margin:2em auto;padding:0"
    " 1em}table{border-collapse:collapse;margin:1em 0}th,td{padding:.25em .7em;border-bottom:1px solid"
    " #ddd;text-align:right}th:first-child,td:first-child{text-align:left}img{max-width:100%}"
)


@dataclass(frozen=True)
class Report:
    """The result of ``report``: prints as text, shows as a page in a notebook, ``save`` writes it as one
    file.

    ``rows`` are those of ``compare``, the dense network first. ``layers`` holds one dict per weight:
    ``name``, ``dense`` and ``pruned`` (shapes; None for a layer that is gone) and ``density`` (nonzeros left
    / elements of the dense weight). ``moved`` says of each quantity whether it fell by at least 10 %.
    ``reasons`` are sentences: why the file is not smaller, or the network not faster, or less so than its
    MACs promise."""

    rows: list[dict]
    layers: list[dict]
    moved: dict[str, bool]
    reasons: list[str]
    conditions: str

    def summary(self) -> str:
        """Return the page's first sentence: what was won, and at what price. Source: notebook 09.2."""
        dense, pruned = self.rows
        parts = [
            f"{dense['bytes'] / pruned['bytes']:.2f} x fewer bytes",
            f"{dense['macs'] / max(1, pruned['macs']):.2f} x fewer MACs"
            + (" of those counted" if dense["macs"].uncounted or pruned["macs"].uncounted else ""),
        ]
        speed = pruned["verdict"].removeprefix("~").strip()
        speed = SAME.replace("difference", "difference in time") if speed == SAME else speed
        interval = (
            f"(~{pruned['speedup']:.2f} x, 90 % interval ~{pruned['speedup_low']:.2f} to"
            f" ~{pruned['speedup_high']:.2f})"
        )
        price = ""
        if pruned["accuracy"] is not None:  # a share from 0 to 1 has no points
            points = " points" if self._digits() == 2 else ""
            price = f"; quality ~{self._quality(pruned['accuracy'] - dense['accuracy'], '+')}{points}"
        return f"{', '.join(parts)}, ~{speed} {interval}{price}."

    def _tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        dense, pruned = self.rows
        body = [
            [
                label,
                counted(dense[key]),
                counted(pruned[key]),
                f"{dense[key] / max(1, pruned[key]):.2f} x",
                self._said(label),
            ]
            for key, label in QUANTITIES.items()
        ]
        times = [f"~{1e3 * row['latency'].median:7.3f}" for row in self.rows]
        body.append(["milliseconds", *times, f"~{pruned['speedup']:.2f} x", "~" + self._said("milliseconds")])
        if pruned["accuracy"] is not None:
            values = [f"~{self._quality(row['accuracy']):>6}" for row in self.rows]
            change = self._quality(pruned["accuracy"] - dense["accuracy"], "+")
            body.insert(0, ["quality", *values, f"~{change}", ""])
        layers = [
            [row["name"], _shape(row["dense"]), _shape(row["pruned"]), f"{100 * row['density']:.1f} %"]
            for row in self.layers
        ]
        return [
            ("What it is", ["", "dense", "pruned", "ratio", ""], body),
            ("Layers", ["weight", "dense", "pruned", "values left"], layers),
        ]

    def _digits(self) -> int:
        """Return how many decimals the quality has: two for percent, more for a number between -1 and 1."""
        return 2 if max(abs(row["accuracy"]) for row in self.rows) > 1.5 else 4

    def _quality(self, value: float, sign: str = "") -> str:
        return format(value, f"{sign}.{self._digits()}f")

    def _said(self, label: str) -> str:
        return "" if self.moved[label] else "did not move"

    def _notes(self) -> list[str]:
        still = [label for label, moved in self.moved.items() if not moved]
        lead = f"Did not move by 10 %: {', '.join(still)}." if still else "Everything moved."
        return [
            lead,
            *self.reasons,
            f"{self.conditions}. A ~ marks what depends on the machine or on training.",
        ]

    def __str__(self) -> str:
        blocks = [f"{title}\n{tables.text(head, body)}" for title, head, body in self._tables()]
        return "\n\n".join([self.summary(), *blocks, "\n".join(f"- {note}" for note in self._notes())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        blocks = [f"<h3>{title}</h3>{tables.web(head, body)}" for title, head, body in self._tables()]
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self._notes())
        return f"<p><strong>{html.escape(self.summary())}</strong></p>{''.join(blocks)}<ul>{notes}</ul>"

    def save(self, path: Path | str, figure: Figure) -> Path:
        """Write the page with ``figure``, as ``plot.report`` draws it, to ``path``, one self-contained
        ``.html`` or ``.md`` file, and return the path.

        Raises TypeError if ``figure`` is none, ValueError for another ending and FileNotFoundError if the
        folder does not exist. Source: notebook 09.2."""
        if not isinstance(path, Path | str):
            raise TypeError(f"path must be a str or a Path, got {path!r:.80}")
        path = Path(path)
        if not isinstance(figure, Figure):
            raise TypeError(
                f"figure must be a matplotlib figure, such as plot.report(page), got {figure!r:.80}"
            )
        arguments.one_of("the ending of path", path.suffix, (".html", ".md"))
        if not path.parent.is_dir():
            raise FileNotFoundError(f"path must be in a folder that exists, got {path}")
        image, alt = (
            f"data:image/png;base64,{_picture(figure)}",
            html.escape(f"What is left of the dense network: {self.summary()}"),
        )
        if path.suffix == ".html":
            body = f'<h1>Pruning report</h1>{self._repr_html_()}<img src="{image}" alt="{alt}">'
            head = f'<meta charset="utf-8"><title>Pruning report</title><style>{STYLE}</style>'
            path.write_text(
                f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n',
                encoding="utf-8",
            )
            return path
        blocks = [f"## {title}\n\n{tables.markdown(head, body)}" for title, head, body in self._tables()]
        notes = "\n".join(f"- {note}" for note in self._notes())
        page = ["# Pruning report", f"**{self.summary()}**", *blocks, "## Notes", notes, f"![{alt}]({image})"]
        path.write_text("\n\n".join(page) + "\n", encoding="utf-8")
        return path


def report(
    dense: nn.Module,
    pruned: nn.Module,
    example_input: Example,
    evaluate: Callable[[nn.Module], float] | None = None,
) -> Report:
    """Return a one-page report on ``pruned`` against ``dense``: a table, densities by layer, latency, what
    did not move and why.

    MACs and latency are those of one pass of ``example_input``: a batch, a tuple of arguments or a dict of
    named ones. ``evaluate(model)`` returns a number, larger = better, for the quality that pruning must not
    cost, of any range. What the MACs do not contain, and what is masked and not removed, is named.
    ``plot.report`` draws the page, ``save`` writes a file.

    Raises TypeError or ValueError if one of the two is no module, ``example_input`` is no tensor, or
    ``evaluate`` is no function or returns no finite number. Source: notebook 09.2."""
    arguments.module("dense", dense)
    arguments.module("pruned", pruned)
    if evaluate is not None and (not callable(evaluate) or isinstance(evaluate, torch.nn.Module)):
        raise TypeError(f"evaluate must be a function of a model, got {evaluate!r:.80}")
    comparison = compare({"dense": dense, "pruned": pruned}, example_input, evaluate)
    first, second = comparison.rows
    moved = {label: second[key] * (1 + REAL) < first[key] for key, label in QUANTITIES.items()}
    moved["milliseconds"] = second["speedup_low"] > 1 + REAL
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "MACs without")  # compare has named it
        slow = not_faster(dense, pruned, example_input, second["speedup_low"], second["speedup_high"])
    why = not_smaller(dense, pruned) + slow
    return Report(comparison.rows, _layers(dense, pruned), moved, why, comparison.conditions)


def _layers(dense: nn.Module, pruned: nn.Module) -> list[dict]:
    after, found = _weights(pruned), []
    for name, weight in _weights(dense).items():
        # a wrapper around the pruned network puts its own name in front
        known = [other for other in after if other == name or other.endswith(f".{name}")]
        left = after[min(known, key=len)] if known else None
        found.append(
            {
                "name": name,
                "dense": tuple(weight.shape),
                "pruned": None if left is None else tuple(left.shape),
                "density": 0.0 if left is None else count_nonzero(left) / weight.numel(),
            }
        )
    return found


def _picture(figure: Figure) -> str:
    """Return ``figure`` as the text of a PNG file in base64."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode()


def _shape(shape: tuple | None) -> str:
    return "gone" if shape is None else " x ".join(map(str, shape))

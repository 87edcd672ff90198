"""The figure that closes every chapter: what has moved so far, and what has not."""

from collections.abc import Mapping, Sequence

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from prunelab import arguments
from prunelab.plot import _style
from prunelab.scoreboard import moved

PANELS = {"accuracy": "error (%)", "nonzeros": "nonzeros", "bytes": "bytes", "macs": "MACs", "time": "time"}
UNMOVED = "#A6A6A6"
SHARES = (1, 3, 10, 30, 100)


def scoreboard(rows: Sequence[Mapping]) -> Figure:
    """Draw the rows of ``prunelab.scoreboard``, the dense network first: a panel for each quantity, a line
    for each row.

    The first panel shows the error on the validation split, the others the share of the dense network's
    number, both on a logarithmic axis. What did not move is a grey dot on the dense network's dotted line,
    what moved a bar that ends in a square.

    Raises TypeError or ValueError if ``rows`` holds no rows of the scoreboard. Source: notebook 00.
    """
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
        raise TypeError(f"rows must be the rows of a scoreboard, got {rows!r:.80}")
    if not all(isinstance(row, Mapping) and {"chapter", *PANELS} <= set(row) for row in rows):
        raise TypeError(f"rows must be dicts with chapter, {', '.join(PANELS)}, got {rows!r:.80}")
    verdicts = {quantity: [moved(row, rows[0], quantity) for row in rows] for quantity in PANELS}
    figure, axes = plt.subplots(1, len(PANELS), figsize=(_style.WIDTH, 1.1 + 0.22 * len(rows)), sharey=True)
    for axis, (quantity, title) in zip(axes, PANELS.items(), strict=True):
        values = [_value(row, rows[0], quantity) for row in rows]
        start = values[0]
        axis.axvline(start, color="black", linestyle=":", linewidth=1)
        for place, (value, changed) in enumerate(zip(values, verdicts[quantity], strict=True)):
            colour = _style.KEPT if changed else UNMOVED
            if changed:
                axis.plot([start, value], [place, place], color=colour, linewidth=3, marker="")
            axis.plot(value, place, color=colour, marker="s" if changed else "o", markersize=5)
        _axis(axis, quantity, title, values)
    axes[0].set_yticks(range(len(rows)), [row["chapter"] for row in rows], fontsize=8)
    axes[0].invert_yaxis()
    return figure


def _value(row: Mapping, dense: Mapping, quantity: str) -> float:
    """Return the error in percent, or the share of the dense network's number in percent."""
    if quantity == "accuracy":
        return max(100 - row["accuracy"], 0.1)
    if quantity == "time" and (row["time"] is None or row["chapter"] == dense["chapter"]):
        return 100.0
    return max(100 * row[quantity] / arguments.positive(f"rows[0][{quantity!r}]", dense[quantity]), 0.1)


def _axis(axis: plt.Axes, quantity: str, title: str, values: Sequence[float]) -> None:
    axis.set_xscale("log")
    ticks = [t for t in (*SHARES, 0.3, 300) if min(values) / 1.6 <= t <= max(values) * 1.6]
    axis.set_xlim(
        min(*values, 30 if quantity != "accuracy" else 1.2) / 1.7,
        max(*values, 100 if quantity != "accuracy" else 3) * 1.7,
    )
    axis.set_xticks(ticks, [f"{t:g}" for t in ticks], fontsize=8)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_title(title, fontsize=10)
    axis.set_xlabel("%" if quantity == "accuracy" else "% of dense", fontsize=8)

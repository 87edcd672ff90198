"""The explorer of notebook 04.4: tickets at every density."""

from collections.abc import Mapping, Sequence

import ipywidgets as w
from matplotlib.figure import Figure

from prunelab import arguments, plot
from prunelab.widgets._explorer import explorer

COLUMNS = {"round", "start", "left", "valid", "test"}


def ticket_explorer(rows: Sequence[Mapping], every: int) -> w.VBox:
    """Return an explorer with a slider for the density: how a ticket and, where they were trained, its
    controls learn.

    ``rows`` are the tickets of ``data/results/before_training.json``; ``every`` is the number of steps
    between two entries of their validation curves. Raises TypeError if they are something else, ValueError if
    there is no ticket among them. Source: notebook 04.4."""
    if not isinstance(rows, Sequence) or not all(
        isinstance(row, Mapping) and set(row) >= COLUMNS for row in rows
    ):
        raise TypeError(f"rows must be a list of dicts with {', '.join(sorted(COLUMNS))}, got {rows!r:.80}")
    arguments.count("every", every)
    left = {row["round"]: row["left"] for row in rows if row["start"] == "ticket"}
    if not left:
        raise ValueError("rows must hold at least one ticket, got none")

    def draw(density: int) -> tuple[Figure, str]:
        curves, words = {}, []
        for label, number in (
            ("dense", 0),
            ("ticket", density),
            ("new initialisation", density),
            ("random mask", density),
        ):
            found = [
                r
                for r in rows
                if r["round"] == number and r["start"] == ("ticket" if label == "dense" else label)
            ]
            if found:
                at = [every * (i + 1) for i in range(len(found[0]["valid"]))]
                curves[label] = (at, [row["valid"] for row in found])
                words.append(f"{label} ~{sum(row['test'] for row in found) / len(found):.2f} %")
        figure = plot.curve_panels(
            {f"{100 * left[density]:.1f} % of the weights": curves}, "step", ["validation accuracy (%)"]
        )
        figure.axes[0].set_ylim(80, 100)
        return figure, "test accuracy at the end: " + ", ".join(words)

    options = [(f"{100 * left[number]:.1f} %", number) for number in sorted(left)]
    return explorer(
        draw, density=w.SelectionSlider(options=options, value=options[-1][1], description="weights left")
    )

"""Figures of chapter 03.5: every criterion on one board, and differences with their intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _axes, _style


def dot_board(
    panels: Mapping[str, Mapping[str, Sequence[float]]], xlabel: str, error: bool = False
) -> Figure:
    """Draw one row per criterion and one dot per network, a bar at the mean; one panel per title, rows in the
    order given.

    All panels have one range. With ``error`` the values are accuracies in percent, drawn as errors on a
    logarithmic axis, so that a table as pruned and one after fine-tuning stand side by side. Every panel has
    the same criteria. Raises ValueError if they differ. Source: notebook 03.5."""
    rows, boards = _boards(panels, error)
    size = (_style.WIDTH, 1.2 + 0.26 * len(rows))
    figure, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False, sharey=True, sharex=True)
    dot = {"color": _style.SKY, "markeredgecolor": _style.BLUE, "markeredgewidth": 0.5}
    bar = {"color": _style.RED, "linewidth": 2.5, "marker": ""}
    for axis, (title, board) in zip(axes[0], boards.items(), strict=True):
        for i, values in enumerate(board):
            axis.plot(values, [i] * len(values), "o", label="one network", **dot)
            axis.plot([np.mean(values)] * 2, [i - 0.35, i + 0.35], label="mean", **bar)
        axis.set(title=title, xlabel=xlabel, ylim=(len(rows) - 0.5, -0.5))
    axes[0, 0].set_yticks(range(len(rows)), rows)
    if error:
        _axes.logarithmic(
            axes[0, 0].xaxis, np.concatenate([values for board in boards.values() for values in board])
        )
    _style.legend_below(figure)
    return figure


def _boards(panels, error: bool) -> tuple[list[str], dict[str, list[np.ndarray]]]:
    """Return the criteria, and for each panel of ``dot_board`` what it draws of each."""
    first = next(iter(arguments.mapping("panels", panels).values()))
    rows = list(arguments.mapping("the first of panels", first))
    ends = (0, 100) if arguments.flag("error", error) else (-np.inf, np.inf)
    boards = {}
    for title, panel in panels.items():
        if list(arguments.mapping(f"panels[{title!r}]", panel)) != rows:
            raise ValueError(
                f"panels must all have the same criteria in the same order, got {list(panel)} and {rows}"
            )
        values = [arguments.numbers(f"panels[{title!r}][{row!r}]", panel[row], *ends) for row in rows]
        boards[title] = [_axes.error(row) if error else row for row in map(np.atleast_1d, values)]
    return rows, boards


def forest(differences: Mapping[str, tuple[Sequence[float], float, float]], xlabel: str) -> Figure:
    """Draw paired differences: ``differences`` maps a label to (the value of every network, low, high) of its
    interval.

    An interval that excludes zero is drawn dark and thick. Raises ValueError if there is none. Source:
    notebook 03.5."""
    rows = []
    for label, entry in arguments.mapping("differences", differences).items():
        if not isinstance(entry, Sequence) or isinstance(entry, str) or len(entry) != 3:
            raise TypeError(f"differences[{label!r}] must be (values, low, high), got {entry!r:.80}")
        points = arguments.numbers(f"the values of differences[{label!r}]", entry[0]).ravel()
        low, high = arguments.numbers(f"the interval of differences[{label!r}]", entry[1:], length=2)
        rows.append((points, low, high))
    arguments.text("xlabel", xlabel)
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 1.2 + 0.28 * len(rows)))
    for i, (points, low, high) in enumerate(rows):
        real = low > 0 or high < 0
        colour, width, label = (
            (_style.BLUE, 3, "interval without zero") if real else ("#9E9E9E", 1.5, "interval with zero")
        )
        axis.plot([low, high], [i, i], color=colour, linewidth=width, marker="|", markersize=8, label=label)
        axis.plot(
            points, [i + 0.22] * len(points), "o", markersize=3, color=_style.ORANGE, label="one network"
        )
    axis.axvline(0, color=_style.BLACK, linewidth=1, marker="")
    axis.set(xlabel=xlabel, ylim=(len(rows) - 0.5, -0.5))
    axis.set_yticks(range(len(rows)), list(differences))
    _style.legend_below(figure)
    return figure

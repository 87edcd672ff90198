"""Figures of chapter 03.5: every criterion on one board, differences with their intervals, the family."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
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


def family_map(
    rows: Mapping[str, Mapping[str, tuple[torch.Tensor, str, Sequence[float] | None]]], unit: str
) -> Figure:
    """Draw criteria as a family, one line per row, each a step from its left neighbour: ``rows`` maps a title
    to {criterion: (matrix, words, values)}.

    ``matrix`` ``(n, n)`` is the part of a Hessian that the criterion keeps, drawn by the size of its entries,
    every one on its own scale; ``words`` say it; ``values`` are what networks measured, or None. ``unit`` is
    that of the values. Raises TypeError or ValueError if a criterion is no such triple. Source: notebook
    03.5."""
    columns = max(
        len(arguments.mapping(f"rows[{t!r}]", row)) for t, row in arguments.mapping("rows", rows).items()
    )
    arguments.text("unit", unit)
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(_style.WIDTH, 0.2 + 2.55 * len(rows)), squeeze=False
    )
    for axis in axes.flat:
        axis.axis("off")
    for line, (title, row) in zip(axes, rows.items(), strict=True):
        for i, (axis, (name, entry)) in enumerate(zip(line, row.items(), strict=False)):
            if not isinstance(entry, tuple) or len(entry) != 3:
                raise TypeError(
                    f"rows[{title!r}][{name!r}] must be (matrix, words, values), got {entry!r:.80}"
                )
            _member(axis, name, *entry, unit)
            if i:
                axis.annotate(
                    "", (-0.06, 0.5), (-0.3, 0.5), xycoords="axes fraction", arrowprops={"arrowstyle": "->"}
                )
        line[0].text(0, 1.3, title, transform=line[0].transAxes, fontsize=10, fontweight="bold")
    return figure


def _member(
    axis: Axes, name: str, matrix: torch.Tensor, words: str, values: Sequence[float] | None, unit: str
) -> None:
    """Draw one criterion: its name, the part of the Hessian, and below it words and numbers."""
    size = arguments.tensor(f"the matrix of {name!r}", matrix).detach().abs().double()
    if size.ndim != 2 or size.shape[0] != size.shape[1]:
        raise ValueError(f"the matrix of {name!r} must be square, got shape {tuple(size.shape)}")
    measured = "not run at this size"
    if values is not None:
        found = arguments.numbers(f"the values of {name!r}", values)
        measured = f"{found.mean():.1f} {unit}\n({found.min():.1f} to {found.max():.1f})"
    axis.axis("on")
    axis.imshow(size.sqrt().numpy(), cmap="Blues", vmin=0, vmax=float(size.max()) ** 0.5 or 1.0)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    axis.set_title(textwrap.fill(name, 22), fontsize=9)
    axis.set_xlabel(f"{textwrap.fill(arguments.text('words', words), 22)}\n{measured}", fontsize=_style.SMALL)

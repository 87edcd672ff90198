"""Figures of chapters 04.3 and 04.4: curves over training, filters that come back, tickets."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from prunelab.plot import _style

Curve = tuple[Sequence[float], Sequence[Sequence[float]] | Sequence[float]]


def curve_panels(panels: Mapping[str, Mapping[str, Curve]], xlabel: str, ylabels: Sequence[str], density: bool = False) -> Figure:
    """Draw curves in panels: ``panels`` maps a title to {label: (x, y)}, y of shape ``(points,)`` or ``(networks, points)``.

    With several networks the line is their mean and each network's points are shown. One y label per panel. ``density=True`` puts
    the x axis, percent of the weights left, on a logarithmic scale that runs from much to little.
    Raises ValueError if an x and a y do not fit or a label is missing. Source: notebooks 04.3 and 04.4.
    """
    if len(ylabels) != len(panels):
        raise ValueError(f"ylabels must have one label for each of the {len(panels)} panels, got {len(ylabels)}")
    figure, axes = plt.subplots(1, len(panels), figsize=(9.0, 3.1), squeeze=False)
    for axis, ylabel, (title, curves) in zip(axes[0], ylabels, panels.items(), strict=True):
        for i, (label, (x, y)) in enumerate(curves.items()):
            y = np.atleast_2d(np.asarray(y, dtype=float))
            if y.shape[1] != len(x):
                raise ValueError(f"panels[{title!r}][{label!r}] must have as many y as x values, got {y.shape[1]} and {len(x)}")
            colour, marker = _style.COLOURS[i % len(_style.COLOURS)], _style.MARKERS[i % len(_style.MARKERS)] if len(x) < 40 else ""
            axis.plot(x, y.mean(0), color=colour, marker=marker, label=label, linestyle=("-", "--", ":", "-.")[i % 4])
            for network in y if len(y) > 1 else ():
                axis.plot(x, network, linestyle="", marker=marker, markersize=2.5, color=colour, alpha=0.6)
        if density:
            axis.set_xscale("log")
            axis.invert_xaxis()
            ticks = [t for t in (100, 50, 20, 10, 5, 2, 1) if t >= min(min(x) for x, _ in curves.values())]
            axis.set_xticks(ticks, [str(t) for t in ticks])
            axis.minorticks_off()
        axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
        axis.legend(fontsize=8)
    return figure


def comings_and_goings(zeroed: Sequence[Sequence[int]], filters: int, moments: Sequence[str]) -> Figure:
    """Draw which of ``filters`` filters were set to zero at each moment: a row per filter, a column per moment, zeroed is hatched.

    A filter that was zeroed once and was spared at the next moment is marked with a dot: it came back.
    Raises ValueError if there is not one entry of ``zeroed`` per moment or an index is out of range. Source: notebook 04.3.
    """
    if len(zeroed) != len(moments) or any(not 0 <= i < filters for moment in zeroed for i in moment):
        raise ValueError(
            f"zeroed must hold, for each of the {len(moments)} moments, indices from 0 to {filters - 1}, got {zeroed!r:.80}"
        )
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 3.4))
    for column, gone in enumerate(zeroed):
        for row in range(filters):
            style = {"facecolor": _style.PRUNED, "hatch": _style.HATCH} if row in gone else {"facecolor": _style.SKY}
            axis.add_patch(Rectangle((column - 0.45, row - 0.45), 0.9, 0.9, edgecolor="#8C8C8C", linewidth=0.4, **style))
            if column and row in zeroed[column - 1] and row not in gone:
                axis.plot(column, row, marker="o", color=_style.BLACK, markersize=6)
    axis.set(xlim=(-0.6, len(zeroed) - 0.4), ylim=(filters - 0.4, -0.6), xlabel="moment of pruning (epochs)", ylabel="filter")
    axis.set_xticks(range(len(zeroed)), moments)
    axis.set_yticks(range(0, filters, max(1, filters // 8)))
    axis.grid(False)
    return figure

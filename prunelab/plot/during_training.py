"""Figures of chapters 04.3 and 04.4: curves over training, filters that come back, tickets."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from prunelab import arguments
from prunelab.plot import _axes, _style

Curve = tuple[Sequence[float], Sequence[Sequence[float]] | Sequence[float]]


def curve_panels(
    panels: Mapping[str, Mapping[str, Curve]],
    xlabel: str,
    ylabels: Sequence[str],
    density: bool = False,
    errors: Sequence[str] = (),
) -> Figure:
    """Draw curves in panels: ``panels`` maps a title to {label: (x, y)}, y of shape ``(points,)`` or
    ``(networks, points)``.

    With several networks the line is their mean and each network's points are shown. One y label per panel.
    ``density=True`` puts the x axis, percent of the weights left, on a logarithmic scale that runs from much
    to little. The panels whose titles are in ``errors`` hold accuracies in percent, drawn as errors on a
    logarithmic axis. Raises ValueError if an x and a y do not fit or a label is missing. Source: notebooks
    04.3 and 04.4."""
    ylabels = arguments.labels("ylabels", ylabels)
    if len(ylabels) != len(arguments.mapping("panels", panels)):
        raise ValueError(f"ylabels must have one label for each of the {len(panels)} panels, got {ylabels!r}")
    arguments.flag("density", density)
    for title in arguments.labels("errors", errors):
        arguments.one_of("a title in errors", title, panels)
    figure, axes = plt.subplots(1, len(panels), figsize=(_style.WIDTH, 3.3), squeeze=False)
    labels = list(dict.fromkeys(label for curves in panels.values() for label in curves))
    for axis, ylabel, (title, curves) in zip(axes[0], ylabels, panels.items(), strict=True):
        x_ends, y_ends = (
            (0, 100) if density else (-np.inf, np.inf),
            (0, 100) if title in errors else (-np.inf, np.inf),
        )
        checked = _axes.series(f"panels[{title!r}]", curves, x_ends, y_ends)
        if title in errors:
            checked = {label: (x, _axes.error(y)) for label, (x, y) in checked.items()}
            _axes.logarithmic(axis.yaxis, np.concatenate([y.ravel() for _, y in checked.values()]))
        for label, (x, y) in checked.items():
            i = labels.index(label)
            look = _style.look(i) | ({} if len(x) < 40 else {"marker": ""})
            axis.plot(x, y.mean(0), label=label, linestyle=_style.LINES[i % 4], **look)
            for network in y if len(y) > 1 else ():
                axis.plot(x, network, linestyle="", markersize=2.5, alpha=0.6, **look)
        if density:
            _axes.logarithmic(axis.xaxis, np.concatenate([x for x, _ in checked.values()]), falling=True)
        axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    _style.legend_below(figure)
    return figure


def comings_and_goings(zeroed: Sequence[Sequence[int]], filters: int, moments: Sequence[str]) -> Figure:
    """Draw which of ``filters`` filters were set to zero at each moment: a row per filter, a column per
    moment, zeroed is hatched.

    A filter that was zeroed once and was spared at the next moment is marked with a dot: it came back. The
    legend says so. Raises ValueError if there is not one entry of ``zeroed`` per moment or an index is out of
    range. Source: notebook 04.3."""
    filters = arguments.count("filters", filters, at_most=512)
    moments = arguments.labels("moments", moments)
    if not isinstance(zeroed, Sequence) or not all(isinstance(moment, Sequence) for moment in zeroed):
        raise TypeError(f"zeroed must be a list of lists of filters, got {zeroed!r:.80}")
    indices = [arguments.count("a filter in zeroed", i, at_least=0) for moment in zeroed for i in moment]
    if len(zeroed) != len(moments) or not zeroed or max(indices, default=0) >= filters:
        raise ValueError(
            f"zeroed must hold, for each of the {len(moments)} moments, indices from 0 to {filters - 1}, got"
            f" {zeroed!r:.80}"
        )
    silent = {"facecolor": _style.PRUNED, "hatch": _style.HATCH}
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 3.4))
    for column, gone in enumerate(zeroed):
        for row in range(filters):
            edge = {"edgecolor": "#8C8C8C", "linewidth": 0.4}
            style = edge | (silent if row in gone else {"facecolor": _style.SKY})
            axis.add_patch(Rectangle((column - 0.45, row - 0.45), 0.9, 0.9, **style))
            if column and row in zeroed[column - 1] and row not in gone:
                label = "came back: zeroed before, spared now"
                axis.plot(column, row, "o", color=_style.BLACK, markersize=6, label=label)
    axis.set(xlim=(-0.6, len(zeroed) - 0.4), ylim=(filters - 0.4, -0.6))
    axis.set(xlabel="moment of pruning (epochs)", ylabel="filter")
    axis.set_xticks(range(len(zeroed)), moments)
    axis.set_yticks(range(0, filters, max(1, filters // 8)))
    axis.grid(False)
    axis.bar(0, 0, facecolor=_style.SKY, label="left alone")
    axis.bar(0, 0, label="set to zero", **silent)
    _style.legend_below(figure)
    return figure

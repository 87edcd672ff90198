"""Curves with their spread: error against what is kept, and a result against any cost."""

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from prunelab import arguments
from prunelab.plot import _axes, _style
from prunelab.plot._axes import Curves


def pruning_curves(
    curves: Curves,
    title: str = "",
    xlabel: str = "weights kept (%)",
    ylabel: str = "validation error (%)",
    loss: bool = False,
) -> Figure:
    """Draw error against what is kept, both logarithmic: ``curves`` maps a label to sparsities and accuracies
    in percent.

    The sparsities ``(points,)`` lie in [0, 1]; the accuracies have shape ``(networks, points)`` or
    ``(points,)`` and are drawn as errors. The x axis runs from 100 % kept to 1 % and less, so that the last
    tenth takes half of the picture or more; nothing kept stands apart at its end, over the tick 0. The line
    is the mean of the networks, small markers show each of them, a bar reaches from the lowest to the
    highest. With ``loss`` the y are positive losses, drawn as they are.

    Raises ValueError if an x and a y do not fit, a sparsity is outside [0, 1] or an accuracy outside [0,
    100]. Source: notebook 01."""
    ends = (0, np.inf) if arguments.flag("loss", loss) else (0, 100)
    checked = _axes.series("curves", curves, (0, 1), ends)
    lines = {label: (_axes.kept(x), y if loss else _axes.error(y)) for label, (x, y) in checked.items()}
    figure, axis = plt.subplots()
    _draw(axis, lines)
    _axes.logarithmic(axis.xaxis, np.concatenate([x for x, _ in lines.values()]), falling=True)
    _axes.logarithmic(axis.yaxis, np.concatenate([y.ravel() for _, y in lines.values()]))
    axis.set(xlabel=xlabel, ylabel=ylabel, title=title)
    _style.legend_beside(axis)
    return figure


def tradeoff(
    curves: Curves,
    xlabel: str,
    ylabel: str,
    title: str = "",
    ylim: tuple[float, float] | None = None,
    error: bool = False,
    log: bool = False,
) -> Figure:
    """Draw a result against any cost, with the spread: ``curves`` maps a label to x ``(points,)`` and y
    ``(networks, points)``.

    The line is the mean of the networks, small markers show each of them, a bar reaches from the lowest to
    the highest. With ``error`` the y are accuracies in percent, drawn as errors on a logarithmic axis; with
    ``log`` the x axis is logarithmic too. For sparsities use ``pruning_curves``. Raises ValueError if an x
    and a y do not fit. Source: notebooks 01 and 02."""
    ends = (-np.inf, np.inf)
    arguments.flag("error", error), arguments.flag("log", log)
    lines = _axes.series("curves", curves, (1e-12, np.inf) if log else ends, (0, 100) if error else ends)
    if error:
        lines = {label: (x, _axes.error(y)) for label, (x, y) in lines.items()}
    figure, axis = plt.subplots()
    _draw(axis, lines)
    if log:
        _axes.logarithmic(axis.xaxis, np.concatenate([x for x, _ in lines.values()]))
    if error:
        _axes.logarithmic(axis.yaxis, np.concatenate([y.ravel() for _, y in lines.values()]))
    axis.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if ylim is not None:
        axis.set_ylim(arguments.numbers("ylim", ylim, length=2))
    _style.legend_beside(axis)
    return figure


def _draw(axis: Axes, lines: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Draw every curve; where networks are spread, neighbours are moved a few points sideways, so that none
    covers another.
    """
    spread = any(len(y) > 1 for _, y in lines.values())
    step = min(3.0, 14.0 / len(lines)) if spread else 0.0
    for i, (label, (x, y)) in enumerate(lines.items()):
        aside = ScaledTranslation((i - (len(lines) - 1) / 2) * step / 72, 0, axis.figure.dpi_scale_trans)
        look = _style.look(i) | {"transform": axis.transData + aside}
        axis.plot(x, y.mean(0), label=label, linestyle=_style.LINES[i // 7 % 4], **look)
        if len(y) > 1:
            axis.vlines(x, y.min(0), y.max(0), color=look["color"], alpha=0.5, transform=look["transform"])
        for network in y if len(y) > 1 else ():
            axis.plot(x, network, linestyle="", markersize=2.5, alpha=0.6, **look)
        # a transform of its own keeps a line out of the limits: name the points
        axis.update_datalim(np.column_stack([np.tile(x, len(y)), y.ravel()]))
    axis.autoscale_view()

"""Figures of chapter 08: what "compression" means, and the race for the smallest network."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _axes, _style
from prunelab.records import MARKS

OURS = (_style.VERMILLION, _style.GREEN, _style.ORANGE, _style.PURPLE)


def compression_curves(
    densities: Sequence[float], curves: Mapping[str, Sequence[float]], at: float | None = None
) -> Figure:
    """Draw compression (x) against what is kept, both logarithmic: one line per definition, and a vertical
    line ``at`` a density.

    The densities lie in (0, 1], the x axis runs from much to little. Raises ValueError if a line has not one
    value per density. Source: notebook 08."""
    percent = 100 * arguments.numbers("densities", densities, 1e-9, 1).ravel()
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 3.2))
    for i, (name, values) in enumerate(arguments.mapping("curves", curves).items()):
        values = arguments.numbers(f"curves[{name!r}]", values, 0, length=len(percent))
        axis.plot(
            percent, values, label=name, color=_style.COLOURS[i % 7], linestyle=_style.LINES[i % 4], marker=""
        )
    if at is not None:
        axis.axvline(100 * arguments.fraction("at", at), color=_style.BLACK, linewidth=1, marker="")
    axis.set(yscale="log", xlabel="density: nonzeros / weights (%)", ylabel="compression (x)")
    _axes.logarithmic(axis.xaxis, percent, falling=True)
    axis.yaxis.set_major_formatter("{x:g}")
    _style.legend_below(figure, columns=2)
    return figure


def race(network: str, ours: Mapping[str, tuple[Sequence[float], Sequence[float]]], highest: float) -> Figure:
    """Draw test error against compression, both logarithmic: the published marks in blue, ``ours`` on top.

    ``ours`` maps a label to (compressions, errors in percent), one point per network. Right and down is
    better. Errors above ``highest`` percent are left out of the picture. Raises ValueError for an unknown
    network. Source: notebook 08."""
    arguments.one_of("network", network, MARKS)
    highest = arguments.positive("highest", highest)
    points = _axes.series("ours", ours, (1e-9, np.inf), (0, 100))
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 4.2))
    shown = [mark for mark in MARKS[network] if mark.error <= highest]
    for number, mark in enumerate(shown, 1):
        label = f"{number}  {mark.name}, {mark.compression:g}x"
        axis.plot(mark.compression, mark.error, "o", color=_style.BLUE, markersize=5, label=label)
        near = sum(
            abs(np.log(mark.compression / m.compression)) < 0.25 and abs(np.log(mark.error / m.error)) < 0.06
            for m in shown[: number - 1]
        )
        aside = ((3, 4), (3, -12), (-10, 4), (-10, -12))[near % 4]
        axis.annotate(
            str(number), (mark.compression, mark.error), xytext=aside, textcoords="offset points", fontsize=9
        )
    for i, (label, (compressions, errors)) in enumerate(points.items()):
        axis.plot(
            compressions,
            errors[0],
            label=label,
            linestyle="",
            marker=_style.MARKERS[i + 1],
            color=OURS[i % 4],
            markersize=7,
        )
    errors = [
        *(mark.error for mark in shown),
        *(e for _, y in points.values() for e in y.ravel() if e <= highest),
    ]
    axis.set(xscale="log", xlabel="weights / nonzero weights", ylabel="test error (%)")
    axis.xaxis.set_major_formatter("{x:g}x")
    _axes.logarithmic(axis.yaxis, np.array(errors))
    _style.legend_below(figure, columns=3)
    return figure

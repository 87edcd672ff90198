"""Figures of chapter 08: what "compression" means, and the race for the smallest network."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _style
from prunelab.records import MARKS

STYLES = ("-", "--", "-.", ":")
OURS = (_style.VERMILLION, _style.GREEN, _style.ORANGE, _style.PURPLE)


def compression_curves(densities: Sequence[float], curves: Mapping[str, Sequence[float]], at: float | None = None) -> Figure:
    """Draw compression (x) against density, both logarithmic: one line per definition, and a vertical line ``at`` a density.

    Raises ValueError if a line has not one value per density. Source: notebook 08.
    """
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 2.9))
    percent = [100 * density for density in densities]
    for i, (name, values) in enumerate(curves.items()):
        if len(values) != len(densities):
            raise ValueError(f"curves[{name!r}] must have one value per density, {len(densities)}, got {len(values)}")
        axis.plot(percent, values, label=name, color=_style.COLOURS[i % 7], linestyle=STYLES[i % 4], marker="")
    if at is not None:
        axis.axvline(100 * at, color=_style.BLACK, linewidth=1, marker="")
    axis.set(xscale="log", yscale="log", xlabel="density: nonzeros / weights (%)", ylabel="compression (x)")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.legend(fontsize=9)
    return figure


def race(network: str, ours: Mapping[str, tuple[Sequence[float], Sequence[float]]], highest: float) -> Figure:
    """Draw test error against compression (logarithmic): the published marks in blue, ``ours`` on top.

    ``ours`` maps a label to (compressions, errors in percent), one point per network. Right and down is better. Errors above
    ``highest`` percent are left out of the picture. Raises ValueError for an unknown network. Source: notebook 08.
    """
    arguments.one_of("network", network, MARKS)
    figure, axis = plt.subplots(figsize=(9.0, 3.8))
    shown = [mark for mark in MARKS[network] if mark.error <= highest]
    for number, mark in enumerate(shown, 1):
        label = f"{number}  {mark.name}, {mark.compression:g}x"
        axis.plot(mark.compression, mark.error, "o", color=_style.BLUE, markersize=5, label=label)
        axis.annotate(str(number), (mark.compression, mark.error), xytext=(3, 4), textcoords="offset points", fontsize=9)
    for i, (label, (compressions, errors)) in enumerate(ours.items()):
        axis.plot(compressions, errors, label=label, linestyle="", marker=_style.MARKERS[i + 1], color=OURS[i % 4], markersize=7)
    axis.set(xscale="log", xlabel="weights / nonzero weights", ylabel="test error (%)", ylim=(None, highest))
    axis.xaxis.set_major_formatter("{x:g}x")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    return figure

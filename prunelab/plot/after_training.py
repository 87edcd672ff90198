"""The figure of chapter 04.2: milliseconds by the number of filters."""

from collections.abc import Sequence

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _style


def staircase(filters: Sequence[int], milliseconds: Sequence[float]) -> Figure:
    """Draw the time of a convolution against its number of filters, beside a line for its MACs, which grow
    evenly.

    The line is scaled to meet the time of the largest number. Source: notebook 04.2.
    """
    filters = arguments.numbers("filters", filters, low=1).ravel()
    milliseconds = arguments.numbers("milliseconds", milliseconds, low=0, length=len(filters))
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 2.8))
    axis.plot(filters, milliseconds, color=_style.BLUE, drawstyle="steps-mid", label="time")
    scaled = [milliseconds[-1] * n / filters[-1] for n in filters]
    axis.plot(filters, scaled, color=_style.ORANGE, linestyle="--", marker="", label="MACs (scaled)")
    axis.set(xlabel="filters of the convolution", ylabel="milliseconds", ylim=(0, None))
    _style.legend_beside(axis)
    return figure

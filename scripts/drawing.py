"""The strokes of all diagrams: boxes that are kept or hatched, small matrices, arrows, words."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from prunelab.plot import _style

GREY, INK = "#8C8C8C", "#404040"
CUT = _style.VERMILLION


def canvas(width: float, height: float) -> tuple[Figure, plt.Axes]:
    """Return a figure of ``width`` x ``height`` inches whose axes are measured in tenths of an inch, y
    downwards.
    """
    figure = plt.figure(figsize=(width, height), layout="none")
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, 10 * width), ylim=(10 * height, 0))
    axis.axis("off")
    return figure, axis


def box(
    axis: plt.Axes, x: float, y: float, w: float, h: float, kept: bool = True, colour: str = _style.KEPT
) -> None:
    face, hatch = (colour, None) if kept else (_style.PRUNED, _style.HATCH)
    axis.add_patch(
        Rectangle(
            (x, y), w, h, facecolor=face, edgecolor="white" if kept else GREY, hatch=hatch, linewidth=0.6
        )
    )


def grid(
    axis: plt.Axes, x: float, y: float, mask: np.ndarray, side: float = 1.6, colour: str = _style.KEPT
) -> None:
    """Draw a small matrix, one box per entry; ``mask`` (rows, columns) says which are kept."""
    for (i, j), kept in np.ndenumerate(np.asarray(mask, dtype=bool)):
        box(axis, x + j * side, y + i * side, side, side, bool(kept), colour)


def arrow(
    axis: plt.Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str = INK,
    curve: float = 0.0,
) -> None:
    style = f"arc3,rad={curve}"
    axis.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color=colour, connectionstyle=style)
    )


def write(axis: plt.Axes, x: float, y: float, text: str, size: float = 9, **more) -> None:
    axis.text(x, y, text, **{"fontsize": size, "ha": "center", "va": "center", "color": INK} | more)

"""Figures of chapter 06: what each N:M family keeps, and how a sparse tensor core picks its operands."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from prunelab import arguments
from prunelab.plot import _style
from prunelab.semi_structured import compress_24, nm_mask


def kept_share(families: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw the share of magnitude kept, ``families`` (title -> pattern -> share in [0, 1]): one panel each, a
    point per pattern; the axis shows their range, so that the differences can be read.

    Source: notebook 06.
    """
    for title, shares in arguments.mapping("families", families).items():
        arguments.numbers(
            f"families[{title!r}]",
            list(arguments.mapping(f"families[{title!r}]", shares).values()),
            0,
            1,
            len(shares),
        )
    figure, axes = plt.subplots(1, len(families), figsize=(_style.WIDTH, 2.8), sharey=True, squeeze=False)
    for axis, (title, shares) in zip(axes[0], families.items(), strict=True):
        percents = [100 * share for share in shares.values()]
        axis.plot(list(shares), percents, linestyle="", markersize=9, **_style.look(0))
        for i, percent in enumerate(percents):
            text = {"textcoords": "offset points", "ha": "center", "fontsize": _style.SMALL}
            axis.annotate(f"{percent:.1f}", (i, percent), (0, 8), **text)
        axis.set(title=title)
        axis.margins(x=0.15, y=0.2)
        axis.tick_params(axis="x", labelsize=8)
    axes[0, 0].set_ylabel("magnitude kept (%)")
    return figure


def sparse_core(weight: torch.Tensor) -> Figure:
    """Draw how a sparse tensor core multiplies a 2:4 row ``(1, in)``: values and positions stored,
    activations picked by them.

    Raises ValueError if ``weight`` is not one 2:4-sparse row of at most 16 entries. Source: notebook 06.
    """
    if arguments.tensor("weight", weight).ndim != 2 or weight.shape[0] != 1 or weight.shape[1] > 16:
        raise ValueError(f"weight must be one row of at most 16 entries, got shape {tuple(weight.shape)}")
    values, metadata = compress_24(weight)
    bits = [byte >> shift & 3 for byte in metadata[0].tolist() for shift in (0, 2, 4, 6)]
    positions = bits[: values.shape[1]]
    picked = [4 * (i // 2) + position for i, position in enumerate(positions)]
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 3.6))
    inputs = weight.shape[1]
    # above the weights, below the activations, with a gap between groups of four
    for i, value in enumerate(weight[0].tolist()):
        gap = 0.4 * (i // 4)
        if value:
            _cell(axis, i + gap, 4.6, f"{value:.1f}", _style.SKY)
        else:
            _cell(axis, i + gap, 4.6, "", _style.PRUNED, hatch=_style.HATCH)
        _cell(axis, i + gap, 0, f"x{i}", _style.YELLOW if i in picked else "white")
    # between them what is stored, each value with an arrow from the activation it meets
    offset = (inputs + 0.4 * (inputs / 4 - 1) - values.shape[1]) / 2
    for i, (value, position, source) in enumerate(zip(values[0].tolist(), positions, picked, strict=True)):
        x = offset + i
        _cell(axis, x, 3.1, f"{value:.1f}", _style.SKY)
        _cell(axis, x, 2.2, f"{position:02b}", _style.ORANGE)
        ends = (source + 0.4 * (source // 4) + 0.47, 0.85), (x + 0.47, 2.15)
        look = {"arrowstyle": "-|>", "mutation_scale": 8, "color": "#404040", "linewidth": 0.8}
        axis.add_patch(FancyArrowPatch(*ends, **look))
    rows = {"2:4 weights": 5.0, "stored values": 3.5, "2-bit positions": 2.6, "activations": 0.4}
    for text, y in rows.items():
        axis.text(-0.4, y, text, ha="right", va="center")
    axis.set(xlim=(-4, inputs + 0.4 * (inputs / 4 - 1) + 0.1), ylim=(-0.2, 5.6))
    axis.axis("off")
    return figure


def _cell(axis: Axes, x: float, y: float, text: str, colour: str, hatch: str | None = None) -> None:
    edge = {"edgecolor": "#404040", "linewidth": 0.6}
    axis.add_patch(Rectangle((x, y), 0.94, 0.8, facecolor=colour, hatch=hatch, **edge))
    axis.text(x + 0.47, y + 0.4, text, ha="center", va="center", fontsize=8)


def nm_groups(weight: torch.Tensor, n: int, m: int) -> Figure:
    """Draw a small matrix ``(out, in)`` in its groups of ``m``, of which ``nm_mask`` keeps the ``n`` largest:
    the others hatched.

    Raises TypeError or ValueError unless ``weight`` has at most 8 rows and 32 columns and ``m`` divides them.
    Source: notebook 06."""
    mask = nm_mask(weight, n, m)
    if weight.ndim != 2 or weight.shape[0] > 8 or weight.shape[1] > 32:
        raise ValueError(f"weight must have at most 8 rows and 32 columns, got shape {tuple(weight.shape)}")
    rows, columns = weight.shape
    gap = 0.5
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 0.9 + 0.45 * rows))
    limit = float(weight.abs().max()) or 1.0
    colours = plt.get_cmap(_style.DIVERGING)
    for (i, j), kept in np.ndenumerate(mask.numpy()):
        value, x = float(weight[i, j]), j + gap * (j // m)
        style = (
            {"facecolor": colours(0.5 + value / limit / 2)}
            if kept
            else {"facecolor": _style.PRUNED, "hatch": _style.HATCH}
        )
        axis.add_patch(Rectangle((x, i), 1, 0.9, edgecolor="white", linewidth=0.5, **style))
        dark = kept and abs(value) > 0.65 * limit
        text = f"{value:.2f}" if columns <= 16 else f"{value:.1f}"  # what fits
        colour = "white" if dark else "black"
        axis.text(x + 0.5, i + 0.45, text, ha="center", va="center", fontsize=_style.SMALL, color=colour)
    for group in range(columns // m):
        x = group * (m + gap)
        axis.add_patch(
            Rectangle((x - 0.1, -0.1), m + 0.2, rows + 0.1, fill=False, edgecolor="#404040", linewidth=1.2)
        )
        axis.text(x + m / 2, -0.25, f"group {group}", ha="center", va="bottom", fontsize=_style.SMALL)
    axis.set(xlim=(-0.3, columns + gap * (columns // m) - 0.2), ylim=(rows + 0.2, -0.9))
    axis.set_title(f"{n} of every {m} are kept, {m - n} are pruned (hatched)")
    axis.axis("off")
    return figure

"""Figures of chapter 07.1: where the numbers of a sparse format come from, and what the formats cost."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from prunelab import arguments
from prunelab.plot import _axes, _style

CELLS = 120  # a larger matrix cannot be followed by eye


def csr_arrays(weight: torch.Tensor) -> Figure:
    """Draw a small matrix, and under it its three CSR arrays; what belongs to one row has one colour.

    Raises ValueError unless ``weight`` is a matrix of at most 120 elements. Source: notebook 07.1.
    """
    if arguments.tensor("weight", weight).ndim != 2 or weight.numel() > CELLS:
        raise ValueError(
            f"weight must be a matrix of at most {CELLS} elements, got shape {tuple(weight.shape)}"
        )
    rows, columns = weight.shape
    weight = weight.detach()
    positions = weight.nonzero()
    figure, (left, right) = plt.subplots(1, 2, figsize=(_style.WIDTH, 3), width_ratios=[1, 1.6])
    for i in range(rows):
        for j in range(columns):
            value = float(weight[i, j])
            _cell(left, j, rows - 1 - i, f"{value:g}" if value else "", _colour(i) if value else None)
        left.text(-0.35, rows - 1 - i + 0.5, f"row {i}", ha="right", va="center", fontsize=9)
    for j in range(columns):
        left.text(j + 0.5, rows + 0.15, str(j), ha="center", va="bottom", fontsize=9)
    left.set(xlim=(-1.6, columns + 0.1), ylim=(-0.2, rows + 0.8), title="the matrix, with its column numbers")
    for k, (i, j) in enumerate(positions.tolist()):
        _cell(right, k, 4, f"{float(weight[i, j]):g}", _colour(i))
        _cell(right, k, 2.5, str(j), _colour(i))
    counts = torch.zeros(rows + 1, dtype=torch.int64)
    counts[1:] = torch.bincount(positions[:, 0], minlength=rows).cumsum(0)
    for i, start in enumerate(counts.tolist()):
        _cell(right, i, 0.6, str(start), _colour(i) if i < rows else None)
        label = f"row {i}" if i < rows else "end"
        right.text(i + 0.5, 0.45, label, ha="center", va="top", fontsize=8)
    for y, name in ((4, "data (AA)"), (2.5, "indices (IC)"), (0.6, "indptr (JA)")):
        right.text(-0.2, y + 0.5, name, ha="right", va="center", fontsize=9)
    width = max(len(positions), rows + 1)
    right.set(xlim=(-2.6, width + 0.1), ylim=(-0.3, 5.3), title="the three arrays")
    for axis in (left, right):
        axis.axis("off")
    return figure


def gap_tape(weight: torch.Tensor, gaps: torch.Tensor, values: torch.Tensor) -> Figure:
    """Draw a short vector as a tape of cells, and over it the steps of its gap code; a filler's cell has a
    red frame.

    Raises ValueError if ``weight`` is no vector of at most 120 elements. Source: notebook 07.1.
    """
    _check_tape(weight, gaps, values)
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 1.9))
    ends = (gaps.cumsum(0) - 1).tolist()
    filler = {end for end, value in zip(ends, values.tolist(), strict=True) if value == 0}
    for j, value in enumerate(weight.tolist()):
        _cell(axis, j, 0, f"{value:g}" if value else "", _style.SKY if value else None, frame=j in filler)
        if j % 5 == 0:
            axis.text(j + 0.5, -0.2, str(j), ha="center", va="top", fontsize=8)
    start = -1
    for end, gap, value in zip(ends, gaps.tolist(), values.tolist(), strict=True):
        colour = _style.RED if value == 0 else _style.BLUE
        arrow = {"arrowstyle": "->", "color": colour, "connectionstyle": "arc3,rad=-0.35"}
        axis.annotate("", (end + 0.5, 1.05), (start + 0.5, 1.05), arrowprops=arrow)
        height = 1.15 + min(0.16 * gap, 1.4)
        axis.text(
            (start + end) / 2 + 0.5, height, f"{gap}", ha="center", va="bottom", fontsize=9, color=colour
        )
        start = end
    axis.set(
        xlim=(-1.2, len(weight) + 0.2),
        ylim=(-0.8, 3.2),
        title="steps from one entry to the next (red frame: a filler)",
    )
    axis.axis("off")
    return figure


def _check_tape(weight: torch.Tensor, gaps: torch.Tensor, values: torch.Tensor) -> None:
    if arguments.tensor("weight", weight).ndim != 1 or weight.numel() > CELLS:
        raise ValueError(
            f"weight must be a vector of at most {CELLS} elements, got shape {tuple(weight.shape)}"
        )
    whole = arguments.tensor("gaps", gaps).ndim == 1 and not gaps.is_floating_point()
    if not whole or gaps.min() < 1 or gaps.sum() > weight.numel():
        raise ValueError(
            f"gaps must be whole steps of at least 1 that stay inside the vector of {weight.numel()}, got"
            f" {gaps!r:.80}"
        )
    if arguments.tensor("values", values).shape != gaps.shape:
        raise ValueError(f"values must have shape {tuple(gaps.shape)}, got {tuple(values.shape)}")


def storage_curves(
    densities: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    measured: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    bound: Sequence[float] | None = None,
    dense: float = 32.0,
) -> Figure:
    """Draw bits per weight against density, both logarithmic: lines computed, markers measured, the bound as
    a grey area.

    ``curves`` maps a format to its bits at ``densities``; ``measured`` maps it to (densities, bits). The
    dashed horizontal is the dense matrix: where a rising line crosses it a circle marks that format's
    break-even. Raises ValueError if lengths differ. Source: notebook 07.1."""
    measured = {} if measured is None else arguments.mapping("measured", measured, at_least=0)
    percent = 100 * arguments.numbers("densities", densities, 1e-9, 1).ravel()
    lines = {
        name: arguments.numbers(f"curves[{name!r}]", bits, 0, length=len(percent))
        for name, bits in arguments.mapping("curves", curves).items()
    }
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 3.8))
    low, high = 0.6 * min(bits.min() for bits in lines.values()), 3 * arguments.positive("dense", dense)
    if bound is not None:
        bits = arguments.numbers("bound", bound, 0, length=len(percent))
        axis.fill_between(
            percent, np.maximum(bits, low), low, color=_style.PRUNED, label="out of reach (entropy)"
        )
    for i, (name, bits) in enumerate(lines.items()):
        _curve(axis, i, name, (percent, bits), measured.get(name), dense)
    axis.axhline(dense, color=_style.BLACK, linestyle="--", linewidth=1, marker="", label="dense")
    axis.set(
        xlabel="density: nonzeros / weights (%)", ylabel="bits per weight", yscale="log", ylim=(low, high)
    )
    _axes.logarithmic(axis.xaxis, percent, falling=True)
    axis.set_yticks([t for t in (0.5, 1, 2, 5, 10, 20, 32, 64) if low <= t <= high])
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_ticks([], minor=True)
    _style.legend_beside(axis)
    return figure


def _curve(axis: Axes, i: int, name: str, line: tuple, points: tuple | None, dense: float) -> None:
    """Draw one format of ``storage_curves``: its line, what was measured, where it crosses the dense one."""
    (percent, bits), look = line, _style.look(i)
    style = {"color": look["color"], "linestyle": _style.LINES[i % 4], "marker": ""}
    axis.plot(percent, bits, label=None if points else name, **style)
    if points:
        axis.plot(100 * np.asarray(points[0]), points[1], linestyle="", label=name, **look)
    if min(bits) < dense < max(bits):
        even = float(np.interp(dense, bits, percent))
        ring = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "linestyle": ""}
        axis.plot([even], [dense], color=look["color"], **ring)
        axis.plot([], [], linestyle="", marker="", label=f"   as large as dense at {even:.0f} %")


def storage_bars(
    sizes: Mapping[str, tuple[float, float]],
    bound: float | None = None,
    dense: float | None = None,
    title: str = "",
) -> Figure:
    """Draw bytes as horizontal bars: ``sizes`` maps a format to (bytes of the values, bytes of the index).

    ``bound`` is drawn as a line, ``dense`` as the line that a format should not reach. If a bar ends left of
    the bound, a sentence says why that is no contradiction: the bound holds for one code for the whole
    network, not for one of each layer. Source: notebook 07.1."""
    for name, size in arguments.mapping("sizes", sizes).items():
        arguments.numbers(f"sizes[{name!r}]", size, low=0, length=2)
    for name, line in (("bound", bound), ("dense", dense)):
        if line is not None:
            arguments.numbers(name, [line], low=0, length=1)
    arguments.text("title", title)
    beaten = [name for name, size in sizes.items() if bound is not None and sum(size) < bound]
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 0.9 + 0.33 * len(sizes) + 0.3 * bool(beaten)))
    names = list(sizes)[::-1]
    values, index = (np.array([sizes[name][i] for name in names]) / 1024 for i in (0, 1))
    axis.barh(names, values, color=_style.KEPT, label="values")
    axis.barh(names, index, left=values, color=_style.ORANGE, label="positions")
    widest = max(float((values + index).max()), (bound or 0) / 1024, (dense or 0) / 1024)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    for y, total in enumerate(values + index):
        at = total + 0.008 * widest
        axis.text(at, y, f"{total:,.1f}", va="center", fontsize=_style.SMALL, bbox=box)
    random = "entropy bound,\nzeros at random places"
    for line, dashes, label in ((bound, ":", random), (dense, "--", "dense")):
        if line is not None:
            axis.axvline(line / 1024, color=_style.BLACK, linestyle=dashes, marker="", label=label)
    axis.set(xlabel="KiB", title=title, xlim=(0, 1.15 * max(widest, 1e-9)))
    if beaten:
        who = f"{', '.join(beaten)}: shorter than the bound, because its zeros are not at random places."
        axis.set_xlabel(f"KiB\n{textwrap.fill(who, 85)}")
    axis.grid(axis="y", visible=False)
    _style.legend_beside(axis)
    return figure


def shared_weights(values: torch.Tensor, centroids: torch.Tensor) -> Figure:
    """Draw the histogram of the kept weights and the shared values that replace them, each as high as the
    number of weights that it stands for. Source: notebook 07.1.
    """
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 2.6))
    axis.hist(
        arguments.tensor("values", values).detach().flatten().numpy(),
        bins=120,
        color=_style.KEPT,
        label="kept weights",
    )
    if arguments.tensor("centroids", centroids).numel() > 1024:
        raise ValueError(f"centroids must be at most 1,024, got {centroids.numel():,}")
    # each shared value as high as the number of weights that are nearest to it
    at = centroids.detach().flatten().sort().values
    nearest = torch.bucketize(values.detach().flatten(), (at[1:] + at[:-1]) / 2)
    stands_for = torch.bincount(nearest, minlength=len(at))
    axis.vlines(at.numpy(), 0, stands_for.numpy(), color=_style.ORANGE, linewidth=1.2, label="shared values")
    axis.set(xlabel="weight", ylabel="number of weights")
    _style.legend_beside(axis)
    return figure


def _colour(row: int) -> str:
    return (_style.SKY, _style.YELLOW, _style.PURPLE, _style.ORANGE, _style.GREEN)[row % 5]


def _cell(axis: Axes, x: float, y: float, text: str, colour: str | None, frame: bool = False) -> None:
    face = _style.PRUNED if colour is None else colour
    axis.add_patch(
        Rectangle(
            (x, y),
            1,
            1,
            facecolor=face,
            edgecolor=_style.RED if frame else "white",
            linewidth=2 if frame else 1,
            zorder=2 if frame else 1,
        )
    )
    axis.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=9)

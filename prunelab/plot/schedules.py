"""Figures of chapter 04: sensitivity curves, ratios per layer, paired comparisons of networks, and time against filters."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from prunelab.plot import _style


def sensitivity(
    curves: Mapping[str, Mapping[float, float]], chosen: Mapping[str, float] | None = None, tau: float | None = None
) -> Figure:
    """Draw the curves of ``schedules.sensitivity_scan``, {parameter name: {sparsity: accuracy}}, one line per layer.

    ``chosen`` (parameter name -> sparsity) circles the ratio taken on each curve; ``tau`` draws the lowest accuracy allowed,
    that many points under the dense one. Raises ValueError if a chosen layer has no curve. Source: notebook 04.1.
    """
    figure, axis = plt.subplots()
    for (name, curve), colour, marker in zip(curves.items(), _style.COLOURS, _style.MARKERS, strict=False):
        x = sorted(curve)
        axis.plot([100 * s for s in x], [curve[s] for s in x], color=colour, marker=marker, label=name.removesuffix(".weight"))
    for name, sparsity in (chosen or {}).items():
        if name not in curves:
            raise ValueError(f"chosen must name layers of curves, got {name!r}")
        x = sorted(curves[name])
        y = np.interp(sparsity, x, [curves[name][s] for s in x])
        axis.plot(100 * sparsity, y, marker="o", markersize=13, fillstyle="none", color="black", linestyle="", markeredgewidth=1.5)
    if tau is not None:
        axis.axhline(
            next(iter(curves.values()))[0.0] - tau, color="black", linestyle="--", marker="", label=f"dense - {tau:g} points"
        )
    axis.set(xlabel="sparsity of this layer alone (%)", ylabel="validation accuracy (%)")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def layer_densities(ratios: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw what each layer keeps, in percent on a logarithmic axis: ``ratios`` maps a method to {parameter name: sparsity}.

    A layer that keeps nothing has no bar and says so. Source: notebook 04.1.
    """
    layers = list(next(iter(ratios.values())))
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 2.8))
    width = 0.8 / len(ratios)
    for i, ((method, ratio), colour) in enumerate(zip(ratios.items(), _style.COLOURS, strict=False)):
        x = np.arange(len(layers)) + (i - (len(ratios) - 1) / 2) * width
        kept = [100 * (1 - ratio[layer]) for layer in layers]
        axis.bar(x, kept, width, color=colour, label=method, hatch=("", "//", "..", "xx", "\\\\")[i % 5], edgecolor="white")
        for position, value in zip(x, kept, strict=True):
            text = f"{value:.3g}" if value > 0 else "empty"
            axis.text(position, max(value, 0.1) * 1.08, text, ha="center", fontsize=7, rotation=0 if value > 0 else 90)
    axis.set(yscale="log", ylim=(0.1, 250), ylabel="weights kept (%)")
    axis.set_xticks(range(len(layers)), [layer.removesuffix(".weight") for layer in layers])
    axis.grid(axis="x", visible=False)
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def paired(panels: Mapping[str, Mapping[str, Sequence[float]]], ylabel: str) -> Figure:
    """Draw the same networks under several treatments: ``panels`` maps a title to {treatment: one value per network}.

    A thin line joins the values of one network, so that a difference which every network shows is seen as such; a bar marks the
    mean. Raises ValueError if the treatments of a panel differ in their number of networks. Source: notebook 04.1.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(max(4.2, min(9.0, 3.0 * len(panels))), _style.HEIGHT), squeeze=False)
    for axis, (title, treatments) in zip(axes[0], panels.items(), strict=True):
        if len({len(values) for values in treatments.values()}) != 1:
            raise ValueError(f"panels[{title!r}] must have as many values for every treatment")
        values = np.array([list(v) for v in treatments.values()], dtype=float)
        for network in values.T:
            axis.plot(network, color="#9E9E9E", linewidth=0.8, marker="")
        for i, row in enumerate(values):
            axis.plot([i] * len(row), row, linestyle="", marker=_style.MARKERS[i], color=_style.COLOURS[i])
            axis.plot([i - 0.2, i + 0.2], [row.mean()] * 2, color=_style.COLOURS[i], linewidth=2.5, marker="")
        axis.set(title=title, xlim=(-0.5, len(values) - 0.5))
        axis.set_xticks(range(len(values)), [textwrap.fill(name, 13) for name in treatments], fontsize=8)
        axis.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel(ylabel)
    return figure


def staircase(filters: Sequence[int], milliseconds: Sequence[float]) -> Figure:
    """Draw the time of a convolution against its number of filters, beside a line for its MACs, which grow evenly.

    The line is scaled to meet the time of the largest number. Source: notebook 04.2.
    """
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 2.8))
    axis.plot(filters, milliseconds, color=_style.BLUE, drawstyle="steps-mid", label="time")
    scaled = [milliseconds[-1] * n / filters[-1] for n in filters]
    axis.plot(filters, scaled, color=_style.ORANGE, linestyle="--", marker="", label="MACs (scaled)")
    axis.set(xlabel="filters of the convolution", ylabel="milliseconds", ylim=(0, None))
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure

"""Figures of chapter 03.1: what a criterion keeps, what it predicts, and the scales of BatchNorm."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _axes, _style


def kept_by_layer(cases: Mapping[str, Mapping[str, torch.Tensor]]) -> Figure:
    """Draw the share of weights that each case keeps in each layer, "emptied" where it keeps none: ``cases``
    maps a label to masks by parameter name.

    Raises ValueError if there is no case or two of them have other names. Source: notebook 03.1.
    """
    names = list(
        arguments.mapping("the first of cases", next(iter(arguments.mapping("cases", cases).values())))
    )
    for label, masks in cases.items():
        if list(arguments.mapping(f"cases[{label!r}]", masks)) != names:
            raise ValueError(
                f"cases[{label!r}] must have masks for {', '.join(map(str, names))}, got"
                f" {', '.join(map(str, masks))}"
            )
        for name, mask in masks.items():
            arguments.mask(f"cases[{label!r}][{name!r}]", mask)
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 2.8))
    width = 0.8 / len(cases)
    for i, (label, masks) in enumerate(cases.items()):
        shares = [100 * masks[name].double().mean().item() for name in names]
        at = np.arange(len(names)) + (i - (len(cases) - 1) / 2) * width
        bars = axis.bar(at, shares, width, label=label, color=_style.COLOURS[i % 7], edgecolor="white")
        upright = len(names) * len(cases) > 12 or 0 in shares
        axis.bar_label(
            bars,
            [f"{share:.1f}" if share else "emptied" for share in shares],
            fontsize=_style.SMALL,
            rotation=90 if upright else 0,
            padding=2,
        )
    axis.set(ylabel="weights kept (%)", ylim=(0, 130))
    axis.set_yticks(range(0, 101, 20))
    _style.name_ticks(axis, names, (_style.WIDTH - 0.8) / len(names))
    _style.legend_below(figure)
    return figure


def predicted_and_true(
    points: Mapping[str, tuple[Sequence[float], Sequence[float]]], xlabel: str, ylabel: str, log: bool = True
) -> Figure:
    """Draw one panel of points per title, ``(x, y)``, with the diagonal on which both are equal; logarithmic
    axes by default.

    Raises ValueError if an x and a y have other lengths or, with ``log``, a value is not positive. Source:
    notebooks 03.1, 03.2."""
    ends = (1e-300, np.inf) if arguments.flag("log", log) else (-np.inf, np.inf)
    pairs = _axes.series("points", points, ends, ends)
    arguments.text("xlabel", xlabel), arguments.text("ylabel", ylabel)
    figure, axes = plt.subplots(1, len(points), figsize=(_style.WIDTH, 3.4), squeeze=False)
    for axis, (title, (x, y)) in zip(axes[0], pairs.items(), strict=True):
        y = y[0]
        axis.plot(x, y, "o", color=_style.BLUE, markersize=3, alpha=0.6)
        ends = [min(x.min(), y.min()), max(x.max(), y.max())]
        axis.plot(ends, ends, "-", color=_style.BLACK, marker="", linewidth=0.8, label="equal")
        if log:
            axis.set(xscale="log", yscale="log")
        axis.set(title=title, xlabel=xlabel)
    axes[0, 0].set_ylabel(ylabel)
    _style.legend_below(figure)
    return figure


def scales(cases: Mapping[str, Mapping[str, torch.Tensor]], threshold: float | None = None) -> Figure:
    """Draw every channel's scale, largest first, one panel per case: a case maps parameter names to scores,
    one marker per layer.

    ``threshold`` is a line; above it the axis is logarithmic. Raises ValueError if there is no case. Source:
    notebook 03.1."""
    for title, scores in arguments.mapping("cases", cases).items():
        for name, value in arguments.mapping(f"cases[{title!r}]", scores).items():
            arguments.tensor(f"cases[{title!r}][{name!r}]", value)
    if threshold is not None:
        arguments.numbers("threshold", [threshold], length=1)
    figure, axes = plt.subplots(1, len(cases), figsize=(_style.WIDTH, 3.1), sharey=True, squeeze=False)
    for axis, (title, scores) in zip(axes[0], cases.items(), strict=True):
        values = torch.cat([value.detach().flatten().double() for value in scores.values()])
        layer = torch.cat([torch.full((value.numel(),), i) for i, value in enumerate(scores.values())])
        order = values.argsort(descending=True)
        for i, name in enumerate(scores):
            at = (layer[order] == i).nonzero().flatten()
            axis.plot(at, values[order][at], markersize=6, linestyle="", label=name, **_style.look(i))
        if threshold is not None:
            # logarithmic above the threshold, linear down to 0
            axis.set_yscale("symlog", linthresh=max(abs(threshold), 1e-9))
            axis.axhline(
                threshold,
                color=_style.BLACK,
                linewidth=0.8,
                linestyle="--",
                marker="",
                label=f"threshold {threshold:g}",
            )
        axis.set(
            title=title, xlabel="channels, largest scale first", ylim=(-0.02 * float(values.max()), None)
        )
    axes[0, 0].set_ylabel("|gamma|")
    _style.legend_below(figure)
    return figure

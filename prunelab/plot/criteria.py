"""Figures of the chapters on criteria: who keeps what, predicted against true, the scales of BatchNorm, the
surgeon's step.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _axes, _style


def kept_by_layer(cases: Mapping[str, Mapping[str, torch.Tensor]]) -> Figure:
    """Draw the share of weights that each case keeps in each layer: ``cases`` maps a label to masks by
    parameter name.

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
        upright = len(names) * len(cases) > 16
        axis.bar_label(
            bars,
            [f"{share:.1f}" for share in shares],
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
            axis.set_yscale(
                "symlog", linthresh=max(abs(threshold), 1e-9)
            )  # logarithmic above the threshold, linear down to 0
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


def surgery(weights: torch.Tensor, hessian: torch.Tensor) -> Figure:
    """Draw a quadratic loss over two weights, its minimum at ``weights`` ``(2,)``, and where OBD and OBS go
    to remove the first.

    Raises ValueError if there are not two weights or ``hessian`` ``(2, 2)`` is not positive definite. Source:
    notebook 03.2."""
    arguments.shaped("weights", weights, (2,)), arguments.shaped("hessian", hessian, (2, 2))
    weights, hessian = weights.detach().double(), hessian.detach().double()
    if not (torch.linalg.eigvalsh(hessian) > 0).all():
        raise ValueError(
            f"hessian must be positive definite, got eigenvalues {torch.linalg.eigvalsh(hessian).tolist()}"
        )
    w, h = weights.numpy(), hessian.numpy()
    x, y = np.meshgrid(np.linspace(-0.4, 1.8, 200), np.linspace(-0.6, 2.2, 200))
    dx, dy = x - w[0], y - w[1]
    loss = (h[0, 0] * dx**2 + 2 * h[0, 1] * dx * dy + h[1, 1] * dy**2) / 2
    obs = (0, w[1] + h[0, 1] / h[1, 1] * w[0])
    figure, axis = plt.subplots(figsize=(5.2, 3.6))
    axis.contour(x, y, loss, levels=[0.02, 0.08, 0.2, 0.4, 0.7, 1.1], colors="#8C8C8C", linewidths=0.8)
    axis.axvline(0, color=_style.BLACK, linewidth=1)
    for label, end, colour, marker in (
        ("OBD: set to zero", (0, w[1]), _style.RED, "s"),
        ("OBS: slide too", obs, _style.BLUE, "D"),
    ):
        axis.annotate("", end, w, arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 1.5})
        axis.plot(*end, marker, color=colour, markersize=7, label=label)
    axis.plot(*w, "o", color=_style.BLACK, markersize=7, label="trained weights")
    axis.set(xlabel="weight 1 (to be removed)", ylabel="weight 2", xlim=(-0.4, 1.8), ylim=(-0.6, 2.2))
    _style.legend_beside(axis)
    return figure


def weights_left(runs: Sequence[Mapping], published: Mapping[int, int]) -> Figure:
    """Draw how many weights each run of ``experiments/monk.py`` left, one panel per problem, one dot per
    network.

    ``runs`` have the keys problem, criterion, seed and left; ``published`` (problem -> weights) is drawn as a
    line. Raises ValueError if there is no run. Source: notebook 03.2."""
    if not isinstance(runs, Sequence) or not all(
        isinstance(run, Mapping) and {"problem", "criterion", "left"} <= set(run) for run in runs
    ):
        raise TypeError(f"runs must be a list of dicts with problem, criterion and left, got {runs!r:.80}")
    arguments.numbers("left in runs", [run["left"] for run in runs], low=0)
    for problem, line in arguments.mapping("published", published).items():
        arguments.one_of("a problem in published", problem, {run["problem"] for run in runs})
        arguments.numbers(f"published[{problem!r}]", [line], low=0, length=1)
    criteria = list(dict.fromkeys(run["criterion"] for run in runs))
    figure, axes = plt.subplots(1, len(published), figsize=(_style.WIDTH, 3.1), squeeze=False)
    for axis, (problem, line) in zip(axes[0], published.items(), strict=True):
        for i, criterion in enumerate(criteria):
            left = [
                run["left"] for run in runs if run["problem"] == problem and run["criterion"] == criterion
            ]
            at = i + np.linspace(-0.2, 0.2, len(left))
            axis.plot(at, left, markersize=7, linestyle="", **_style.look(i))
        axis.axhline(
            line, color=_style.BLACK, linewidth=0.8, linestyle="--", marker="", label="reported for OBS"
        )
        axis.set(title=f"problem {problem}", xticks=range(len(criteria)), xticklabels=criteria)
        axis.set_ylim(0, 1.1 * max(run["left"] for run in runs if run["problem"] == problem))
        axis.set_xlim(-0.5, len(criteria) - 0.5)
    axes[0, 0].set_ylabel("weights left")
    _style.legend_below(figure)
    return figure

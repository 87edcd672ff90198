"""Figures of the chapters on criteria: who keeps what, predicted against true, the scales of BatchNorm, the surgeon's step."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _style


def kept_by_layer(cases: Mapping[str, Mapping[str, torch.Tensor]]) -> Figure:
    """Draw the share of weights that each case keeps in each layer: ``cases`` maps a label to masks by parameter name.

    Raises ValueError if there is no case or two of them have other names. Source: notebook 03.1.
    """
    if not cases or len({tuple(masks) for masks in cases.values()}) != 1:
        raise ValueError(f"cases must be one or more dicts of masks with the same names, got {[tuple(m) for m in cases.values()]}")
    names = list(next(iter(cases.values())))
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 2.8))
    width = 0.8 / len(cases)
    hatches = ("", "//", "..", "xx", "--", "oo")
    for i, (label, masks) in enumerate(cases.items()):
        shares = [100 * masks[name].double().mean().item() for name in names]
        at = np.arange(len(names)) + (i - (len(cases) - 1) / 2) * width
        bars = axis.bar(at, shares, width, label=label, color=_style.COLOURS[i % 7], hatch=hatches[i % 6], edgecolor="white")
        axis.bar_label(bars, [f"{share:.1f}" for share in shares], fontsize=8)
    axis.set(xticks=range(len(names)), xticklabels=names, ylabel="weights kept (%)", ylim=(0, 112))
    axis.legend(ncols=len(cases), loc="upper center", bbox_to_anchor=(0.5, 1.2))
    return figure


def predicted_and_true(
    points: Mapping[str, tuple[Sequence[float], Sequence[float]]], xlabel: str, ylabel: str, log: bool = True
) -> Figure:
    """Draw one panel of points per title, ``(x, y)``, with the diagonal on which both are equal; logarithmic axes by default.

    Raises ValueError if an x and a y have other lengths or, with ``log``, a value is not positive. Source: notebooks 03.1, 03.2.
    """
    figure, axes = plt.subplots(1, len(points), figsize=(_style.WIDTH, 3.2), squeeze=False)
    for axis, (title, (x, y)) in zip(axes[0], points.items(), strict=True):
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        if x.shape != y.shape or (log and min(x.min(), y.min()) <= 0):
            raise ValueError(
                f"points[{title!r}] must be equally many x and y{', all positive' if log else ''}, got {x.shape}, {y.shape}"
            )
        axis.plot(x, y, "o", color=_style.BLUE, markersize=3, alpha=0.6)
        ends = [min(x.min(), y.min()), max(x.max(), y.max())]
        axis.plot(ends, ends, "-", color=_style.BLACK, marker="", linewidth=0.8, label="equal")
        if log:
            axis.set(xscale="log", yscale="log")
        axis.set(title=title, xlabel=xlabel)
        axis.legend(loc="upper left")
    axes[0, 0].set_ylabel(ylabel)
    return figure


def scales(cases: Mapping[str, Mapping[str, torch.Tensor]], threshold: float | None = None) -> Figure:
    """Draw every channel's scale, largest first, one panel per case: a case maps parameter names to scores, one marker per layer.

    ``threshold`` is drawn as a line. Raises ValueError if there is no case. Source: notebook 03.1.
    """
    if not cases:
        raise ValueError("cases must not be empty")
    figure, axes = plt.subplots(1, len(cases), figsize=(_style.WIDTH, 2.8), sharey=True, squeeze=False)
    for axis, (title, scores) in zip(axes[0], cases.items(), strict=True):
        values = torch.cat([value.flatten() for value in scores.values()])
        layer = torch.cat([torch.full((value.numel(),), i) for i, value in enumerate(scores.values())])
        order = values.argsort(descending=True)
        for i, name in enumerate(scores):
            at = (layer[order] == i).nonzero().flatten()
            axis.plot(at, values[order][at], _style.MARKERS[i], color=_style.COLOURS[i], markersize=6, label=name)
        if threshold is not None:
            axis.axhline(threshold, color=_style.BLACK, linewidth=0.8, linestyle="--")
        axis.set(title=title, xlabel="channels, largest scale first", ylim=(-0.02 * float(values.max()), None))
    axes[0, 0].set_ylabel("|gamma|")
    axes[0, -1].legend()
    return figure


def surgery(weights: torch.Tensor, hessian: torch.Tensor) -> Figure:
    """Draw a quadratic loss over two weights, its minimum at ``weights`` ``(2,)``, and where OBD and OBS go to remove the first.

    Raises ValueError if there are not two weights or ``hessian`` ``(2, 2)`` is not positive definite. Source: notebook 03.2.
    """
    if arguments.tensor("weights", weights).shape != (2,) or arguments.tensor("hessian", hessian).shape != (2, 2):
        raise ValueError(f"weights and hessian must be (2,) and (2, 2), got {tuple(weights.shape)} and {tuple(hessian.shape)}")
    if not (torch.linalg.eigvalsh(hessian) > 0).all():
        raise ValueError(f"hessian must be positive definite, got eigenvalues {torch.linalg.eigvalsh(hessian).tolist()}")
    w, h = weights.double().numpy(), hessian.double().numpy()
    x, y = np.meshgrid(np.linspace(-0.4, 1.8, 200), np.linspace(-0.6, 2.2, 200))
    dx, dy = x - w[0], y - w[1]
    loss = (h[0, 0] * dx**2 + 2 * h[0, 1] * dx * dy + h[1, 1] * dy**2) / 2
    obs = (0, w[1] + h[0, 1] / h[1, 1] * w[0])
    figure, axis = plt.subplots(figsize=(5.2, 3.6))
    axis.contour(x, y, loss, levels=[0.02, 0.08, 0.2, 0.4, 0.7, 1.1], colors="#8C8C8C", linewidths=0.8)
    axis.axvline(0, color=_style.BLACK, linewidth=1)
    for label, end, colour, marker in (
        ("OBD: set to zero", (0, w[1]), _style.VERMILLION, "s"),
        ("OBS: slide too", obs, _style.BLUE, "D"),
    ):
        axis.annotate("", end, w, arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 1.5})
        axis.plot(*end, marker, color=colour, markersize=7, label=label)
    axis.plot(*w, "o", color=_style.BLACK, markersize=7, label="trained weights")
    axis.set(xlabel="weight 1 (to be removed)", ylabel="weight 2", xlim=(-0.4, 1.8), ylim=(-0.6, 2.2))
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def weights_left(runs: Sequence[Mapping], published: Mapping[int, int]) -> Figure:
    """Draw how many weights each run of ``experiments/monk.py`` left, one panel per problem, one dot per network.

    ``runs`` have the keys problem, criterion, seed and left; ``published`` (problem -> weights) is drawn as a line.
    Raises ValueError if there is no run. Source: notebook 03.2.
    """
    if not runs:
        raise ValueError("runs must not be empty")
    criteria = list(dict.fromkeys(run["criterion"] for run in runs))
    figure, axes = plt.subplots(1, len(published), figsize=(_style.WIDTH, 2.8), squeeze=False)
    for axis, (problem, line) in zip(axes[0], published.items(), strict=True):
        for i, criterion in enumerate(criteria):
            left = [run["left"] for run in runs if run["problem"] == problem and run["criterion"] == criterion]
            at = i + np.linspace(-0.2, 0.2, len(left))
            axis.plot(at, left, _style.MARKERS[i], color=_style.COLOURS[i], markersize=7, linestyle="")
        axis.axhline(line, color=_style.BLACK, linewidth=0.8, linestyle="--", label="reported for OBS")
        axis.set(title=f"problem {problem}", xticks=range(len(criteria)), xticklabels=criteria)
        axis.set_ylim(0, 1.1 * max(run["left"] for run in runs if run["problem"] == problem))
        axis.set_xlim(-0.5, len(criteria) - 0.5)
    axes[0, 0].set_ylabel("weights left")
    axes[0, -1].legend(loc="lower left")
    return figure

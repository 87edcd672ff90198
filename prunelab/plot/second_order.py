"""Figures of chapter 03.2: what an expansion leaves out, the surgeon's step, and the weights it leaves."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _style


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


def signed_shares(panels: Mapping[str, Sequence[Mapping[str, float]]], ylabel: str) -> Figure:
    """Draw one panel per title and one stacked bar per network: {part: amount}, as shares of their sum, which
    is 100 %.

    A part may be negative; it hangs below zero, and the rest of the bar is so much longer. Every bar has the
    same parts. Raises ValueError if one has others, or a sum that is not positive. Source: notebook 03.2."""
    parts: list[str] = []
    for title, bars in arguments.mapping("panels", panels).items():
        if not isinstance(bars, Sequence) or isinstance(bars, str) or not bars:
            raise TypeError(f"panels[{title!r}] must be a list of dicts, one per network, got {bars!r:.80}")
        for i, bar in enumerate(bars):
            name = f"panels[{title!r}][{i}]"
            parts = parts or list(arguments.mapping(name, bar))
            if list(arguments.mapping(name, bar)) != parts:
                raise ValueError(f"{name} must have the parts {', '.join(map(str, parts))}, got {list(bar)}")
            if arguments.numbers(name, list(bar.values()), length=len(parts)).sum() <= 0:
                raise ValueError(f"{name} must have a positive sum, got {sum(bar.values()):g}")
    arguments.text("ylabel", ylabel)
    figure, axes = plt.subplots(1, len(panels), figsize=(_style.WIDTH, 3.4), squeeze=False, sharey=True)
    for axis, (title, bars) in zip(axes[0], panels.items(), strict=True):
        at, tops, floors = np.arange(1, len(bars) + 1), np.zeros(len(bars)), np.zeros(len(bars))
        for i, part in enumerate(parts):
            shares = np.array([100 * bar[part] / sum(bar.values()) for bar in bars])
            # what is positive stands on the bar so far, what is negative hangs from it
            bottom = np.where(shares > 0, tops, floors)
            axis.bar(at, shares, 0.8, bottom, color=_style.COLOURS[i % 7], edgecolor="white", label=part)
            tops, floors = tops + shares.clip(min=0), floors + shares.clip(max=0)
        axis.axhline(0, color=_style.BLACK, linewidth=0.8)
        axis.set(title=title, xlabel="network")
        axis.set_xticks(at, [str(i) for i in range(len(bars))])
    axes[0, 0].set_ylabel(ylabel)
    _style.legend_below(figure)
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

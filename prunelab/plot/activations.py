"""Figures about what units do on data: their maps, which of them a criterion drops, what the responses look like; notebook 03.3."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.stats import rankdata

from prunelab import arguments
from prunelab.plot import _style


def unit_maps(maps: torch.Tensor, labels: Sequence[str], kept: torch.Tensor | None = None, columns: int = 8) -> Figure:
    """Draw the feature maps ``(units, H, W)`` of one example on one grey scale, each under its label; dropped ones are hatched.

    ``kept`` is a bool tensor ``(units,)``. Raises ValueError if labels or ``kept`` do not fit. Source: notebook 03.3.
    """
    if arguments.tensor("maps", maps).ndim != 3 or len(labels) != len(maps) or (kept is not None and kept.numel() != len(maps)):
        raise ValueError(
            f"maps must be (units, H, W) with a label and a mark each, got {tuple(maps.shape)} and {len(labels)} labels"
        )
    rows = -(-len(maps) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(9, 0.35 + 1.3 * rows), squeeze=False)
    limit = float(maps.max()) or 1.0
    for axis in axes.flat:
        axis.axis("off")
    for i, (axis, values, label) in enumerate(zip(axes.flat, maps.detach().numpy(), labels, strict=False)):
        axis.imshow(values, cmap="gray", vmin=0, vmax=limit)
        axis.set_title(label, fontsize=8)
        if kept is not None and not kept.flatten()[i]:
            h, w = values.shape
            frame = Rectangle((-0.5, -0.5), w, h, fill=False, hatch="///", edgecolor=_style.VERMILLION, linewidth=2)
            axis.add_patch(frame)
    return figure


def dropped_board(kept: Mapping[str, torch.Tensor], xlabel: str = "filter") -> Figure:
    """Draw one row per criterion and one column per unit: dark = kept, grey and hatched = dropped.

    ``kept`` maps a criterion to a bool tensor ``(units,)``. Raises ValueError if they differ in length. Source: notebook 03.3.
    """
    if not kept or len({mask.numel() for mask in kept.values()}) != 1:
        raise ValueError(f"kept must hold one or more masks of one length, got {[mask.numel() for mask in kept.values()]}")
    board = np.array([mask.flatten().tolist() for mask in kept.values()])
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 0.8 + 0.3 * len(board)))
    for (i, j), stays in np.ndenumerate(board):
        style = {"facecolor": _style.KEPT} if stays else {"facecolor": _style.PRUNED, "hatch": _style.HATCH}
        axis.add_patch(Rectangle((j - 0.45, i - 0.42), 0.9, 0.84, edgecolor="white", linewidth=0, **style))
    axis.set(xlim=(-0.5, board.shape[1] - 0.5), ylim=(len(board) - 0.5, -0.5), xlabel=f"{xlabel} (hatched = dropped)")
    axis.set_yticks(range(len(board)), list(kept))
    axis.set_xticks(range(board.shape[1]))
    axis.grid(False)
    return figure


def against_oracle(truth: torch.Tensor, scores: Mapping[str, torch.Tensor], rhos: Mapping[str, float], columns: int = 4) -> Figure:
    """Draw, for each criterion, the rank of every unit's score against the rank of its true loss change.

    ``truth`` and each entry of ``scores`` hold one number per unit; ``rhos`` the Spearman correlation for the title. On the
    diagonal both agree; equal values share their mean rank. Raises ValueError if the lengths differ. Source: notebook 03.3.
    """
    if any(score.numel() != truth.numel() for score in scores.values()):
        raise ValueError(f"scores must hold {truth.numel()} numbers each, got {[score.numel() for score in scores.values()]}")
    rows = -(-len(scores) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(9, 0.3 + 1.75 * rows), squeeze=False, sharex=True, sharey=True)
    true_rank = rankdata(truth.flatten().numpy())
    for axis in axes.flat[len(scores) :]:
        axis.axis("off")
    for axis, (name, score) in zip(axes.flat, scores.items(), strict=False):
        axis.plot([1, truth.numel()], [1, truth.numel()], color="#9E9E9E", linewidth=0.8, marker="")
        axis.plot(true_rank, rankdata(score.flatten().numpy()), "o", color=_style.BLUE)
        axis.set_title(f"{name}: {rhos[name]:+.2f}", fontsize=10)
    for axis in axes[:, 0]:
        axis.set_ylabel("rank by score")
    for axis in axes[-1]:
        axis.set_xlabel("rank by oracle")
    return figure


def responses(panels: Mapping[str, tuple[torch.Tensor, torch.Tensor]], ylabel: str = "response") -> Figure:
    """Draw the responses of one unit per panel, class by class: ``panels`` maps a title to values ``(N,)`` and labels ``(N,)``.

    A bar marks the mean of each class. Raises ValueError if values and labels differ in length. Source: notebook 03.3.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(_style.WIDTH, 2.8), squeeze=False)
    random = np.random.default_rng(0)
    for axis, (title, (values, labels)) in zip(axes[0], panels.items(), strict=True):
        if len(values) != len(labels):
            raise ValueError(f"panels[{title!r}] must have as many values as labels, got {len(values)} and {len(labels)}")
        for c in labels.unique().tolist():
            of_class = values[labels == c].double().numpy()
            axis.plot(c + random.uniform(-0.25, 0.25, len(of_class)), of_class, ".", markersize=2, color=_style.SKY)
            axis.plot([c - 0.35, c + 0.35], [of_class.mean()] * 2, color=_style.VERMILLION, linewidth=2.5, marker="")
        axis.set(title=title, xlabel="class of the image")
        axis.set_xticks(labels.unique().tolist())
    axes[0, 0].set_ylabel(ylabel)
    return figure


def histograms(panels: Mapping[str, torch.Tensor], bins: int, xlabel: str) -> Figure:
    """Draw a histogram per panel: ``panels`` maps a title to values ``(N,)``, counted in ``bins`` bins over their own range.

    Raises ValueError if there is no panel. Source: notebooks 03.3 and 03.4.
    """
    if not panels:
        raise ValueError("panels must not be empty")
    figure, axes = plt.subplots(1, len(panels), figsize=(_style.WIDTH, 2.6), squeeze=False)
    for axis, (title, values) in zip(axes[0], panels.items(), strict=True):
        axis.hist(values.double().numpy(), bins=bins, color=_style.KEPT)
        axis.set(title=title, xlabel=xlabel)
    axes[0, 0].set_ylabel("examples")
    return figure


def signed_changes(changes: torch.Tensor, labels: Sequence[str]) -> Figure:
    """Draw, for every unit, how much of the summed change is rises and how much falls, and what is left when they cancel.

    ``changes`` ``(N, units)`` holds the signed change of every example. Each bar is 100 % long: rises up, falls down; the diamond
    is their difference. Raises ValueError if ``changes`` is not 2-D with a label per unit. Source: notebook 03.3.
    """
    if arguments.tensor("changes", changes).ndim != 2 or changes.shape[1] != len(labels):
        raise ValueError(f"changes must be (N, units) with a label per unit, got {tuple(changes.shape)} and {len(labels)} labels")
    values = changes.double()
    total = values.abs().sum(0).clamp_min(torch.finfo(torch.float64).tiny)
    rises, falls = (100 * values.clamp(min=0).sum(0) / total).numpy(), (100 * values.clamp(max=0).sum(0) / total).numpy()
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 2.8))
    axis.bar(labels, rises, width=0.5, color=_style.SKY, label="the loss rises")
    axis.bar(labels, falls, width=0.5, color=_style.ORANGE, hatch="//", edgecolor="white", label="the loss falls")
    axis.plot(labels, rises + falls, "D", color=_style.BLACK, markersize=7, label="what is left\nwhen they cancel")
    axis.axhline(0, color=_style.BLACK, linewidth=0.8)
    axis.set(ylabel="share of all changes (%)")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    return figure


def neuron_pairs(panels: Mapping[str, tuple[torch.Tensor, torch.Tensor]]) -> Figure:
    """Draw the activations of two connected neurons against each other: ``panels`` maps a title to (what it reads, what it sends).

    Raises ValueError if the two differ in length. Source: notebook 03.3.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(_style.WIDTH, 2.8), squeeze=False)
    for axis, (title, (read, sent)) in zip(axes[0], panels.items(), strict=True):
        if len(read) != len(sent):
            raise ValueError(f"panels[{title!r}] must have equally many values, got {len(read)} and {len(sent)}")
        axis.plot(read.double().numpy(), sent.double().numpy(), ".", markersize=2, alpha=0.5, color=_style.BLUE)
        axis.set(title=title, xlabel="input neuron")
    axes[0, 0].set_ylabel("output neuron")
    return figure

"""Figures about what units do on data: their maps, which of them a criterion drops, what the responses look
like; notebook 03.3.
"""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from prunelab import arguments
from prunelab.plot import _style

MANY = 20_000  # points of a panel


def unit_maps(
    maps: torch.Tensor, labels: Sequence[str], kept: torch.Tensor | None = None, columns: int = 8
) -> Figure:
    """Draw the feature maps ``(units, H, W)`` of one example on one grey scale, each under its label; dropped
    ones are hatched.

    ``kept`` is a bool tensor ``(units,)``. Raises ValueError if labels or ``kept`` do not fit. Source:
    notebook 03.3."""
    if arguments.tensor("maps", maps).ndim != 3 or len(maps) > 256:
        raise ValueError(f"maps must be (units, H, W) with at most 256 units, got {tuple(maps.shape)}")
    arguments.labels("labels", labels, len(maps))
    if kept is not None:
        kept = arguments.mask("kept", kept).flatten()
        arguments.mask("kept", kept, (len(maps),))
    columns = arguments.count("columns", columns, at_most=16)
    rows = -(-len(maps) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(_style.WIDTH, 0.35 + 1.25 * rows), squeeze=False)
    limit = float(maps.max()) or 1.0
    for axis in axes.flat:
        axis.axis("off")
    for i, (axis, values, label) in enumerate(
        zip(axes.flat, maps.detach().float().numpy(), labels, strict=False)
    ):
        axis.imshow(values, cmap="gray", vmin=0, vmax=limit)
        axis.set_title(label, fontsize=8)
        if kept is not None and not kept[i]:
            h, w = values.shape
            frame = Rectangle(
                (-0.5, -0.5), w, h, fill=False, hatch=_style.HATCH, edgecolor=_style.RED, linewidth=2
            )
            axis.add_patch(frame)
    return figure


def dropped_board(kept: Mapping[str, torch.Tensor], xlabel: str = "filter") -> Figure:
    """Draw one row per criterion and one column per unit: dark = kept, grey and hatched = dropped.

    ``kept`` maps a criterion to a bool tensor ``(units,)``. Raises ValueError if they differ in length.
    Source: notebook 03.3."""
    masks = [arguments.mask(f"kept[{key!r}]", mask) for key, mask in arguments.mapping("kept", kept).items()]
    arguments.text("xlabel", xlabel)
    if len({mask.numel() for mask in masks}) != 1:
        raise ValueError(f"kept must hold masks of one length, got {[mask.numel() for mask in masks]}")
    board = np.array([mask.flatten().tolist() for mask in masks])
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 0.8 + 0.3 * len(board)))
    for (i, j), stays in np.ndenumerate(board):
        style = {"facecolor": _style.KEPT} if stays else {"facecolor": _style.PRUNED, "hatch": _style.HATCH}
        axis.add_patch(Rectangle((j - 0.45, i - 0.42), 0.9, 0.84, edgecolor="white", linewidth=0, **style))
    axis.set(
        xlim=(-0.5, board.shape[1] - 0.5),
        ylim=(len(board) - 0.5, -0.5),
        xlabel=f"{xlabel} (hatched = dropped)",
    )
    axis.set_yticks(range(len(board)), list(kept))
    axis.set_xticks(range(0, board.shape[1], -(-board.shape[1] // 30)))
    axis.grid(False)
    return figure


def against_oracle(
    truth: torch.Tensor, scores: Mapping[str, torch.Tensor], rhos: Mapping[str, float], columns: int = 4
) -> Figure:
    """Draw, for each criterion, the rank of every unit's score against the rank of its true loss change.

    ``truth`` and each entry of ``scores`` hold one number per unit; ``rhos`` the Spearman correlation for the
    title. On the diagonal both agree; equal values share their mean rank, and units that share both ranks are
    one dot with their number. Raises ValueError if the lengths differ. Source: notebook 03.3."""
    arguments.tensor("truth", truth)
    for name, score in arguments.mapping("scores", scores).items():
        if arguments.tensor(f"scores[{name!r}]", score).numel() != truth.numel():
            raise ValueError(f"scores[{name!r}] must hold {truth.numel()} numbers, got {score.numel()}")
        arguments.one_of("a name in scores", name, arguments.mapping("rhos", rhos))
        arguments.numbers(f"rhos[{name!r}]", rhos[name], -1, 1)
    columns = min(arguments.count("columns", columns), len(scores))
    rows = -(-len(scores) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(_style.WIDTH, 0.5 + 1.75 * rows), squeeze=False, sharex=True, sharey=True
    )
    from scipy.stats import rankdata  # takes a second to import, and every notebook imports prunelab.plot

    true_rank = rankdata(truth.flatten().numpy())
    for axis in axes.flat[len(scores) :]:
        axis.axis("off")
    for axis, (name, score) in zip(axes.flat, scores.items(), strict=False):
        axis.plot([1, truth.numel()], [1, truth.numel()], color="#9E9E9E", linewidth=0.8, marker="")
        places, counts = np.unique(
            np.stack([true_rank, rankdata(score.flatten().numpy())]), axis=1, return_counts=True
        )
        axis.plot(*places, "o", color=_style.BLUE)
        for x, y, count in zip(*places, counts, strict=True):
            if count > 1:  # units that share both ranks would look like one
                axis.annotate(f"x {count}", (x, y), (4, 4), textcoords="offset points", fontsize=_style.SMALL)
        title = textwrap.fill(str(name), max(8, round(90 / columns)))
        axis.set_title(f"{title}\n{float(rhos[name]):+.2f}", fontsize=9)
    for axis in axes[:, 0]:
        axis.set_ylabel("rank by score")
    for axis in axes[-1]:
        axis.set_xlabel("rank by oracle")
    return figure


def responses(panels: Mapping[str, tuple[torch.Tensor, torch.Tensor]], ylabel: str = "response") -> Figure:
    """Draw the responses of one unit per panel, class by class: ``panels`` maps a title to values ``(N,)``
    and labels ``(N,)``.

    A bar marks the mean of each class. Raises ValueError if values and labels differ in length. Source:
    notebook 03.3."""
    for title, (values, labels) in _pairs("panels", panels).items():
        if len(values) > MANY:
            raise ValueError(f"panels[{title!r}] must have at most {MANY:,} values, got {len(values):,}")
        if labels.unique().numel() > 20:
            raise ValueError(f"panels[{title!r}] must have at most 20 labels, got {labels.unique().numel()}")
    arguments.text("ylabel", ylabel)
    figure, axes = plt.subplots(1, len(panels), figsize=(_style.WIDTH, 2.8), squeeze=False, sharey=True)
    random = np.random.default_rng(0)
    for axis, (title, (values, labels)) in zip(axes[0], panels.items(), strict=True):
        for c in labels.unique().tolist():
            of_class = values[labels == c].detach().double().numpy()
            axis.plot(
                c + random.uniform(-0.25, 0.25, len(of_class)), of_class, ".", markersize=2, color=_style.SKY
            )
            axis.plot([c - 0.35, c + 0.35], [of_class.mean()] * 2, color=_style.RED, linewidth=2.5, marker="")
        axis.set(title=title, xlabel="class of the image")
        axis.set_xticks(labels.unique().tolist())
    axes[0, 0].set_ylabel(ylabel)
    return figure


def histograms(panels: Mapping[str, torch.Tensor], bins: int, xlabel: str) -> Figure:
    """Draw a histogram per panel: ``panels`` maps a title to values ``(N,)``, counted in ``bins`` bins over
    their own range.

    Raises ValueError if there is no panel. Source: notebooks 03.3 and 03.4.
    """
    for title, values in arguments.mapping("panels", panels).items():
        arguments.tensor(f"panels[{title!r}]", values)
    bins = arguments.count("bins", bins, at_most=1000)
    arguments.text("xlabel", xlabel)
    figure, axes = plt.subplots(1, len(panels), figsize=(_style.WIDTH, 2.6), squeeze=False)
    for axis, (title, values) in zip(axes[0], panels.items(), strict=True):
        axis.hist(values.detach().flatten().double().numpy(), bins=bins, color=_style.KEPT)
        axis.set(title=title, xlabel=xlabel)
    axes[0, 0].set_ylabel("examples")
    return figure


def signed_changes(changes: torch.Tensor, labels: Sequence[str]) -> Figure:
    """Draw, for every unit, how much of the summed change is rises and how much falls, and what is left when
    they cancel.

    ``changes`` ``(N, units)`` holds the signed change of every example. Each bar is 100 % long: rises up,
    falls down; the diamond is their difference. Raises ValueError if ``changes`` is not 2-D with a label per
    unit. Source: notebook 03.3."""
    if arguments.tensor("changes", changes).ndim != 2:
        raise ValueError(f"changes must be (N, units), got {tuple(changes.shape)}")
    labels = arguments.labels("labels", labels, changes.shape[1])
    values = changes.detach().double()
    total = values.abs().sum(0).clamp_min(torch.finfo(torch.float64).tiny)
    rises, falls = (
        (100 * values.clamp(min=0).sum(0) / total).numpy(),
        (100 * values.clamp(max=0).sum(0) / total).numpy(),
    )
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 2.8))
    axis.bar(labels, rises, width=0.5, color=_style.SKY, label="the loss rises")
    axis.bar(labels, falls, width=0.5, color=_style.ORANGE, label="the loss falls")
    axis.plot(
        labels, rises + falls, "D", color=_style.BLACK, markersize=7, label="what is left\nwhen they cancel"
    )
    axis.axhline(0, color=_style.BLACK, linewidth=0.8)
    axis.set(ylabel="share of all changes (%)")
    _style.legend_beside(axis)
    return figure


def neuron_pairs(panels: Mapping[str, tuple[torch.Tensor, torch.Tensor]]) -> Figure:
    """Draw the activations of two connected neurons against each other: ``panels`` maps a title to (what it
    reads, what it sends).

    Raises ValueError if the two differ in length. Source: notebook 03.3.
    """
    figure, axes = plt.subplots(1, len(_pairs("panels", panels)), figsize=(_style.WIDTH, 2.8), squeeze=False)
    for axis, (title, (read, sent)) in zip(axes[0], panels.items(), strict=True):
        axis.plot(
            read.detach().double().numpy(),
            sent.detach().double().numpy(),
            ".",
            markersize=2,
            alpha=0.5,
            color=_style.BLUE,
        )
        axis.set(title=title, xlabel="input neuron")
    axes[0, 0].set_ylabel("output neuron")
    return figure


def _pairs(
    name: str, panels: Mapping[str, tuple[torch.Tensor, torch.Tensor]]
) -> Mapping[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return ``panels`` if each of them is a pair of vectors of one length."""
    for title, pair in arguments.mapping(name, panels).items():
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise TypeError(f"{name}[{title!r}] must be a pair of tensors, got {pair!r:.80}")
        one, other = (arguments.tensor(f"{name}[{title!r}]", part) for part in pair)
        if one.ndim != 1 or one.shape != other.shape:
            raise ValueError(
                f"{name}[{title!r}] must have as many values in both vectors, got {tuple(one.shape)} and"
                f" {tuple(other.shape)}"
            )
    return panels

"""Figures of chapters 00 and 01: what a network sees, the cut through the magnitudes, and where weights and
work sit.
"""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import nn

from prunelab import arguments
from prunelab.plot import _style


@torch.inference_mode()
def feature_maps(models: nn.Sequential | Mapping[str, nn.Sequential], image: torch.Tensor) -> Figure:
    """Draw what networks make of one ``image`` ``(1, height, width)``, a row for each of ``models`` (name ->
    model), or for one.

    From left to right: the image, what each convolution passes on (after its ReLU and pooling), the
    probability of each class. A map has the same grey scale in all rows, black being its largest value in the
    first one. Every network has the same layers.

    Raises ValueError if ``image`` has another rank or a model is no ``nn.Sequential`` with a Conv2d. Source:
    notebook 01."""
    models = arguments.mapping("models", models if isinstance(models, Mapping) else {"": models})
    passes = {label: _stages(f"models[{label!r}]", model, image) for label, model in models.items()}
    first, _ = next(iter(passes.values()))
    for label, (stages, _) in passes.items():
        if {title: maps.shape for title, maps in stages.items()} != {
            title: maps.shape for title, maps in first.items()
        }:
            raise ValueError(
                f"models[{label!r}] must have the layers of the first model, {', '.join(first)}, got"
                f" {', '.join(stages)}"
            )
    widths = [1.0] + [1.5] * (len(first) - 1) + [1.7]
    size = (_style.WIDTH, 0.6 + (1.7 if len(models) == 1 else 1.0 * len(models)))
    figure, axes = plt.subplots(len(models), len(widths), figsize=size, width_ratios=widths, squeeze=False)
    for number, (row, (label, (stages, probabilities))) in enumerate(
        zip(axes, passes.items(), strict=True), 1
    ):
        for axis, (title, maps) in zip(row, stages.items(), strict=False):
            axis.imshow(_tiles(maps.numpy(), first[title].numpy()), cmap="gray_r", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
        row[0].set_ylabel(label, fontsize=9)
        row[-1].bar([str(i) for i in range(len(probabilities))], probabilities.numpy(), color=_style.KEPT)
        row[-1].set(ylim=(0, 1.05), yticks=[0.5, 1])
        row[-1].tick_params(labelsize=8)
        if number < len(models):
            row[-1].set_xticklabels([])
    for axis, title in zip(axes[0], [*first, "probability of each class"], strict=True):
        axis.set_title(title, fontsize=10)
    return figure


def _stages(
    part: str, model: nn.Sequential, image: torch.Tensor
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Return the maps ``(n, h, w)`` that reach the layer after each convolution, pooled, and the probability
    of each class.
    """
    if not isinstance(model, nn.Sequential) or not any(isinstance(layer, nn.Conv2d) for layer in model):
        raise ValueError(f"{part} must be an nn.Sequential with a Conv2d layer, got {type(model).__name__}")
    channels = next(layer for layer in model if isinstance(layer, nn.Conv2d)).in_channels
    if (
        arguments.tensor("image", image).ndim != 3
        or image.shape[0] != channels
        or not image.is_floating_point()
    ):
        raise ValueError(
            f"image must have shape ({channels}, height, width) and floats, got {tuple(image.shape)},"
            f" {image.dtype}"
        )
    x, stages, open_name = image[None], {"input": image}, None
    for name, layer in model.named_children():
        if isinstance(layer, nn.Linear) and x.shape[-1] != layer.in_features:
            raise ValueError(
                f"image must give layer {name} {layer.in_features} inputs, got {x.shape[-1]}:"
                f" {tuple(image.shape)}"
            )
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d) and min(x.shape[-2:]) < np.max(layer.kernel_size):
            raise ValueError(f"image must be large enough for layer {name}, got {tuple(image.shape)}")
        if open_name and not isinstance(layer, nn.ReLU | nn.MaxPool2d | nn.BatchNorm2d):
            stages[f"{open_name}: {x.shape[1]} maps"] = x[0]
            open_name = None
        x = layer(x)
        open_name = name if isinstance(layer, nn.Conv2d) else open_name
    return stages, x[0].softmax(0)


def _tiles(maps: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Lay ``(n, h, w)`` maps out in a grid, a grey line between them; 0 to 1 is the range of the same map in
    ``scale``.
    """
    columns = next(c for c in range(1, len(maps) + 1) if len(maps) % c == 0 and c * c >= len(maps))
    rows = len(maps) // columns
    h, w = maps.shape[1:]
    low, high = scale.min((1, 2), keepdims=True), scale.max((1, 2), keepdims=True)
    grid = np.full((rows * (h + 1) - 1, columns * (w + 1) - 1), 0.2)
    for i, tile in enumerate(np.clip((maps - low) / np.maximum(high - low, 1e-9), 0, 1)):
        top, left = (i // columns) * (h + 1), (i % columns) * (w + 1)
        grid[top : top + h, left : left + w] = tile
    return grid


def cut(weight: torch.Tensor, mask: torch.Tensor, title: str = "") -> Figure:
    """Draw the values of ``weight`` (at least 2-D) as a histogram cut by a threshold, and beside it which
    places the cut hits.

    ``mask`` is a bool tensor of the same shape, ``True`` = kept, such as ``keep_top`` gives for magnitudes.
    The red lines stand at the largest pruned magnitude. In the picture on the right a row is an output, a
    column one of its weights; dark = kept.

    Raises ValueError if the shapes differ or ``weight`` is not at least 2-D. Source: notebook 01.
    """
    values = arguments.tensor("weight", weight).detach()
    if values.ndim < 2:
        raise ValueError(f"weight must be at least 2-D, got shape {tuple(values.shape)}")
    arguments.mask("mask", mask, values.shape)
    arguments.text("title", title)
    kept, pruned = values[mask].numpy(), values[~mask].numpy()
    figure, (left, right) = plt.subplots(1, 2, figsize=(_style.WIDTH, 3.1))
    bins = np.linspace(float(values.min()), float(values.max()) + 1e-9, 61)
    _, _, bars = left.hist([kept, pruned], bins=bins, stacked=True, color=[_style.KEPT, _style.PRUNED])
    for bar in bars[1]:
        bar.set(hatch=_style.HATCH, edgecolor="#8C8C8C", linewidth=0)
    for threshold in (-np.abs(pruned).max(), np.abs(pruned).max()) if len(pruned) else ():
        left.axvline(threshold, color=_style.RED, linewidth=1.5, marker="")
    for part, label in zip(bars, (f"kept: {len(kept):,}", f"pruned: {len(pruned):,}"), strict=True):
        part.set_label(label)
    _style.legend_below(figure)
    left.set(xlabel="weight", ylabel="number of weights", title=title)
    right.imshow(
        mask.flatten(1).numpy(),
        cmap=ListedColormap([_style.PRUNED, _style.KEPT]),
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="nearest",
    )
    right.set(
        title="mask (dark = kept)",
        xlabel=f"{mask[0].numel()} weights of an output",
        ylabel=f"{len(mask)} outputs",
    )
    right.grid(False)
    return figure


def shares(counts: Mapping[str, Mapping[str, float]], title: str = "") -> Figure:
    """Draw how each quantity splits over the layers: ``counts`` maps a quantity ("weights", "MACs") to layer
    -> amount.

    One horizontal bar per quantity, each 100 % long. Raises ValueError if a quantity adds up to nothing.
    Source: notebook 01."""
    for quantity, amounts in arguments.mapping("counts", counts).items():
        arguments.labels(
            f"the layers of counts[{quantity!r}]", list(arguments.mapping(f"counts[{quantity!r}]", amounts))
        )
        arguments.numbers(f"counts[{quantity!r}]", list(amounts.values()), low=0, length=len(amounts))
    arguments.text("title", title)
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 0.7 + 0.6 * len(counts)))
    for row, (quantity, amounts) in enumerate(counts.items()):
        total, left = sum(amounts.values()), 0.0
        if total <= 0:
            raise ValueError(f"counts[{quantity!r}] must add up to more than 0, got {total!r}")
        for i, (layer, amount) in enumerate(amounts.items()):
            share = 100 * amount / total
            colour = _style.COLOURS[i % len(_style.COLOURS)]
            axis.barh(
                row, share, left=left, color=colour, edgecolor="white", label=layer if row == 0 else None
            )
            if share > 6:
                axis.text(
                    left + share / 2,
                    row,
                    f"{layer}\n{share:.0f} %",
                    ha="center",
                    va="center",
                    fontsize=8,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
                )
            left += share
    axis.set(
        yticks=range(len(counts)), yticklabels=list(counts), xlim=(0, 100), xlabel="share (%)", title=title
    )
    axis.invert_yaxis()
    axis.grid(False)
    _style.legend_beside(axis)
    return figure


def pulls(weights: torch.Tensor, steps: Mapping[str, torch.Tensor]) -> Figure:
    """Draw one step of each of ``steps`` (name -> ``(n,)``) as an arrow from every weight of ``weights``
    ``(n,)``.

    A row for each name; the arrows' lengths are the steps themselves. Raises ValueError or TypeError for
    tensors of another shape or none at all. Source: notebook 01."""
    if arguments.tensor("weights", weights).ndim != 1 or not len(weights):
        raise ValueError(f"weights must be (n,) with at least one weight, got shape {tuple(weights.shape)}")
    for name, step in arguments.mapping("steps", steps).items():
        if arguments.tensor(f"steps[{name!r}]", step).shape != weights.shape:
            raise ValueError(
                f"steps[{name!r}] must have shape {tuple(weights.shape)}, got {tuple(step.shape)}"
            )
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 0.8 + 0.7 * len(steps)))
    starts = weights.detach().double().numpy()
    for row, step in enumerate(steps.values()):
        ends = starts + step.detach().double().numpy()
        heights = row + np.linspace(-0.2, 0.2, len(starts))  # arrows that cross zero do not hide one another
        for start, end, height in zip(starts, ends, heights, strict=True):
            style = {"arrowstyle": "-|>", "color": _style.VERMILLION, "shrinkA": 0, "shrinkB": 0}
            axis.annotate("", (end, height), (start, height), arrowprops=style)
        axis.plot(starts, heights, linestyle="", color=_style.BLUE, marker="o", markersize=5)
    axis.axvline(0, color="#404040", linewidth=1, marker="")
    axis.set(
        ylim=(len(steps) - 0.5, -0.5), xlabel="weight: where it is (dot) and where one step takes it (arrow)"
    )
    axis.set_yticks(range(len(steps)), list(steps))
    return figure

"""Figures of chapters 00 and 01: what a network sees, the cut through the magnitudes, and where weights and work sit."""

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
def feature_maps(model: nn.Sequential, image: torch.Tensor) -> Figure:
    """Draw what ``model`` makes of one ``image`` ``(1, height, width)``: maps after each convolution, then class probabilities.

    The maps are shown after the layer that follows the convolution (its ReLU), each on its own grey scale.
    Raises ValueError if ``image`` has another rank or ``model`` is no ``nn.Sequential`` with a Conv2d. Source: notebook 00.
    """
    maps, scores = stages("model", model, image)
    widths = [1.0] + [1.6] * (len(maps) - 1) + [1.8]
    figure, axes = plt.subplots(1, len(widths), figsize=(_style.WIDTH, 2.2), width_ratios=widths)
    for axis, (title, values) in zip(axes, maps.items(), strict=False):
        axis.imshow(tiles(values.numpy()), cmap="gray_r")
        axis.set(title=title if title == "input" else f"{title}: {len(values)} maps", xticks=[], yticks=[])
        axis.grid(False)
    axes[-1].bar([str(i) for i in range(len(scores))], scores.softmax(0).numpy(), color=_style.KEPT)
    axes[-1].set(title="probability of each class", ylim=(0, 1.05))
    return figure


def stages(name: str, model: nn.Sequential, image: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Run ``image`` through ``model``, the argument ``name``; return the input and the maps by layer, and the class scores."""
    if not isinstance(model, nn.Sequential) or not any(isinstance(layer, nn.Conv2d) for layer in model):
        raise ValueError(f"{name} must be an nn.Sequential with a Conv2d layer, got {type(model).__name__}")
    channels = next(layer for layer in model if isinstance(layer, nn.Conv2d)).in_channels
    if arguments.tensor("image", image).ndim != 3 or image.shape[0] != channels or not image.is_floating_point():
        raise ValueError(
            f"image must have shape ({channels}, height, width) and a float dtype, got {tuple(image.shape)}, {image.dtype}"
        )
    x, maps = image[None], {"input": image}
    before, previous = "", None
    for key, layer in model.named_children():
        if isinstance(layer, nn.Linear) and x.shape[-1] != layer.in_features:
            raise ValueError(f"image must give layer {key} {layer.in_features} inputs, got {tuple(image.shape)} with {x.shape[-1]}")
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d) and min(x.shape[-2:]) < np.max(layer.kernel_size):
            raise ValueError(f"image must be large enough for layer {key}, got {tuple(image.shape)}")
        x = layer(x)
        if isinstance(previous, nn.Conv2d):
            maps[before] = x[0]
        before, previous = key, layer
    return maps, x[0]


def tiles(maps: np.ndarray, ends: tuple[float, float] | None = None) -> np.ndarray:
    """Lay ``(n, h, w)`` maps out in a grid, a grey line between them, each scaled to [0, 1], or all of them from ``ends``."""
    columns = int(np.ceil(np.sqrt(len(maps))))
    rows = int(np.ceil(len(maps) / columns))
    h, w = maps.shape[1:]
    low, high = ends or (maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True))
    grid = np.full((rows * (h + 1) - 1, columns * (w + 1) - 1), 0.2)
    for i, tile in enumerate(np.clip((maps - low) / np.maximum(high - low, 1e-9), 0, 1)):
        top, left = (i // columns) * (h + 1), (i % columns) * (w + 1)
        grid[top : top + h, left : left + w] = tile
    return grid


def cut(weight: torch.Tensor, mask: torch.Tensor, title: str = "") -> Figure:
    """Draw the values of ``weight`` (at least 2-D) as a histogram cut by a threshold, and beside it which places the cut hits.

    ``mask`` is a bool tensor of the same shape, ``True`` = kept, such as ``keep_top`` gives for magnitudes. The red lines stand at
    the largest pruned magnitude. In the picture on the right a row is an output, a column one of its weights; dark = kept.

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
    right.imshow(mask.flatten(1).numpy(), cmap=ListedColormap([_style.PRUNED, _style.KEPT]), vmin=0, vmax=1, aspect="auto",
                 interpolation="nearest")  # fmt: skip
    right.set(title="mask (dark = kept)", xlabel=f"{mask[0].numel()} weights of an output", ylabel=f"{len(mask)} outputs")
    right.grid(False)
    return figure


def shares(counts: Mapping[str, Mapping[str, float]], title: str = "") -> Figure:
    """Draw how each quantity splits over the layers: ``counts`` maps a quantity ("weights", "MACs") to layer -> amount.

    One horizontal bar per quantity, each 100 % long. Raises ValueError if a quantity adds up to nothing. Source: notebook 01.
    """
    for quantity, amounts in arguments.mapping("counts", counts).items():
        arguments.labels(f"the layers of counts[{quantity!r}]", list(arguments.mapping(f"counts[{quantity!r}]", amounts)))
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
            axis.barh(row, share, left=left, color=colour, edgecolor="white", label=layer if row == 0 else None)
            if share > 6:
                axis.text(left + share / 2, row, f"{layer}\n{share:.0f} %", ha="center", va="center", fontsize=8,
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
            left += share
    axis.set(yticks=range(len(counts)), yticklabels=list(counts), xlim=(0, 100), xlabel="share (%)", title=title)
    axis.invert_yaxis()
    axis.grid(False)
    _style.legend_beside(axis)
    return figure

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
    if arguments.tensor("image", image).ndim != 3:
        raise ValueError(f"image must have shape (1, height, width), got {tuple(image.shape)}")
    if not isinstance(model, nn.Sequential) or not any(isinstance(layer, nn.Conv2d) for layer in model):
        raise ValueError(f"model must be an nn.Sequential with a Conv2d layer, got {type(model).__name__}")
    layers = list(model.named_children())
    _fits(model, image)
    x, stages = image[None], {"input": image}
    for (_, layer), (before, previous) in zip(layers, [("", None), *layers], strict=False):
        x = layer(x)
        if isinstance(previous, nn.Conv2d):
            stages[f"{before}: {x.shape[1]} maps"] = x[0]
    widths = [1.0] + [1.6] * (len(stages) - 1) + [1.8]
    figure, axes = plt.subplots(1, len(widths), figsize=(_style.WIDTH, 2.2), width_ratios=widths)
    for axis, (title, maps) in zip(axes, stages.items(), strict=False):
        axis.imshow(_tiles(maps.numpy()), cmap="gray_r")
        axis.set(title=title, xticks=[], yticks=[])
        axis.grid(False)
    axes[-1].bar([str(i) for i in range(x.shape[1])], x[0].softmax(0).numpy(), color=_style.KEPT)
    axes[-1].set(title="probability of each class", ylim=(0, 1.05))
    return figure


def _fits(model: nn.Sequential, image: torch.Tensor) -> None:
    """Raise ValueError unless ``image`` has as many channels as the first convolution of ``model`` reads."""
    channels = next(layer for layer in model if isinstance(layer, nn.Conv2d)).in_channels
    if image.shape[0] != channels:
        raise ValueError(f"image must have shape ({channels}, height, width), got {tuple(image.shape)}")


def _tiles(maps: np.ndarray) -> np.ndarray:
    """Lay ``(n, h, w)`` maps out in a grid, a grey line between them, each scaled to [0, 1]."""
    columns = int(np.ceil(np.sqrt(len(maps))))
    rows = int(np.ceil(len(maps) / columns))
    h, w = maps.shape[1:]
    low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
    grid = np.full((rows * (h + 1) - 1, columns * (w + 1) - 1), 0.2)
    for i, tile in enumerate((maps - low) / np.maximum(high - low, 1e-9)):
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

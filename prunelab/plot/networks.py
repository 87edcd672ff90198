"""Figures of what happens inside a network: pixels that its first layer reads, maps that fade, filters that feed channels."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle
from torch import nn

from prunelab import arguments
from prunelab.plot import _style
from prunelab.plot.concepts import stages, tiles
from prunelab.plot.granularity import draw_kernels


def pixel_map(mask: torch.Tensor, images: torch.Tensor) -> Figure:
    """Draw how many weights of a first layer are kept at every pixel, beside how much each pixel varies over ``images``.

    ``mask`` is a bool tensor ``(out, pixels)``, ``images`` ``(N, 1, height, width)`` with as many pixels. A pixel without a weight
    left is hatched; a pixel that is the same in all images is white in the right picture. Raises TypeError or ValueError if the
    two do not fit. Source: notebooks 01 and 03.1.
    """
    if arguments.tensor("images", images).ndim != 4 or images.shape[1] != 1 or len(images) < 2:
        raise ValueError(f"images must have shape (N, 1, height, width) with N of at least 2, got {tuple(images.shape)}")
    height, width = images.shape[2:]
    if arguments.mask("mask", mask).ndim != 2 or mask.shape[1] != height * width:
        raise ValueError(f"mask must have shape (out, {height * width}), got {tuple(mask.shape)}")
    kept = mask.sum(0).view(height, width).numpy()
    spread = images.detach().double().std(0)[0].numpy()
    figure, axes = plt.subplots(1, 2, figsize=(_style.WIDTH, 3.6))
    constant = int((spread < 1e-9).sum())
    panels = (
        (kept, f"weights kept per pixel, of {len(mask)}", f"{int((kept == 0).sum())} pixels without one (hatched)"),
        (spread, f"spread of each pixel over {len(images):,} images", f"{constant} pixels never change (white)"),
    )
    for axis, (values, title, note) in zip(axes, panels, strict=True):
        figure.colorbar(axis.imshow(values, cmap="Blues", vmin=0), ax=axis)
        axis.set(title=title, xticks=[], yticks=[], xlabel=note)
        axis.grid(False)
    for i, j in np.argwhere(kept == 0):
        axes[0].add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, hatch=_style.HATCH, linewidth=0, edgecolor="#8C8C8C"))
    return figure


@torch.inference_mode()
def filmstrip(models: Mapping[str, nn.Sequential], image: torch.Tensor) -> Figure:
    """Draw what each of ``models`` makes of one ``image`` ``(channels, height, width)``: a column per model, the most pruned last.

    The rows are the maps after each convolution, on the grey scale that the first model sets, so that one sees them fade, and the
    class probabilities, the largest in blue. ``models`` maps a title ("dense", "90 % pruned") to networks of one architecture.
    Raises TypeError or ValueError for what is no such network and for an image that does not fit. Source: notebook 01.
    """
    strips = {}
    for title, model in arguments.mapping("models", models).items():
        strips[title] = stages(f"models[{title!r}]", model, image)
    first, _ = next(iter(strips.values()))
    for title, (maps, _) in strips.items():
        if {name: m.shape for name, m in maps.items()} != {name: m.shape for name, m in first.items()}:
            raise ValueError(f"models[{title!r}] must have the layers of the first model, {', '.join(first)}")
    names = [name for name in first if name != "input"]
    figure, axes = plt.subplots(len(names) + 1, len(strips), figsize=(_style.WIDTH, 1.7 * len(names) + 1.4), squeeze=False)
    for column, (title, (maps, scores)) in enumerate(strips.items()):
        axes[0, column].set_title(title, fontsize=10)
        for axis, name in zip(axes[:, column], names, strict=False):
            axis.imshow(tiles(maps[name].numpy(), (0.0, float(first[name].max()) or 1.0)), cmap="gray_r", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
        share = scores.softmax(0).numpy()
        colours = [_style.KEPT if i == share.argmax() else "#9E9E9E" for i in range(len(share))]
        axes[-1, column].bar(range(len(share)), share, color=colours)
        axes[-1, column].set(ylim=(0, 1.05), yticks=[0, 0.5, 1])
        axes[-1, column].set_xticks(range(0, len(share), -(-len(share) // 5)))
        axes[-1, column].tick_params(labelsize=_style.SMALL, labelleft=column == 0)
    for row, name in enumerate([*names, "probability"]):
        axes[row, 0].set_ylabel(name, fontsize=9)
    return figure


def feeding(first: torch.Tensor, second: torch.Tensor, number: int) -> Figure:
    """Draw how filter ``number`` of one convolution feeds channel ``number`` of the next: both go together, so both are hatched.

    ``first`` is the weight ``(out, in, kh, kw)``, ``second`` the next one, ``(next, out, kh, kw)``. Raises TypeError or ValueError
    if the two do not follow each other or ``number`` is no filter of the first. Source: notebook 02.
    """
    kept = {}
    for name, weight in (("first", first), ("second", second)):
        if arguments.tensor(name, weight).ndim != 4:
            raise ValueError(f"{name} must have shape (out, in, kh, kw), got {tuple(weight.shape)}")
        kept[name] = torch.ones(weight.shape, dtype=torch.bool)
    if second.shape[1] != first.shape[0]:
        raise ValueError(f"second must read the {first.shape[0]} maps of first, got shape {tuple(second.shape)}")
    number = arguments.count("number", number, at_least=0, at_most=len(first) - 1)
    kept["first"][number], kept["second"][:, number] = False, False
    figure, (left, right) = plt.subplots(1, 2, figsize=(_style.WIDTH, 3.4), width_ratios=[len(first), max(len(second), len(first))])
    draw_kernels(left, first, kept["first"])
    draw_kernels(right, second, kept["second"])
    left.set_xlabel(f"filter\n({number} makes map {number})")
    right.set_title(f"channel {number} of the next layer reads it")
    start = (number * (first.shape[3] + 1) + first.shape[3] / 2, -0.5)
    end = (-0.5, number * (second.shape[2] + 1) + second.shape[2] / 2 - 0.5)
    arrow = {"arrowstyle": "->", "color": _style.RED, "linewidth": 2, "connectionstyle": "arc3,rad=-0.25"}
    figure.add_artist(ConnectionPatch(start, end, "data", "data", axesA=left, axesB=right, **arrow))
    return figure

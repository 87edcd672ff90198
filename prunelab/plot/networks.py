"""Figures of what happens inside a network: pixels that its first layer reads, filters that feed channels."""

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle

from prunelab import arguments
from prunelab.plot import _kernels, _style


def pixel_map(mask: torch.Tensor, images: torch.Tensor) -> Figure:
    """Draw how many weights of a first layer are kept at every pixel, beside how much each pixel varies over
    ``images``.

    ``mask`` is a bool tensor ``(out, pixels)``, ``images`` ``(N, 1, height, width)`` with as many pixels. A
    pixel without a weight left is hatched; a pixel that is the same in all images is white in the right
    picture. Raises TypeError or ValueError if the two do not fit. Source: notebooks 01 and 03.1."""
    if arguments.tensor("images", images).ndim != 4 or images.shape[1] != 1 or len(images) < 2:
        raise ValueError(
            f"images must have shape (N, 1, height, width) with N of at least 2, got {tuple(images.shape)}"
        )
    height, width = images.shape[2:]
    if arguments.mask("mask", mask).ndim != 2 or mask.shape[1] != height * width:
        raise ValueError(f"mask must have shape (out, {height * width}), got {tuple(mask.shape)}")
    kept = mask.sum(0).view(height, width).numpy()
    spread = images.detach().double().std(0)[0].numpy()
    figure, axes = plt.subplots(1, 2, figsize=(_style.WIDTH, 3.6))
    constant = int((spread < 1e-9).sum())
    panels = (
        (
            kept,
            f"weights kept per pixel, of {len(mask)}",
            f"{int((kept == 0).sum())} pixels without one (hatched)",
        ),
        (
            spread,
            f"spread of each pixel over {len(images):,} images",
            f"{constant} pixels never change (white)",
        ),
    )
    for axis, (values, title, note) in zip(axes, panels, strict=True):
        figure.colorbar(axis.imshow(values, cmap="Blues", vmin=0), ax=axis)
        axis.set(title=title, xticks=[], yticks=[], xlabel=note)
        axis.grid(False)
    for i, j in np.argwhere(kept == 0):
        axes[0].add_patch(
            Rectangle(
                (j - 0.5, i - 0.5), 1, 1, fill=False, hatch=_style.HATCH, linewidth=0, edgecolor="#8C8C8C"
            )
        )
    return figure


def feeding(first: torch.Tensor, second: torch.Tensor, number: int) -> Figure:
    """Draw how filter ``number`` of one convolution feeds channel ``number`` of the next: both go together,
    so both are hatched.

    ``first`` is the weight ``(out, in, kh, kw)``, ``second`` the next one, ``(next, out, kh, kw)``. Raises
    TypeError or ValueError if the two do not follow each other or ``number`` is no filter of the first.
    Source: notebook 02."""
    kept = {}
    for name, weight in (("first", first), ("second", second)):
        if arguments.tensor(name, weight).ndim != 4:
            raise ValueError(f"{name} must have shape (out, in, kh, kw), got {tuple(weight.shape)}")
        kept[name] = torch.ones(weight.shape, dtype=torch.bool)
    if second.shape[1] != first.shape[0]:
        raise ValueError(
            f"second must read the {first.shape[0]} maps of first, got shape {tuple(second.shape)}"
        )
    number = arguments.count("number", number, at_least=0, at_most=len(first) - 1)
    kept["first"][number], kept["second"][:, number] = False, False
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(_style.WIDTH, 3.4), width_ratios=[len(first), max(len(second), len(first))]
    )
    _kernels.draw(left, first, kept["first"])
    _kernels.draw(right, second, kept["second"])
    left.set_xlabel(f"filter\n({number} makes map {number})")
    right.set_title(f"channel {number} of the next layer reads it")
    start = (number * (first.shape[3] + 1) + first.shape[3] / 2, -0.5)
    right.set_ylabel("")
    end = (-6, number * (second.shape[2] + 1) + second.shape[2] / 2 - 0.5)
    arrow = {"arrowstyle": "->", "color": _style.RED, "linewidth": 2, "connectionstyle": "arc3,rad=-0.25"}
    figure.add_artist(ConnectionPatch(start, end, "data", "data", axesA=left, axesB=right, **arrow))
    return figure

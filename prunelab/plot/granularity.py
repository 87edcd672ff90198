"""Figures of chapter 02: all kernels of a convolution as a grid, and beside it the accuracy that each
granularity leaves.
"""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _axes, _kernels, _style

CELLS = 20_000  # of one weight


def kernel_grid(weight: torch.Tensor, mask: torch.Tensor | None = None, title: str = "") -> Figure:
    """Draw every kernel of a convolution weight ``(out, in, kh, kw)`` in its place: a column per filter, a
    row per channel.

    The values are coloured on one scale. A kernel that ``mask`` (bool, of the weight's shape or broadcasting
    over it) prunes as a whole is grey and hatched, a single pruned weight grey. Without a mask pruned is what
    is zero.

    Raises TypeError or ValueError for a weight that is not 4-D or has more than 20,000 elements, and for a
    mask that does not fit. Source: notebook 02."""
    values = _convolution("weight", weight).detach().double()
    kept = values != 0
    if mask is not None:
        if arguments.mask("mask", mask).ndim != 4 or any(
            m not in (1, n) for m, n in zip(mask.shape, values.shape, strict=True)
        ):
            raise ValueError(
                f"mask must have shape {tuple(values.shape)}, or 1 in some dimensions, got"
                f" {tuple(mask.shape)}"
            )
        kept = mask.expand(values.shape)
    arguments.text("title", title)
    out, channels = values.shape[:2]
    cell = min(0.5, (_style.WIDTH - 1) / out, 4.0 / channels)
    figure, axis = plt.subplots(figsize=(max(3.0, out * cell + 1), channels * cell + 0.9))
    _kernels.draw(axis, values, kept)
    axis.set_title(title)
    return figure


def tensor_and_accuracy(
    kept: torch.Tensor, accuracies: Mapping[str, float], chosen: str, dense: float
) -> Figure:
    """Draw the 4-D bool tensor ``kept``, kernel by kernel, and beside it the errors that belong to
    ``accuracies`` (in percent).

    ``accuracies`` maps a label to percent; the one ``chosen`` is filled and bold; ``dense`` (percent) is a
    line. The errors stand on a logarithmic axis. Raises ValueError if ``chosen`` is not among the labels.
    Source: notebook 02."""
    _convolution("kept", arguments.mask("kept", kept))
    labels = list(arguments.mapping("accuracies", accuracies))
    values = arguments.numbers("accuracies", list(accuracies.values()), 0, 100, length=len(labels))
    arguments.one_of("chosen", chosen, labels)
    errors, line = _axes.error(values), _axes.error(arguments.numbers("dense", [dense], 0, 100, length=1))
    figure, (left, right) = plt.subplots(1, 2, figsize=(_style.WIDTH, 3.2), width_ratios=[2, 1])
    sheet = _kernels.sheet(kept.numpy().astype(float))
    left.imshow(
        sheet, cmap=ListedColormap([_style.PRUNED, _style.KEPT]), vmin=0, vmax=1, interpolation="nearest"
    )
    _kernels.number(left, kept.shape)
    left.set_title(f"{chosen}: blue = kept, grey = pruned")
    for position, (label, value) in enumerate(zip(labels, errors, strict=True)):
        here = label == chosen
        right.plot(
            value, position, "o", color=_style.KEPT, markersize=8, fillstyle="full" if here else "none"
        )
        style = {"fontsize": _style.SMALL, "fontweight": "bold" if here else "normal", "ha": "center"}
        right.annotate(f"{value:.1f}", (value, position), xytext=(0, 7), textcoords="offset points", **style)
    right.axvline(float(line[0]), color=_style.RED, linestyle="--", marker="", label=f"dense {line[0]:.1f}")
    _axes.logarithmic(right.xaxis, np.concatenate([errors, line]))
    right.set(ylim=(len(labels) - 0.5, -0.7), xlabel="error (%)")
    right.set_yticks(range(len(labels)), labels)
    _style.legend_below(figure)
    return figure


def _convolution(name: str, weight: torch.Tensor) -> torch.Tensor:
    if arguments.tensor(name, weight).ndim != 4 or weight.numel() > CELLS:
        raise ValueError(
            f"{name} must be (out, in, kh, kw) with at most {CELLS:,} elements, got shape"
            f" {tuple(weight.shape)}"
        )
    return weight

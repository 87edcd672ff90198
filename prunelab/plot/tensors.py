"""A convolution weight in three dimensions: every filter a stack of kernels, every kernel a plate of
cells.
"""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _style

CELLS = 6_000  # of one weight; with more, a cell is smaller than a few pixels
FILTERS = 8  # side by side; the next ones stand in a row below
SLANT = np.array([0.5, 0.7])  # where one cell towards the back goes on paper: right and up, in cells
BLOCK, GAP = 0.25, 1.4  # height of a kept cell and gap between filters, in cells
MARGINS = np.array([2.4, 1.6])  # for the numbers of the channels and filters, in cells


def tensor_view(
    weights: torch.Tensor | Mapping[str, torch.Tensor], masks: Mapping[str, torch.Tensor] | None = None
) -> Figure:
    """Draw one convolution weight ``(out, in, kh, kw)``, or several by title side by side, cell by cell.

    Each filter is a stack of plates, one kernel per input channel. A kept weight is a raised block, a pruned
    one a flat tile that is struck out. Pruned is what is zero; or, with ``masks`` (title -> bool tensor, may
    be per group), what the mask prunes.

    Raises TypeError or ValueError for a weight that is not 4-D or has more than 6,000 cells, and for a mask
    that does not fit. Source: notebook 02."""
    weights = arguments.mapping("weights", weights if isinstance(weights, Mapping) else {"": weights})
    masks = {} if masks is None else arguments.mapping("masks", masks, at_least=0)
    for title in masks:
        arguments.one_of("a title in masks", title, weights)
    kept = {title: _kept(title, weight, masks.get(title)) for title, weight in weights.items()}
    size = np.max([_size(cells.shape) for cells in kept.values()], axis=0)
    panels = len(kept)
    layouts = [(-(-panels // across), across) for across in range(1, panels + 1)]
    inches, down, across = max(
        (min(0.22, 9.0 / (m * size[0]), (4.0 - 0.35 * n) / (n * size[1])), n, m) for n, m in layouts
    )
    figure, axes = plt.subplots(
        down,
        across,
        figsize=(max(2.5, across * size[0] * inches), down * (size[1] * inches + 0.35)),
        squeeze=False,
    )
    for axis in axes.flat[panels:]:
        axis.set_visible(False)
    for axis, (title, cells) in zip(axes.flat, kept.items(), strict=False):
        draw_tensor(axis, cells)
        axis.set_title(title)
    return figure


def draw_tensor(axis: Axes, kept: torch.Tensor) -> None:
    """Draw the 4-D bool tensor ``kept`` on ``axis``: blocks where it is ``True``, tiles struck out where it
    is ``False``.

    All visible faces are computed at once and drawn as one collection, from the back to the front. Source:
    notebook 02."""
    if not isinstance(axis, Axes):
        raise TypeError(f"axis must be matplotlib Axes, got {type(axis).__name__}")
    if arguments.mask("kept", kept).ndim != 4 or kept.numel() > CELLS:
        raise ValueError(f"kept must be 4-D with at most {CELLS:,} cells, got shape {tuple(kept.shape)}")
    cells = kept.numpy()
    filters, kernels, rows, columns = np.indices(cells.shape)
    plate, stack, pitch = _steps(cells.shape)
    x = filters % FILTERS * pitch + columns
    y = cells.shape[2] - 1.0 - rows  # row 0 lies at the back
    z = -(kernels * plate) - filters // FILTERS * stack
    corner = np.stack([x, y, z], axis=-1)
    b, hidden_right, hidden_front = BLOCK, np.zeros_like(cells), np.zeros_like(cells)
    hidden_right[..., :-1] = cells[..., 1:]  # a kept neighbour hides the side towards it
    hidden_front[:, :, :-1] = cells[:, :, 1:]
    blue = np.array(to_rgb(_style.KEPT))
    parts = [
        (cells, [(0, 0, b), (1, 0, b), (1, 1, b), (0, 1, b)], np.minimum(1, blue + 0.3)),
        (cells & ~hidden_right, [(1, 0, 0), (1, 1, 0), (1, 1, b), (1, 0, b)], 0.5 * blue),
        (cells & ~hidden_front, [(0, 0, 0), (1, 0, 0), (1, 0, b), (0, 0, b)], 0.75 * blue),
    ]
    for third in [(1, 0, 0), (0, 1, 0)]:  # two triangles: their common edge strikes the tile out
        parts.append((~cells, [(0, 0, 0), (1, 1, 0), third, third], to_rgb("white")))
    faces = np.concatenate([corner[where][:, None] + np.array(shape) for where, shape, _ in parts])
    colours = np.concatenate([np.tile(colour, (int(where.sum()), 1)) for where, _, colour in parts])
    depth = np.concatenate([corner[where][:, 1] for where, _, _ in parts])
    solid = np.arange(len(faces)) < sum(int(where.sum()) for where, _, _ in parts[:3])
    edges = np.where(solid[:, None], 1.0, 0.55) * np.ones(3)
    order = np.argsort(-depth, kind="stable")
    paper = _project(faces)[order]
    # snapped to whole pixels, equal plates look equal, and the picture takes a quarter of the bytes
    axis.add_collection(
        PolyCollection(paper, facecolors=colours[order], edgecolors=edges[order], linewidths=0.4, snap=True)
    )
    _label(axis, cells.shape)


def _label(axis: Axes, shape: tuple[int, ...]) -> None:
    out, channels, height, width = shape
    plate, stack, pitch = _steps(shape)
    for o in range(out):
        top = np.array([o % FILTERS * pitch + width / 2, height, 0.7 - o // FILTERS * stack])
        axis.text(*_project(top), f"filter {o}" if out <= 4 else str(o), ha="center", va="bottom", fontsize=8)
    for row in range(-(-out // FILTERS)):
        for i in range(channels):
            axis.text(
                *_project(np.array([-0.4, 0, -i * plate - row * stack])),
                f"in {i}",
                ha="right",
                va="bottom",
                fontsize=_style.SMALL,
            )
    w, h = _size(shape)
    axis.set(xlim=(-MARGINS[0], w - MARGINS[0]), aspect="equal")
    top = SLANT[1] * height + MARGINS[1]
    axis.set_ylim(top - h, top)
    axis.set_axis_off()


def _steps(shape: tuple[int, ...]) -> tuple[float, float, float]:
    """Return the distances of one kernel to the next below, of one row of filters to the next, and of one
    filter to the next.
    """
    _, channels, height, width = shape
    plate = SLANT[1] * height + BLOCK + 0.3
    return plate, plate * channels + 1.9, width + SLANT[0] * height + GAP


def _size(shape: tuple[int, ...]) -> np.ndarray:
    """Return the width and height of the drawing, in cells."""
    out = shape[0]
    _, stack, pitch = _steps(shape)
    return np.array([MARGINS[0] + min(out, FILTERS) * pitch, MARGINS[1] + -(-out // FILTERS) * stack - 1.5])


def _project(points: np.ndarray) -> np.ndarray:
    """Project ``(..., 3)``, right, back and up, to ``(..., 2)`` on paper; parallels stay parallel and cells
    equally large.
    """
    return points[..., [0, 2]] + points[..., 1:2] * SLANT


def _kept(title: str, weight: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Check one weight and its mask, and return what is kept, a bool tensor of the weight's shape."""
    name = f"weights[{title!r}]"
    if arguments.tensor(name, weight).ndim != 4:
        raise ValueError(
            f"{name} must be a convolution weight (out, in, kh, kw), got shape {tuple(weight.shape)}"
        )
    if weight.numel() > CELLS:
        raise ValueError(
            f"{name} must have at most {CELLS:,} cells to be readable, got {weight.numel():,}; draw a part,"
            " weight[:8]"
        )
    if mask is None:
        return weight.detach() != 0
    name = f"masks[{title!r}]"
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        raise TypeError(f"{name} must be a bool tensor, got {getattr(mask, 'dtype', type(mask).__name__)}")
    if mask.ndim != 4 or any(a not in (1, b) for a, b in zip(mask.shape, weight.shape, strict=True)):
        raise ValueError(
            f"{name} must have shape {tuple(weight.shape)}, or 1 in some dimensions, got {tuple(mask.shape)}"
        )
    return mask.expand(weight.shape)

"""All kernels of a convolution in their places: a column per filter, a row per channel."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from prunelab.plot import _style


def draw(axis: Axes, weight: torch.Tensor, kept: torch.Tensor) -> None:
    """Draw the kernels of ``weight`` ``(out, in, kh, kw)`` on ``axis``: in colour where the bool tensor
    ``kept`` says.
    """
    values, (height, width) = weight.detach().double(), weight.shape[2:]
    limit = float(values.abs().max()) or 1.0
    shown = np.ma.masked_array(
        sheet(values.numpy()), mask=~sheet(kept.numpy().astype(float), 0.0).astype(bool)
    )
    axis.imshow(shown, cmap=_style.DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
    for o, i in np.argwhere(~kept.flatten(2).any(2).numpy()):
        corner = (o * (width + 1) - 0.5, i * (height + 1) - 0.5)
        axis.add_patch(
            Rectangle(
                corner,
                width,
                height,
                facecolor=_style.PRUNED,
                hatch=_style.HATCH,
                edgecolor="#8C8C8C",
                linewidth=0,
            )
        )
    for o, i in np.argwhere(kept.flatten(2).any(2).numpy() & ~kept.flatten(2).all(2).numpy()):
        corner = (o * (width + 1) - 0.5, i * (height + 1) - 0.5)
        axis.add_patch(Rectangle(corner, width, height, facecolor=_style.PRUNED, edgecolor="none", zorder=0))
    number(axis, values.shape)


def sheet(cells: np.ndarray, between: float = np.nan) -> np.ndarray:
    """Lay ``(out, in, kh, kw)`` out on one sheet, a column per filter and a row per channel, with a gap
    between two kernels.
    """
    out, channels, height, width = cells.shape
    sheet = np.full((channels * (height + 1) - 1, out * (width + 1) - 1), between)
    for o in range(out):
        for i in range(channels):
            sheet[i * (height + 1) : i * (height + 1) + height, o * (width + 1) : o * (width + 1) + width] = (
                cells[o, i]
            )
    return sheet


def number(axis: Axes, shape: tuple[int, ...]) -> None:
    out, channels, height, width = shape
    axis.set_xticks(
        [o * (width + 1) + (width - 1) / 2 for o in range(0, out, -(-out // 32))],
        range(0, out, -(-out // 32)),
    )
    axis.set_yticks([i * (height + 1) + (height - 1) / 2 for i in range(channels)], range(channels))
    axis.tick_params(length=0, labelsize=_style.SMALL)
    axis.set(xlabel="filter", ylabel="channel")
    axis.grid(False)
    axis.spines[:].set_visible(False)

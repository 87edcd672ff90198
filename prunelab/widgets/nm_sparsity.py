"""The explorer of chapter 06: N, M and the order of the columns; what is kept and what it costs in bytes."""

import math

import ipywidgets as w
import torch
from matplotlib.figure import Figure

from prunelab import arguments, plot
from prunelab.semi_structured import kept_magnitude, nm_mask, permute_columns
from prunelab.widgets._explorer import explorer

PATTERNS = ("1:4", "2:4", "3:4", "1:2", "2:8", "4:8", "6:8", "8:16")


def _nm_bytes(elements: int, n: int, m: int, value_bits: int = 16) -> float:
    """Return the bytes of ``elements`` weights stored N:M: values of ``value_bits`` and positions of
    ceil(log2 m) bits each.

    Raises ValueError if ``n`` is larger than ``m`` or one of them is below 1. Source: notebook 06.
    """
    if arguments.count("n", n) > arguments.count("m", m):
        raise ValueError(f"n must be at most m = {m}, got {n}")
    return elements * n / m * (value_bits + math.ceil(math.log2(m))) / 8


def nm_explorer(weight: torch.Tensor) -> w.VBox:
    """Return controls for the pattern and the column order of ``weight`` ``(out, in)``, with the matrix, its
    mask and the numbers.

    16 must divide the number of inputs, so that every pattern fits. Source: notebook 06.
    """
    if arguments.tensor("weight", weight).ndim != 2 or weight.shape[1] % 16:
        raise ValueError(f"weight must be (out, in) with 16 dividing in, got shape {tuple(weight.shape)}")
    weight = weight.detach()
    orders = {
        "as it is": torch.arange(weight.shape[1]),
        "largest columns first": weight.abs().sum(0).argsort(descending=True, stable=True),
        "searched for 2:4": permute_columns(weight),
    }

    def draw(pattern: str, columns: str) -> tuple[Figure, str]:
        n, m = map(int, pattern.split(":"))
        permuted = weight[:, orders[columns]]
        figure = plot.heatmap({f"{pattern}, columns {columns}": permuted * nm_mask(permuted, n, m)})
        dense, packed = 2 * weight.numel(), _nm_bytes(weight.numel(), n, m)
        kept = 100 * kept_magnitude(permuted, n, m)
        return (
            figure,
            f"kept magnitude {kept:.1f} %, float16 bytes {dense} -> {packed:.0f} ({dense / packed:.2f}x)",
        )

    return explorer(
        draw,
        pattern=w.SelectionSlider(options=PATTERNS, value="2:4", description="N:M"),
        columns=w.Dropdown(options=list(orders), description="columns"),
    )

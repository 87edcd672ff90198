"""The explorer of chapter 08: one density, four meanings of "compression"."""

import ipywidgets as w
import numpy as np
from matplotlib.figure import Figure

from prunelab import plot
from prunelab.storage import bits_per_weight
from prunelab.widgets._explorer import explorer

SIZES = {"LeNet300": (266_200, 410), "LeNet5Caffe": (430_500, 580)}  # weights, biases
DENSITIES = np.logspace(-3, 0, 61)


def _meanings(network: str, density: float, value_bits: int, index_bits: int) -> dict[str, float]:
    """Return {meaning: compression (x)} of a key of ``SIZES`` with a random mask of ``density`` in (0, 1];
    biases stay.

    The last one is expected for gaps of ``index_bits`` bits, fillers included, and shared values of
    ``value_bits`` bits, the code book left out. Source: notebook 08."""
    weights, biases = SIZES[network]
    return {
        "weights / nonzero weights": 1 / density,
        "parameters / nonzero parameters": (weights + biases) / (density * weights + biases),
        "bits, each weight with a 32-bit index": 32 / (density * (32 + 32)),
        f"bits, {value_bits}-bit values and {index_bits}-bit steps": (
            32 / bits_per_weight("gap", density, value_bits, index_bits)
        ),
    }


def compression_explorer() -> w.VBox:
    """Return the explorer: network, density and the bits of a stored weight as controls, the four meanings as
    the picture.

    Source: notebook 08.
    """

    def draw(network: str, density: float, value_bits: int, index_bits: int) -> tuple[Figure, str]:
        rows = [_meanings(network, float(d), value_bits, index_bits) for d in DENSITIES]
        figure = plot.compression_curves(
            DENSITIES, {name: [row[name] for row in rows] for name in rows[0]}, at=density / 100
        )
        here = _meanings(network, density / 100, value_bits, index_bits)
        nonzeros = round(density / 100 * SIZES[network][0])
        return (
            figure,
            f"{nonzeros:,} weights left: "
            + ", ".join(f"{value:.1f}x ({name})" for name, value in here.items())
            + ".",
        )

    return explorer(
        draw,
        network=w.Dropdown(options=list(SIZES), description="network"),
        density=w.FloatLogSlider(
            value=8, base=10, min=-1, max=2, step=0.05, description="density %", readout_format=".2f"
        ),
        value_bits=w.Dropdown(options=[32, 16, 8, 6, 5], value=6, description="value bits"),
        index_bits=w.SelectionSlider(options=[3, 4, 5, 6, 8, 10, 12], value=5, description="index bits"),
    )

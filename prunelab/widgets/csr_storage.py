"""The explorer of chapter 07.1: density and index width against the bytes of every format."""

import ipywidgets as w
from matplotlib.figure import Figure

from prunelab import arguments, plot
from prunelab.storage import bits_per_weight, format_bytes
from prunelab.widgets._explorer import explorer

SHAPE = (300, 784)
COLUMN_BITS = 10  # what it takes to number 784 columns


def storage_sizes(density: float, index_bits: int, value_bits: int) -> dict[str, tuple[float, float]]:
    """Return {format: (bytes of values, bytes of index)} expected for a random 300 x 784 mask of ``density``
    in [0, 1].

    CSR and COO cannot use fewer than 10 bits, the width that 784 columns need. Raises TypeError or ValueError
    for a density outside [0, 1] or bits that are no positive integers. Source: notebook 07.1.
    """
    arguments.fraction("density", density)
    elements = SHAPE[0] * SHAPE[1]
    values = density * elements * arguments.count("value_bits", value_bits, at_most=64) / 8
    wide = max(arguments.count("index_bits", index_bits, at_most=64), COLUMN_BITS)
    sizes = {"dense": (elements * value_bits / 8, 0.0)}
    for name, format, bits in (
        (f"COO, {wide} bits", "coo", wide),
        (f"CSR, {wide} bits", "csr", wide),
        ("bitmap", "bitmap", 1),
        (f"gaps, {index_bits} bits", "gap", index_bits),
    ):
        total = bits_per_weight(format, density, value_bits, bits, SHAPE[1]) * elements / 8
        sizes[name] = (values, total - values)
    total = format_bytes("2:4", SHAPE, 0, value_bits)
    sizes["2:4 (at 50 % always)"] = (total - elements / 8, elements / 8)
    return sizes


def storage_explorer() -> w.VBox:
    """Return the explorer: density, index width and value width as controls, the bytes of every format beside
    the entropy bound.

    Source: notebook 07.1.
    """

    def draw(density: float, index_bits: int, value_bits: int) -> tuple[Figure, str]:
        share = density / 100
        sizes = storage_sizes(share, index_bits, value_bits)
        elements = SHAPE[0] * SHAPE[1]
        bound = bits_per_weight("bound", share, value_bits) * elements / 8
        best = min((name for name in sizes if not name.startswith("2:4")), key=lambda name: sum(sizes[name]))
        figure = plot.storage_bars(
            sizes, bound, sum(sizes["dense"]), f"300 x 784 weights at {density:g} % density"
        )
        ratio, limit = sum(sizes["dense"]) / sum(sizes[best]), sum(sizes["dense"]) / bound
        return (
            figure,
            f"Smallest: {best}, {ratio:.2f} x smaller than dense. The entropy bound allows {limit:.2f} x.",
        )

    return explorer(
        draw,
        density=w.FloatLogSlider(
            value=8, base=10, min=0, max=2, step=0.05, description="density %", readout_format=".1f"
        ),
        index_bits=w.SelectionSlider(
            options=[2, 3, 4, 5, 6, 8, 10, 12, 16], value=5, description="index bits"
        ),
        value_bits=w.Dropdown(options=[32, 16, 8, 6, 5], value=32, description="value bits"),
    )

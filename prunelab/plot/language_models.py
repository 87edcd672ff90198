"""Figures about language models; notebooks 10.1 and 10.2."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _style

COLUMNS = 60  # characters in a line
PALE = 0.55  # of the colour map, so that black letters stay readable


def surprises(text: str, bits: Sequence[float], highest: float = 8.0) -> Figure:
    """Draw ``text`` character by character on a ground that darkens with ``bits`` ``(len(text),)``, up to
    ``highest``.

    Lines break after 60 characters and where the text breaks them; a break is drawn as a pilcrow. Raises
    TypeError or ValueError if ``text`` is no string or empty, or the numbers do not fit. Source: notebook
    10.1."""
    if not isinstance(text, str) or not text:
        raise TypeError(f"text must be a string of at least one character, got {text!r:.80}")
    values = np.atleast_1d(arguments.numbers("bits", bits, low=0))
    if values.shape != (len(text),):
        raise ValueError(
            f"bits must hold one number for each of the {len(text)} characters, got shape {values.shape}"
        )
    places, row, column = [], 0, 0
    for character in text:
        places.append((row, column))
        row, column = (row + 1, 0) if character == "\n" or column == COLUMNS - 1 else (row, column + 1)
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 0.6 + 0.28 * (places[-1][0] + 1)))
    colours = colormaps["Oranges"](PALE * np.clip(values / arguments.positive("highest", highest), 0, 1))
    for character, (y, x), colour in zip(text, places, colours, strict=True):
        axis.add_patch(plt.Rectangle((x, -y - 1), 1, 1, color=colour, linewidth=0))
        shown = {"\n": "\N{PILCROW SIGN}", "\t": " "}.get(character, character)
        axis.text(x + 0.5, -y - 0.5, shown, ha="center", va="center", family="monospace", fontsize=10)
    axis.set(
        xlim=(0, COLUMNS),
        ylim=(-places[-1][0] - 1, 0),
        title=f"darker: more surprising (white 0, darkest {highest:g} bits)",
    )
    axis.axis("off")
    return figure


def serving(points: Mapping[str, tuple[float, float, float]], dense: str = "dense") -> Figure:
    """Draw what each model costs and is worth: ``points`` maps a label to bytes, milliseconds per character
    and bits per character.

    Two panels share the y axis, bits per character: over bytes and over milliseconds. Lines mark the model
    ``dense``. Raises TypeError or ValueError for no points, a value that is not positive or an unknown
    ``dense``. Source: notebook 10.2."""
    arguments.mapping("points", points)
    arguments.one_of("dense", dense, points)
    for label, values in points.items():
        arguments.numbers(f"points[{label!r}]", values, low=1e-12, length=3)
    figure, axes = plt.subplots(1, 2, figsize=(_style.WIDTH, 3.6), sharey=True)
    for axis, column, unit in ((axes[0], 0, "kB on disk"), (axes[1], 1, "ms per character (batch 1)")):
        for i, (label, values) in enumerate(points.items()):
            scale = 1e-3 if column == 0 else 1.0
            axis.plot(
                scale * values[column],
                values[2],
                linestyle="none",
                markersize=8,
                label=label,
                **_style.look(i),
            )
        axis.axhline(points[dense][2], color=_style.BLACK, linewidth=0.8, linestyle=":")
        axis.set(xlabel=unit, xlim=(0, 1.08 * scale * max(values[column] for values in points.values())))
    axes[0].set_ylabel("bits per character")
    _style.legend_below(figure)
    return figure

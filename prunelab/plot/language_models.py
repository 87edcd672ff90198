"""Figures about language models; notebooks 10.1 and 10.2."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _axes, _style

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


def column_steps(before: torch.Tensor, after: Mapping[int, torch.Tensor]) -> Figure:
    """Draw a matrix ``(rows, columns)`` on its way through SparseGPT: ``after`` maps the number of a column
    to the weights once it was treated, one panel each.

    The colour of a cell is its change against ``before``; pruned weights are grey and hatched. A line stands
    to the right of the column just treated: what is left of it is settled. Raises TypeError or ValueError if
    a matrix has another shape or a number is no column. Source: notebook 10.1."""
    if arguments.tensor("before", before).ndim != 2:
        raise ValueError(f"before must have shape (rows, columns), got {tuple(before.shape)}")
    rows, columns = before.shape
    after = {
        arguments.one_of("a column in after", j, range(columns)): arguments.shaped(
            f"after[{j}]", value, before.shape
        ).detach()
        for j, value in arguments.mapping("after", after).items()
    }
    steps = {j: (value.double() - before.detach().double()).numpy() for j, value in after.items()}
    figure, axes = plt.subplots(1, len(steps), figsize=(_style.WIDTH, 2.6), squeeze=False, sharey=True)
    widest = max(np.abs(change[after[j].numpy() != 0]).max(initial=1e-12) for j, change in steps.items())
    for axis, (j, change) in zip(axes[0], steps.items(), strict=True):
        drawn = axis.imshow(change, cmap=_style.DIVERGING, vmin=-widest, vmax=widest, aspect="auto")
        for row, column in np.argwhere(after[j].numpy() == 0):
            cell = plt.Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=_style.PRUNED, linewidth=0)
            axis.add_patch(cell).set_hatch(_style.HATCH)
        axis.axvline(j + 0.5, color=_style.BLACK, linewidth=2)
        axis.set(
            title=f"after column {j}", xticks=range(columns), yticks=range(rows), xlabel="column (input)"
        )
        axis.grid(visible=False)
    axes[0, 0].set_ylabel("row (output)")
    figure.colorbar(drawn, ax=axes[0, -1], label="change of the weight")
    return figure


def input_sizes(panels: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how strong each input of a layer is, one panel per title, on one logarithmic axis: ``panels`` maps
    a title to positive sizes ``(inputs,)``.

    Inputs above three times the median are marked. Raises TypeError or ValueError for sizes that are not
    positive or no panels. Source: notebook 10.1."""
    sizes = {
        title: np.atleast_1d(arguments.numbers(f"panels[{title!r}]", values, low=1e-12))
        for title, values in arguments.mapping("panels", panels).items()
    }
    figure, axes = plt.subplots(1, len(sizes), figsize=(_style.WIDTH, 3.0), squeeze=False, sharey=True)
    for axis, (title, values) in zip(axes[0], sizes.items(), strict=True):
        strong = values > 3 * np.median(values)
        for chosen, colour, label in ((~strong, _style.BLUE, "an input"), (strong, _style.RED, "an outlier")):
            places = np.flatnonzero(chosen)
            axis.vlines(places, values.min() / 2, values[chosen], color=colour, linewidth=1)
            axis.plot(places, values[chosen], "o", color=colour, markersize=3, label=label)
        axis.axhline(np.median(values), color=_style.BLACK, linestyle="--", linewidth=1, label="median")
        axis.set(title=title, xlabel="number of the input")
    _axes.logarithmic(axes[0, 0].yaxis, np.concatenate(list(sizes.values())))
    axes[0, 0].set_ylabel("size of the input (L2 norm)")
    _style.legend_below(figure)
    return figure


def kept_per_row(panels: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw how many weights each output unit keeps, sorted: ``panels`` maps a title to {scope: shares in
    percent ``(rows,)``}.

    Raises TypeError or ValueError for shares outside [0, 100] or no panels. Source: notebook 10.1."""
    arguments.mapping("panels", panels)
    figure, axes = plt.subplots(1, len(panels), figsize=(_style.WIDTH, 3.0), squeeze=False, sharey=True)
    for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
        for i, (scope, shares) in enumerate(arguments.mapping(f"panels[{title!r}]", curves).items()):
            values = np.sort(np.atleast_1d(arguments.numbers(f"{title!r}, {scope!r}", shares, 0, 100)))[::-1]
            look = {"color": _style.COLOURS[i], "linestyle": _style.LINES[i % len(_style.LINES)]}
            axis.plot(np.arange(len(values)), values, marker="", linewidth=2, label=scope, **look)
        axis.set(title=title, xlabel="output units, sorted", ylim=(0, 100))
    axes[0, 0].set_ylabel("weights kept (%)")
    _style.legend_below(figure)
    return figure

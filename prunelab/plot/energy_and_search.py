"""Figures of chapter 03.4: energy by layer, and what a search finds."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _style


def stacked_bars(cases: Mapping[str, Mapping[str, Mapping[str, float]]], ylabel: str) -> Figure:
    """Draw stacked bars, one panel per case: a case maps a bar's label to {part: amount}, every bar with the
    same parts.

    All panels have one range. Raises ValueError if there is no case or a bar has other parts. Source:
    notebook 03.4."""
    parts = None
    for title, bars in arguments.mapping("cases", cases).items():
        for label, bar in arguments.mapping(f"cases[{title!r}]", bars).items():
            name = f"cases[{title!r}][{label!r}]"
            parts = parts or list(arguments.mapping(name, bar))
            if list(arguments.mapping(name, bar)) != parts:
                raise ValueError(
                    f"{name} must have the parts {', '.join(map(str, parts))}, got {', '.join(map(str, bar))}"
                )
            arguments.numbers(name, list(bar.values()), low=0, length=len(parts))
    arguments.text("ylabel", ylabel)
    figure, axes = plt.subplots(1, len(cases), figsize=(_style.WIDTH, 3.2), squeeze=False, sharey=True)
    highest = max(sum(bar.values()) for bars in cases.values() for bar in bars.values())
    for axis, (title, bars) in zip(axes[0], cases.items(), strict=True):
        bottom = np.zeros(len(bars))
        for i, part in enumerate(parts):
            heights = np.array([bar[part] for bar in bars.values()])
            axis.bar(
                list(bars), heights, bottom=bottom, color=_style.COLOURS[i % 7], edgecolor="white", label=part
            )
            bottom = bottom + heights
        axis.set_title(title, fontsize=10)
        axis.set_ylim(0, 1.08 * max(float(highest), 1e-12))
        _style.name_ticks(axis, list(map(str, bars)), (_style.WIDTH / len(cases) - 0.9) / len(bars))
    axes[0, 0].set_ylabel(ylabel)
    _style.legend_below(figure)
    return figure


def best_of(
    losses: Sequence[float],
    draws: Sequence[int],
    measured: Sequence[float],
    expected: Sequence[float],
    marks: Mapping[str, float],
) -> Figure:
    """Draw the losses of random candidates as a histogram with ``marks`` (label -> loss), and beside it the
    best of the first N.

    ``measured`` and ``expected`` are the average best loss of ``draws`` draws, found and by theory. Raises
    ValueError if they differ in length. Source: notebook 03.4."""
    draws = arguments.numbers("draws", draws, low=1).ravel()
    measured, expected = (
        arguments.numbers(name, row, length=len(draws))
        for name, row in (("measured", measured), ("expected", expected))
    )
    losses = arguments.numbers("losses", losses, low=0, high=1e6).ravel()
    for label, loss in arguments.mapping("marks", marks).items():
        arguments.numbers(f"marks[{label!r}]", [loss], length=1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(_style.WIDTH, 3.2))
    left.hist(losses, bins=25, color=_style.SKY)
    for (label, loss), colour, style in zip(
        marks.items(), (_style.RED, _style.GREEN, _style.BLACK), ("-", "--", ":"), strict=False
    ):
        left.axvline(loss, color=colour, linestyle=style, linewidth=2, label=label)
    left.set(xlabel="loss with the units removed", ylabel="candidates")
    right.plot(draws, measured, label="found")
    right.plot(draws, expected, linestyle="--", label="normal theory")
    right.set(xlabel="draws N", ylabel="loss of the best of N", xscale="log")
    _style.legend_below(figure, columns=5)
    return figure


def search_progress(runs: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the lowest loss found so far against the number of candidates looked at; ``runs`` maps a label to
    losses in order.

    Raises ValueError if there is no run. Source: notebook 03.4.
    """
    found = {
        label: arguments.numbers(f"runs[{label!r}]", row).ravel()
        for label, row in arguments.mapping("runs", runs).items()
    }
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 2.8))
    for i, (label, losses) in enumerate(found.items()):
        axis.step(
            np.arange(1, len(losses) + 1),
            np.minimum.accumulate(losses),
            where="post",
            color=_style.COLOURS[i % 7],
            marker="",
            label=label,
        )
    axis.set(xlabel="candidates looked at", ylabel="lowest loss so far")
    _style.legend_beside(axis)
    return figure

"""Figures of chapter 08: what "compression" means, and the race for the smallest network."""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _axes, _style
from prunelab.records import MARKS, Mark

OURS = (_style.VERMILLION, _style.GREEN, _style.ORANGE, _style.PURPLE)


def compression_curves(
    densities: Sequence[float], curves: Mapping[str, Sequence[float]], at: float | None = None
) -> Figure:
    """Draw compression (x) against what is kept, both logarithmic: one line per definition, and a vertical
    line ``at`` a density.

    The densities lie in (0, 1], the x axis runs from much to little. Raises ValueError if a line has not one
    value per density. Source: notebook 08."""
    percent = 100 * arguments.numbers("densities", densities, 1e-9, 1).ravel()
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 3.2))
    for i, (name, values) in enumerate(arguments.mapping("curves", curves).items()):
        values = arguments.numbers(f"curves[{name!r}]", values, 0, length=len(percent))
        axis.plot(
            percent, values, label=name, color=_style.COLOURS[i % 7], linestyle=_style.LINES[i % 4], marker=""
        )
    if at is not None:
        axis.axvline(100 * arguments.fraction("at", at), color=_style.BLACK, linewidth=1, marker="")
    axis.set(yscale="log", xlabel="density: nonzeros / weights (%)", ylabel="compression (x)")
    _axes.logarithmic(axis.xaxis, percent, falling=True)
    axis.yaxis.set_major_formatter("{x:g}")
    _style.legend_below(figure, columns=2)
    return figure


def race(network: str, ours: Mapping[str, tuple[Sequence[float], Sequence[float]]], highest: float) -> Figure:
    """Draw test error against compression, both logarithmic: the published marks in blue, ``ours`` on top.

    ``ours`` maps a label to (compressions, errors in percent), one point per network. Right and down is
    better; a line joins the marks that no other mark beats (the Pareto front). Errors above ``highest``
    percent are left out of the picture; a mark whose error was not read stands as a triangle at its upper
    edge. Raises ValueError for an unknown network. Source: notebook 08."""
    arguments.one_of("network", network, MARKS)
    highest = arguments.positive("highest", highest)
    points = _axes.series("ours", ours, (1e-9, np.inf), (0, 100))
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 4.6))
    shown = [mark for mark in MARKS[network] if mark.error is not None and mark.error <= highest]
    front = [mark for mark in shown if not any(_beats(other, mark) for other in shown)]
    axis.plot(
        *zip(*[mark[1:3] for mark in front], strict=True),
        color=_style.BLUE,
        linewidth=1,
        alpha=0.5,
        marker="",
    )
    for number, mark in enumerate(shown, 1):
        label = f"{number}  {mark.name}, {mark.compression:g}x"
        axis.plot(mark.compression, mark.error, "o", color=_style.BLUE, markersize=5, label=label)
        aside = _aside(mark, shown, points.values())
        axis.annotate(str(number), mark[1:3], xytext=aside, textcoords="offset points", fontsize=9)
    for mark in (mark for mark in MARKS[network] if mark.error is None):
        axis.plot(
            mark.compression,
            0.97,
            "v",
            transform=axis.get_xaxis_transform(),
            color=_style.BLUE,
            markerfacecolor="none",
            label=f"{mark.name}, {mark.compression:g}x: error not read",
        )
    for i, (label, (compressions, errors)) in enumerate(points.items()):
        look = {"marker": _style.MARKERS[i + 1], "color": OURS[i % 4], "markersize": 7}
        axis.plot(compressions, errors[0], label=label, linestyle="", **look)
    found = [e for _, y in points.values() for e in y.ravel() if e <= highest]
    axis.set(xscale="log", xlabel="weights / nonzero weights", ylabel="test error (%)")
    axis.xaxis.set_major_formatter("{x:g}x")
    _axes.logarithmic(axis.yaxis, np.array([*(mark.error for mark in shown), *found]))
    _style.legend_below(figure, columns=3)
    return figure


def _beats(one: Mark, other: Mark) -> bool:
    """Return whether ``one`` is at least as good in both numbers and better in one."""
    better = one.compression >= other.compression and _error(one) <= _error(other)
    return better and one[1:3] != other[1:3]


def _error(mark: Mark) -> float:
    """Return the error of a mark; one that was not read is beaten by every other."""
    return np.inf if mark.error is None else mark.error


def _aside(
    mark: Mark, shown: Sequence[Mark], ours: Iterable[tuple[np.ndarray, np.ndarray]]
) -> tuple[int, int]:
    """Return where the number of a mark stands, in points from it: below the lowest of a crowd, above the
    others, and to the left where the mark to the right has its number on the same side, or where one of
    ``ours`` lies close to the right.
    """

    def below(one: Mark) -> bool:
        crowd = [m for m in shown if _near(one, m)]
        return bool(crowd) and rank(one) < min(map(rank, crowd))

    def rank(one: Mark) -> tuple[float, int]:
        return _error(one), -shown.index(one)  # of two marks at one place the later has its number below

    crowd = [m for m in shown if _near(mark, m)]
    same = any(m.compression > mark.compression and below(m) == below(mark) for m in crowd)
    right = any(
        0 <= np.log(x / mark.compression) < 0.25 and abs(np.log(y / _error(mark))) < 0.25
        for compressions, errors in ours
        for x, y in zip(compressions, errors[0], strict=True)
    )
    return (-10 if same or right else 3, -12 if below(mark) else 4)


def _near(one: Mark, other: Mark) -> bool:
    apart = abs(np.log(one.compression / other.compression)), abs(np.log(_error(one) / _error(other)))
    return one is not other and apart[0] < 0.25 and apart[1] < 0.06

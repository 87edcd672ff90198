"""Series that are checked, and logarithmic axes in percent, for weights kept and errors; 0 stands apart,
under a tick "0".
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

from prunelab import arguments

Curves = Mapping[str, tuple[Sequence[float], Sequence[Sequence[float]] | Sequence[float]]]
# ticks of a decade; the second where the first gives less than three
STEPS = (
    (1, 2, 5),
    (1, 1.5, 2, 3, 4, 5, 6, 7, 8),
)
TOO_SMALL = 1e-6  # percent; less than that is 0


def kept(sparsities: Iterable[float]) -> np.ndarray:
    """Return the percent that is kept at each of ``sparsities``, which lie in [0, 1]; exactly 0 where nothing
    is.
    """
    percent = 100 * (1 - np.asarray(sparsities, dtype=float))
    return np.where(percent < TOO_SMALL, 0.0, percent)


def error(accuracies: Iterable) -> np.ndarray:
    """Return the errors in percent that belong to ``accuracies`` in percent, of any shape; exactly 0 where
    all is right.
    """
    percent = 100 - np.asarray(accuracies, dtype=float)
    return np.where(percent < TOO_SMALL, 0.0, percent)


def logarithmic(axis: Axis, values: np.ndarray, falling: bool = False) -> None:
    """Make ``axis``, ``axes.xaxis`` or ``axes.yaxis``, logarithmic, for the ``values`` that it shows, none of
    them negative.

    Its limits and ticks follow from them. With ``falling`` it runs from much to little. A value of 0, which
    has no logarithm, is drawn half a power of ten below the smallest one, under a tick "0"."""
    values = np.asarray(values, dtype=float).ravel()
    positive = values[values > 0]
    low, high = (positive.min(), positive.max()) if len(positive) else (10.0, 100.0)
    has_zero = len(positive) < len(values)
    floor = low / 10**0.5
    ends = np.array([floor if has_zero else low, high])
    room = (ends[1] / ends[0]) ** 0.05
    limits = ends * np.array([1 / room, room]) if room > 1 else ends * np.array([0.8, 1.25])
    axes, letter = axis.axes, axis.axis_name
    getattr(axes, f"set_{letter}scale")(
        "function",
        functions=(
            lambda v: np.log10(np.where(np.asarray(v) > 0, v, floor)),
            lambda u: 10.0 ** np.asarray(u),
        ),
    )
    ticks = ([0.0] if has_zero else []) + nice_ticks(low if has_zero else limits[0], limits[1])
    axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)
    getattr(axes, f"set_{letter}lim")(*(limits[::-1] if falling else limits))  # last: ticks would move them


def nice_ticks(low: float, high: float) -> list[float]:
    """Return round numbers from ``low`` to ``high`` for a logarithmic axis: 1, 2, 5, finer where they are too
    few.
    """
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in STEPS:
        ticks = [t for t in np.outer(decades, steps).ravel() if low * 0.999 <= t <= high * 1.001]
        if len(ticks) >= 3:
            return [float(f"{t:.4g}") for t in ticks]
    return [
        float(f"{t:.6g}")
        for t in MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high)
        if low <= t <= high
    ]


def series(
    name: str, curves: Curves, x_ends: tuple[float, float], y_ends: tuple[float, float]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Check the curves in the argument ``name``; return each label's x ``(points,)`` and y ``(networks,
    points)``.
    """
    checked = {}
    for label, pair in arguments.mapping(name, curves).items():
        part = f"{name}[{label!r}]"
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise TypeError(f"{part} must be a pair of x and y values, got {pair!r:.80}")
        x = np.atleast_1d(arguments.numbers(f"the x values of {part}", pair[0], *x_ends))
        y = np.atleast_2d(arguments.numbers(f"the y values of {part}", pair[1], *y_ends))
        if x.ndim != 1 or y.ndim != 2 or y.shape[1] != len(x):
            raise ValueError(
                f"{part} must have as many y as x values per network, got {y.shape[-1]} and {x.shape[-1]}"
            )
        checked[label] = (x, y)
    return checked

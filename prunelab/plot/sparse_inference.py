"""Figures of chapter 07.2: when sparse arithmetic pays."""

from collections.abc import Mapping, Sequence
from itertools import count

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from prunelab import arguments
from prunelab.measure import Latency
from prunelab.plot import _axes, _style


def crossover(
    panels: Mapping[str, tuple[Sequence[float], Mapping[str, Sequence[Latency]]]], dense: str = "dense"
) -> Figure:
    """Draw time against what is kept, one panel per case: ``panels`` maps a title to sparsities and {label:
    one Latency each}.

    A line is the median, its band the middle half of the runs. Both axes of a panel are logarithmic; the
    weights kept run from much to little. The label ``dense`` is drawn in black. All panels have one range.
    Source: notebook 07.2."""
    arguments.text("dense", dense)
    for title, panel in arguments.mapping("panels", panels).items():
        _check_panel(title, panel)
    figure, axes = plt.subplots(
        1, len(panels), figsize=(_style.WIDTH, 3.6), squeeze=False, sharex=True, sharey=True
    )
    everything = np.concatenate([_axes.kept(sparsities) for sparsities, _ in panels.values()])
    for axis, (title, (sparsities, lines)) in zip(axes[0], panels.items(), strict=True):
        kept = _axes.kept(sparsities)
        others = count()
        for label, times in lines.items():
            look = (
                {"color": _style.BLACK, "marker": "", "linestyle": "--"}
                if label == dense
                else _style.look(next(others))
            )
            low, middle, high = (
                1e3 * np.array([getattr(t, part) for t in times]) for part in ("low", "median", "high")
            )
            axis.plot(kept, middle, label=label, **look)
            axis.fill_between(kept, low, high, color=look["color"], alpha=0.2, linewidth=0)
        axis.set_xlabel("weights kept (%)")
        axis.set_title(title, fontsize=9)
    _axes.logarithmic(axes[0, 0].xaxis, everything, falling=True)
    every = [
        1e3 * v
        for _, lines in panels.values()
        for times in lines.values()
        for t in times
        for v in (t.low, t.high)
    ]
    _axes.logarithmic(axes[0, 0].yaxis, np.array(every))
    axes[0, 0].set_ylabel("time of one product (ms)")
    _style.legend_below(figure)
    return figure


def _check_panel(title: str, panel: tuple[Sequence[float], Mapping[str, Sequence[Latency]]]) -> None:
    if not isinstance(panel, Sequence) or isinstance(panel, str) or len(panel) != 2:
        raise TypeError(f"panels[{title!r}] must be a pair of sparsities and times, got {panel!r:.80}")
    sparsities = arguments.numbers(f"the sparsities of panels[{title!r}]", panel[0], 0, 1).ravel()
    for label, times in arguments.mapping(f"the times of panels[{title!r}]", panel[1]).items():
        measured = isinstance(times, Sequence) and all(isinstance(t, Latency) for t in times)
        if not measured or len(times) != len(sparsities):
            raise TypeError(
                f"panels[{title!r}][1][{label!r}] must be {len(sparsities)} Latency, got {times!r:.80}"
            )


def roofline(points: Mapping[str, tuple[float, float]], roofs: Mapping[str, float], peak: float) -> Figure:
    """Draw a roofline: attained arithmetic against arithmetic intensity, under the ceilings of this machine.

    ``points`` maps a label to (FLOP per byte moved, FLOP per second), ``roofs`` what feeds the cores (a
    cache, the memory) to its bytes per second; ``peak`` is in FLOP per second. The slanted roofs are what
    each can feed, the flat one what the cores can compute. Source: Williams, Waterman and Patterson,
    "Roofline" (2009); notebook 07.2."""
    for label, point in arguments.mapping("points", points).items():
        arguments.numbers(f"points[{label!r}]", point, low=1e-30, length=2)
    for label, bandwidth in arguments.mapping("roofs", roofs).items():
        arguments.positive(f"roofs[{label!r}]", bandwidth)
    arguments.positive("peak", peak)
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 3.8))
    intensities = [x for x, _ in points.values()] + [peak / bandwidth for bandwidth in roofs.values()]
    x = np.geomspace(min(intensities) / 3, max(intensities) * 8, 200)
    for style, (label, bandwidth) in zip(("-", "--", ":"), roofs.items(), strict=False):
        y = np.minimum(x * bandwidth, peak) / 1e9
        axis.plot(x, y, style, color=_style.BLACK, marker="", linewidth=1.4, label=f"fed by the {label}")
    for i, (label, (intensity, rate)) in enumerate(points.items()):
        axis.plot([intensity], [rate / 1e9], linestyle="", markersize=8, **_style.look(i))
        axis.annotate(
            str(label),
            (intensity, rate / 1e9),
            (9, -3),
            textcoords="offset points",
            fontsize=_style.SMALL,
        )
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="arithmetic intensity (FLOP per byte moved)",
        ylabel="attained (GFLOP/s)",
    )
    axis.legend(loc="lower right")
    return figure


def answer_bars(rows: Mapping[str, Mapping[str, float]], title: str = "") -> Figure:
    """Draw one panel per measure with one bar per model: ``rows`` maps a model to {measure: value}.

    Raises ValueError if the models do not have the same measures. Source: notebook 07.2.
    """
    measures = list(
        arguments.mapping("the first of rows", next(iter(arguments.mapping("rows", rows).values())))
    )
    for name, row in rows.items():
        if list(arguments.mapping(f"rows[{name!r}]", row)) != measures:
            raise ValueError(
                f"rows[{name!r}] must have {', '.join(map(str, measures))}, got {', '.join(map(str, row))}"
            )
        arguments.numbers(f"rows[{name!r}]", list(row.values()), low=0, length=len(measures))
    arguments.text("title", title)
    figure, axes = plt.subplots(1, len(measures), figsize=(_style.WIDTH, 2.8), sharey=True, squeeze=False)
    names = list(rows)[::-1]
    for axis, measure in zip(axes[0], measures, strict=True):
        values = [rows[name][measure] for name in names]
        axis.barh(names, values, color=[_style.COLOURS[i % 7] for i in range(len(names))][::-1])
        for y, value in enumerate(values):
            axis.text(
                value, y, f" {value:,.0f}" if value >= 100 else f" {value:.3g}", va="center", fontsize=8
            )
        axis.set_title(measure, fontsize=9)
        axis.set_xlim(0, 1.45 * max(*values, 1e-12))
        axis.xaxis.set_major_locator(MaxNLocator(2))
        axis.grid(axis="y", visible=False)
    figure.suptitle(title)
    return figure

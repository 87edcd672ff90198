"""Figures of chapter 09.2: where a network's costs are, and the page about a pruned one."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.crepe import RATE
from prunelab.measure import Profile, Report
from prunelab.plot import _style
from prunelab.runtimes import Runtimes

WEAK = "#BDBDBD"
ROWS = 24  # of layers in a figure; the others are drawn together


def costs(profile: Profile) -> Figure:
    """Draw each layer's share of the weights, of the MACs and of the time, in percent, one panel each; layers
    from top to bottom.

    Layers without weights that take less than 3 % of the time are drawn together, and so are those with the
    smallest shares if there are more than 24. Source: notebook 09.2.
    """
    if not isinstance(profile, Profile):
        raise TypeError(f"profile must be a Profile of prunelab.measure, got {type(profile).__name__}")
    small = 0.03 * sum(row["seconds"] for row in profile.rows)
    shown = [row for row in profile.rows if row["weights"] or row["seconds"] >= small]
    if len(shown) > ROWS:
        totals = {key: sum(row[key] for row in profile.rows) for key in ("weights", "macs", "seconds")}
        size = {
            row["layer"]: max(row[key] / total for key, total in totals.items() if total)
            for row in profile.rows
        }
        least = sorted(size.values())[-ROWS]
        shown = [row for row in shown if size[row["layer"]] >= least]
    rest = {
        key: sum(row[key] for row in profile.rows if row not in shown)
        for key in ("weights", "macs", "seconds")
    }
    rows = [*shown, {"layer": "(all others)", **rest}] if len(shown) < len(profile.rows) else shown
    figure, axes = plt.subplots(1, 3, figsize=(9, 1.2 + 0.22 * len(rows)), sharey=True, sharex=True)
    for axis, (key, title), colour in zip(
        axes, {"weights": "weights", "macs": "MACs", "seconds": "time"}.items(), _style.COLOURS, strict=False
    ):
        values = np.array([row[key] for row in rows], dtype=float)
        axis.barh(range(len(rows)), 100 * values / max(values.sum(), 1e-12), color=colour)
        axis.set(title=title, xlabel="share (%)")
        axis.grid(axis="y", visible=False)
    axes[0].set_yticks(range(len(rows)), [row["layer"] for row in rows])
    axes[0].invert_yaxis()
    return figure


def report(report: Report) -> Figure:
    """Draw a report: what is left of each quantity, what is left in each layer, and quality against time.

    A quantity that did not move by 10 % is grey. The time's whisker is its 90 % interval, on the right the
    middle half of the runs. Without a quality the third panel is left out. Source: notebook 09.2."""
    if not isinstance(report, Report):
        raise TypeError(f"report must be a Report of prunelab.measure, got {type(report).__name__}")
    dense, pruned = report.rows
    panels = 3 if pruned["accuracy"] is not None else 2
    layers = _largest(report.layers)
    height = 1.1 + 0.24 * max(6, len(layers))
    figure, axes = plt.subplots(1, panels, figsize=(3.2 * panels, height))
    _left(axes[0], report)
    _left_by_layer(axes[1], layers, len(report.layers) - len(layers))
    if panels == 3:
        for row, colour, marker, place in (
            (dense, _style.BLACK, "s", (6, -12)),
            (pruned, _style.BLUE, "o", (6, 8)),
        ):
            time = row["latency"]
            spread = [[1e3 * (time.median - time.low)], [1e3 * (time.high - time.median)]]
            at = (1e3 * time.median, row["accuracy"])
            look = {"color": colour, "marker": marker, "markersize": 7, "capsize": 3}
            axes[2].errorbar(at[:1], at[1:], xerr=spread, **look)
            axes[2].annotate(row["model"], at, xytext=place, textcoords="offset points", fontsize=9)
        axes[2].set(title="quality against time", xlabel="milliseconds", ylabel="quality")
        axes[2].set_xlim(0, 1300 * max(row["latency"].high for row in report.rows))
        axes[2].margins(y=0.4)
    return figure


def _largest(layers: list[dict]) -> list[dict]:
    """Return the layers with the most weights, as many as a figure holds, in their order."""
    least = sorted(math.prod(row["dense"]) for row in layers)[-ROWS:] or [0]
    return [row for row in layers if math.prod(row["dense"]) >= least[0]]


def _left_by_layer(axis: Axes, layers: list[dict], others: int) -> None:
    names = [row["name"].removesuffix(".weight") for row in layers]
    axis.barh(range(len(names)), [100 * row["density"] for row in layers], color=_style.KEPT)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    title = "weights left, by layer" + (f" ({others} small ones not drawn)" if others else "")
    axis.set(title=title, xlabel="% of the dense layer", xlim=(0, 105))
    axis.grid(axis="y", visible=False)


def _left(axis: Axes, report: Report) -> None:
    dense, pruned = report.rows
    keys = {
        "parameters": "parameters",
        "nonzero parameters": "nonzeros",
        "bytes on disk": "bytes",
        "MACs": "macs",
    }
    left = {label: 100 * pruned[key] / max(1, dense[key]) for label, key in keys.items()}
    left["milliseconds"] = 100 / pruned["speedup"]
    colours = [_style.KEPT if report.moved[label] else WEAK for label in left]
    axis.barh(range(len(left)), left.values(), color=colours)
    time = left["milliseconds"]
    reach = [[max(0, time - 100 / pruned["speedup_high"])], [max(0, 100 / pruned["speedup_low"] - time)]]
    axis.errorbar([time], [len(left) - 1], xerr=reach, color=_style.BLACK, marker="", capsize=3)
    axis.axvline(100, color=_style.BLACK, linewidth=1)
    axis.set_yticks(range(len(left)), left)
    axis.invert_yaxis()
    axis.set(title="what is left", xlabel="% of dense (grey: did not move)")
    axis.grid(axis="y", visible=False)


def dots(groups: Mapping[str, Sequence[float]], limit: float, ylabel: str) -> Figure:
    """Draw the values of each group as points above its label, and the ``limit`` as a dashed line.

    Raises TypeError or ValueError if ``groups`` is no mapping to numbers. Source: notebook 09.2.
    """
    arguments.numbers("limit", [limit], length=1)
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 3.2))
    for i, (label, values) in enumerate(arguments.mapping("groups", groups).items()):
        heights = arguments.numbers(f"groups[{label!r}]", values)
        if heights.ndim != 1:
            raise ValueError(f"groups[{label!r}] must be a list of numbers, got shape {heights.shape}")
        places = i + 0.08 * (np.arange(len(heights)) - (len(heights) - 1) / 2)
        axis.plot(places, heights, markersize=7, linestyle="", **_style.look(i))
    axis.axhline(limit, color=_style.BLACK, linestyle="--", linewidth=1, marker="")
    axis.annotate(
        "one point lost",
        (1.0, limit),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
    )
    axis.set(ylabel=ylabel, xlim=(-0.5, len(groups) - 0.5))
    axis.set_xticks(range(len(groups)), list(groups))
    axis.grid(axis="x", visible=False)
    return figure


def bands(peaks: torch.Tensor, scores: torch.Tensor, kept: torch.Tensor) -> Figure:
    """Draw each filter's score (N,) over the frequency ``peaks`` (N,), in hertz, that it hears best; the
    ``kept`` ones (N,), bool, are filled.

    Raises TypeError or ValueError for other tensors. Source: notebook 09.2.
    """
    if arguments.tensor("peaks", peaks).ndim != 1:
        raise ValueError(f"peaks must have shape (N,), got {tuple(peaks.shape)}")
    for name, value in (("scores", scores), ("kept", kept)):
        if arguments.tensor(name, value).shape != peaks.shape:
            raise ValueError(f"{name} must have shape {tuple(peaks.shape)}, got {tuple(value.shape)}")
    if kept.dtype != torch.bool:
        raise TypeError(f"kept must be bool, got {kept.dtype}")
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 3.2))
    looks = (("stays", kept, _style.BLUE, _style.BLUE), ("goes", ~kept, "white", _style.VERMILLION))
    for label, which, face, edge in looks:
        look = {"linestyle": "", "marker": "o", "markerfacecolor": face, "markeredgecolor": edge}
        axis.plot(peaks[which], scores[which], label=f"{label}: {int(which.sum())}", **look)
    axis.set(xlabel="frequency that the filter hears best (Hz)", ylabel="score")
    _style.legend_beside(axis)
    return figure


def runtime_bars(result: Runtimes) -> Figure:
    """Draw the milliseconds of one pass in each programme, with the middle half of the calls; what does not
    run here is named with its reason.

    Raises TypeError if ``result`` is none of ``runtimes.compare_runtimes``. Source: notebook 09.2.
    """
    if not isinstance(result, Runtimes):
        raise TypeError(f"result must be what runtimes.compare_runtimes returns, got {type(result).__name__}")
    names = [row["way"] for row in result.rows]
    times = [row["latency"] for row in result.rows]
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 1.1 + 0.4 * (len(names) + len(result.absent))))
    middles = [1e3 * time.median for time in times]
    reach = [[1e3 * (t.median - t.low) for t in times], [1e3 * (t.high - t.median) for t in times]]
    axis.barh(names, middles, color=_style.KEPT)
    axis.errorbar(
        middles, range(len(names)), xerr=reach, color=_style.BLACK, linestyle="", marker="", capsize=3
    )
    for place, (way, why) in enumerate(result.absent.items(), start=len(names)):
        axis.barh([way], [0])
        axis.annotate(f" does not run here: {why:.45}", (0, place), va="center", fontsize=_style.SMALL)
    axis.invert_yaxis()
    axis.set(xlabel=f"milliseconds for a batch of {times[0].batch}, {times[0].threads} thread")
    axis.grid(axis="y", visible=False)
    return figure


def waves(frames: torch.Tensor, answers: torch.Tensor) -> Figure:
    """Draw sounds ``frames`` (N, samples), a row each, and a network's ``answers`` (N, bins).

    Raises TypeError or ValueError for other tensors, or unequal numbers of rows. Source: notebook 09.2.
    """
    for name, value in (("frames", frames), ("answers", answers)):
        if arguments.tensor(name, value).ndim != 2 or len(value) != len(frames):
            raise ValueError(f"{name} must have one row per sound, got shape {tuple(value.shape)}")
    figure, axes = plt.subplots(
        len(frames), 2, figsize=(_style.WIDTH, 1.1 + 0.8 * len(frames)), sharex="col", squeeze=False
    )
    for (left, right), frame, answer in zip(axes, frames, answers, strict=True):
        left.plot(np.arange(len(frame)) / RATE * 1e3, frame, color=_style.BLUE, marker="", linewidth=0.8)
        right.plot(answer, color=_style.ORANGE, marker="", linewidth=1.2)
        right.set_ylim(0, 1)
        left.set_yticks([])
    axes[-1, 0].set_xlabel("milliseconds")
    axes[-1, 1].set_xlabel("pitch bin, 20 cents each")
    axes[0, 0].set_title("sound")
    axes[0, 1].set_title("probability of each pitch")
    return figure

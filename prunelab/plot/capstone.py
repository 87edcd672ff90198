"""Figures of the capstone: what each group of channels costs, and what the joint cuts cost."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.measure import parameters
from prunelab.plot import _style

if TYPE_CHECKING:  # all that surgery needs comes with it, and every notebook imports the plots
    from prunelab.capstone import Choice, Task

ROW = 0.27  # inches for a group


def group_costs(
    task: "Task",
    curves: Mapping[str, Mapping[float, float]],
    control: Mapping[str, Mapping[float, float]],
    price: float | None = None,
) -> Figure:
    """Draw what a cut of each group alone costs, as ``capstone.scan`` measured it: a row per group, on the
    left chosen by score, on the right by chance; the place is the share that really went, the colour the
    cost.

    The scale ends at four times the price of ``task`` (or ``price``): beyond it a cut is out of the question.

    Raises TypeError or ValueError unless both scans hold the same groups. Source: notebook capstone."""
    from prunelab.capstone import Task

    if not isinstance(task, Task):
        raise TypeError(f"task must be a capstone.Task, got {type(task).__name__}")
    arguments.mapping("curves", curves)
    if list(arguments.mapping("control", control)) != list(curves):
        raise ValueError(f"control must hold the groups of curves, got {list(control)!r:.80}")
    limit = 4 * arguments.positive("price", task.price if price is None else price)
    figure, axes = plt.subplots(
        1, 2, figsize=(9, 1.3 + ROW * len(curves)), sharey=True, sharex=True, layout="constrained"
    )
    for axis, scan, title in zip(axes, (curves, control), ("by score", "by chance"), strict=True):
        x, y, cost = _points(task, scan)
        drawn = axis.scatter(
            100 * x,
            y,
            c=cost,
            cmap="viridis_r",
            vmin=0,
            vmax=limit,
            s=70,
            edgecolors=_style.BLACK,
            linewidths=0.4,
        )
        axis.set(title=title, xlabel="% of the group's channels that went", xlim=(0, 100))
        axis.set_yticks(range(len(curves)), [name.removesuffix(".weight") for name in curves])
        axis.grid(axis="x", visible=False)
    axes[0].set_ylim(len(curves) - 0.5, -0.5)
    figure.colorbar(
        drawn, ax=axes, label="cost before any repair", extend="max", shrink=min(1, 6 / (2 + len(curves)))
    )
    return figure


def _points(task: "Task", scan: Mapping[str, Mapping[float, float]]) -> np.ndarray:
    """Return share, row and cost ``(3, points)`` of every cut that removed something."""
    places = [
        (share, row, task.lost(curve[0.0], quality))
        for row, curve in enumerate(scan.values())
        for share, quality in curve.items()
        if share
    ]
    return np.array(places).reshape(-1, 3).T


def joint_cuts(task: "Task", choice: "Choice") -> Figure:
    """Draw the joint cuts that ``capstone.choose`` tried, in that order: what each costs before and after its
    repair, and the price. Raises TypeError for what is none of these. Source: notebook capstone.
    """
    from prunelab.capstone import Choice, Task

    if not isinstance(task, Task) or not isinstance(choice, Choice):
        raise TypeError(f"task and choice must be a Task and a Choice, got {task!r:.40} and {choice!r:.40}")
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 3.0))
    numbers = np.arange(1, len(choice.tried) + 1)
    after = [step["cost"] for step in choice.tried]
    before = [step["cost"] + task.lost(step["repaired"], step["damaged"]) for step in choice.tried]
    axis.plot(numbers, before, linestyle="", label="before the repair", **_style.look(0))
    axis.plot(numbers, after, linestyle="", label="after it", **_style.look(1))
    axis.axhline(
        task.price,
        color=_style.BLACK,
        linestyle="--",
        linewidth=1,
        label=f"the price, {task.price:g}",
        marker="",
    )
    dense = parameters(task.model)
    gone = [100 * (1 - step["parameters"] / dense) for step in choice.tried]
    axis.set_xticks(numbers, [f"{n}\n{share:.0f} %" for n, share in zip(numbers, gone, strict=True)])
    axis.set(
        xlabel="try, and the share of the parameters that went", ylabel="cost", xlim=(0.5, numbers[-1] + 0.5)
    )
    # linear around the price, by powers of ten beyond it: a damage may be fifty times the price
    axis.set_yscale("symlog", linthresh=2 * task.price)
    axis.yaxis.set_major_formatter("{x:g}")
    axis.margins(y=0.1)
    axis.legend()
    return figure

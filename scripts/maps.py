"""The maps of chapter 01: type, scope, granularity, frequency, time and ratio, a diagram each."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from prunelab.plot import _style
from scripts.drawing import CUT, INK, arrow, box, canvas, grid, write


def map_type() -> Figure:
    figure, axis = canvas(9, 2.2)
    rng = np.random.default_rng(3)
    free = np.ones(32, dtype=bool)
    free[rng.permutation(32)[:16]] = False
    two_of_four = np.stack([rng.permutation([True, True, False, False]) for _ in range(8)]).reshape(4, 8)
    rows = np.repeat([[True], [False], [True], [False]], 8, axis=1)
    for i, (name, mask) in enumerate(
        {
            "unstructured": free.reshape(4, 8),
            "semi-structured (2:4)": two_of_four,
            "structured (rows)": rows,
        }.items()
    ):
        grid(axis, 7 + 29 * i, 5, mask, 2.2)
        write(axis, 15.8 + 29 * i, 2.5, name, 10, weight="bold")
        write(axis, 15.8 + 29 * i, 17.5, ("any place", "2 kept in every 4", "whole rows or nothing")[i])
        if i == 1:
            axis.plot([36 + 8.8] * 2, [4.6, 14.2], marker="", color=INK, linewidth=1.6)
    return figure


def map_scope() -> Figure:
    """The same two layers, with a threshold each, and with one for both."""
    figure, axis = canvas(9, 2.6)
    layers = [np.array([9, 6, 4, 3, 2, 1.5]), np.array([14, 12, 11, 8, 7, 5])]
    thresholds = {
        "layer-wise: each layer loses half": (3.5, 9.5),
        "global: one threshold, half of all": (6.5, 6.5),
    }
    for panel, (title, cuts) in enumerate(thresholds.items()):
        left = 4 + 45 * panel
        write(axis, left + 19, 2.3, title, 10, weight="bold")
        for k, (values, cut) in enumerate(zip(layers, cuts, strict=True)):
            start = left + 20 * k
            for n, value in enumerate(values):
                box(axis, start + 2.8 * n, 21 - value, 2.3, value, value > cut)
            axis.plot([start - 0.8, start + 17], [21 - cut] * 2, marker="", color=CUT, linewidth=1.8)
            write(axis, start + 8, 23.5, f"layer {k + 1}")
    return figure


def map_granularity() -> Figure:
    """A convolution of 3 filters, 4 input channels and 3 x 3 kernels, with one thing pruned at each
    granularity.
    """
    figure, axis = canvas(9, 2.4)
    masks = {}
    for name in ("weight", "pattern", "vector", "kernel", "filter", "channel", "layer"):
        masks[name] = np.ones((3, 4, 3, 3), dtype=bool)
    rng = np.random.default_rng(1)
    masks["weight"].reshape(-1)[rng.permutation(108)[:40]] = False
    for o, i, j in np.ndindex(3, 3, 3):  # two of the four input channels at every place of every filter
        masks["pattern"][o, rng.permutation(4)[:2], i, j] = False
    masks["vector"][[0, 0, 1, 1, 2, 2], [0, 2, 1, 3, 0, 3], [1, 0, 2, 1, 2, 0]] = False
    masks["kernel"][[0, 1, 1, 2], [1, 0, 3, 2]] = False
    masks["filter"][1] = False
    masks["channel"][:, 2] = False
    masks["layer"][:] = False
    for i, (name, mask) in enumerate(masks.items()):
        left = 2.4 + 12.7 * i
        write(axis, left + 4, 2, "pattern (2:4)" if name == "pattern" else name, 10, weight="bold")
        for o, c in np.ndindex(3, 4):
            grid(axis, left + 2.85 * o, 4.5 + 2.85 * c, mask[o, c], 0.82)
    write(
        axis,
        45,
        18,
        "each small square is one 3 x 3 kernel; a column of kernels is a filter (one output), "
        "a row is an input channel",
        9,
    )
    write(
        axis,
        45,
        21.3,
        "fine: more freedom, less to gain   <--->   coarse: less freedom, easy to make small and fast",
        9,
        color=_style.BLUE,
    )
    return figure


def map_frequency() -> Figure:
    figure, axis = canvas(9, 2.5)
    for panel, (title, steps) in enumerate(
        {"one-shot": [0, 0.9], "iterative": [0, 0.3, 0.5, 0.65, 0.78, 0.9]}.items()
    ):
        left, width = 6 + 45 * panel, 34
        write(axis, left + 17, 2.3, title, 10, weight="bold")
        x = np.linspace(0, width, len(steps) + 1)
        xs = np.repeat(x, 2)[1:-1] + left
        axis.plot(xs, 19 - 14 * np.repeat(steps, 2), marker="", color=_style.BLUE, linewidth=2)
        axis.plot([left, left, left + width], [4, 19, 19], marker="", color=INK, linewidth=1)
        for n in range(1, len(steps)):
            write(axis, left + (x[n] + x[n + 1]) / 2, 21, "fine-tune" if len(steps) == 2 else "tune", 8)
            axis.plot([left + x[n]], [19], marker="v", markersize=7, color=CUT, linestyle="")
        write(axis, left - 2, 11.5, "sparsity", 8.5, rotation=90)
        write(axis, left + 17, 23.5, "time (a red mark is a cut)", 8.5)
    return figure


def map_time() -> Figure:
    figure, axis = canvas(9, 2.4)
    rows = {
        "after training": [("train", 40, 0), ("prune", 6, 1), ("fine-tune", 16, 2)],
        "during training": [("train and prune, a little at every step", 46, 3), ("fine-tune", 16, 2)],
        "before training": [("prune", 6, 1), ("train what is left", 40, 0)],
    }
    colours = (_style.SKY, CUT, _style.GREEN, _style.ORANGE)
    for i, (name, parts) in enumerate(rows.items()):
        write(axis, 17, 4.5 + 7 * i, name, 10, weight="bold", ha="right")
        left = 20.0
        for label, width, colour in parts:
            axis.add_patch(
                Rectangle(
                    (left, 2 + 7 * i), width, 5, facecolor=colours[colour], edgecolor="white", alpha=0.75
                )
            )
            write(axis, left + width / 2, 4.5 + 7 * i, label, 9, color="black")
            left += width + 0.6
    arrow(axis, (20, 22.6), (86, 22.6))
    write(axis, 17, 22.6, "time", 9, ha="right")
    return figure


def map_ratio() -> Figure:
    figure, axis = canvas(9, 2.4)
    layers = ("conv1", "conv2", "fc1", "fc2", "fc3")
    for panel, (title, left_over) in enumerate(
        {
            "uniform: 20 % of every layer is kept": [20] * 5,
            "non-uniform: a ratio for each layer": [80, 45, 12, 25, 60],
        }.items()
    ):
        left = 6 + 45 * panel
        write(axis, left + 17, 2.3, title, 10, weight="bold")
        for n, (layer, percent) in enumerate(zip(layers, left_over, strict=True)):
            height = 14 * percent / 100
            box(axis, left + 7 * n, 5, 5, 14 - height, False)
            box(axis, left + 7 * n, 19 - height, 5, height)
            write(axis, left + 7 * n + 2.5, 21, layer, 8.5)
    return figure

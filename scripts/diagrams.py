"""Draw the diagrams of notebooks 00 to 02 and 09.1, and of the glossary as SVG files in ``images/``.

    python scripts/diagrams.py        all of them, a few seconds

Text stays text, so a diagram is small, sharp at every size and can be searched. The notebooks say in words
what each one shows."""

from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from prunelab.plot import _style

IMAGES = Path(__file__).resolve().parent.parent / "images"
GREY, INK = "#8C8C8C", "#404040"
CUT = _style.VERMILLION


def canvas(width: float, height: float) -> tuple[Figure, plt.Axes]:
    """Return a figure of ``width`` x ``height`` inches whose axes are measured in tenths of an inch, y
    downwards.
    """
    figure = plt.figure(figsize=(width, height), layout="none")
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, 10 * width), ylim=(10 * height, 0))
    axis.axis("off")
    return figure, axis


def box(
    axis: plt.Axes, x: float, y: float, w: float, h: float, kept: bool = True, colour: str = _style.KEPT
) -> None:
    face, hatch = (colour, None) if kept else (_style.PRUNED, _style.HATCH)
    axis.add_patch(
        Rectangle(
            (x, y), w, h, facecolor=face, edgecolor="white" if kept else GREY, hatch=hatch, linewidth=0.6
        )
    )


def grid(
    axis: plt.Axes, x: float, y: float, mask: np.ndarray, side: float = 1.6, colour: str = _style.KEPT
) -> None:
    """Draw a small matrix, one box per entry; ``mask`` (rows, columns) says which are kept."""
    for (i, j), kept in np.ndenumerate(np.asarray(mask, dtype=bool)):
        box(axis, x + j * side, y + i * side, side, side, bool(kept), colour)


def arrow(
    axis: plt.Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str = INK,
    curve: float = 0.0,
) -> None:
    style = f"arc3,rad={curve}"
    axis.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color=colour, connectionstyle=style)
    )


def write(axis: plt.Axes, x: float, y: float, text: str, size: float = 9, **more) -> None:
    axis.text(x, y, text, **{"fontsize": size, "ha": "center", "va": "center", "color": INK} | more)


def lenet5() -> Figure:
    figure, axis = canvas(9, 2.9)
    stages = [
        ("input", "1 x 28 x 28", 1, 12.0),
        ("conv1 + pool1", "6 x 12 x 12", 6, 7.0),
        ("conv2 + pool2", "16 x 4 x 4", 16, 3.6),
        ("fc1", "120", 0, 15.0),
        ("fc2", "84", 0, 12.5),
        ("fc3", "10 classes", 0, 6.0),
    ]
    parameters = {1: "156", 2: "2,416", 3: "30,840", 4: "10,164", 5: "850"}
    centres = [8, 25, 42, 57, 69.5, 82]
    half = [6, 5.6, 5.8, 1, 1, 1]
    for i, ((name, shape, maps, size), centre) in enumerate(zip(stages, centres, strict=True)):
        if maps:
            offset = min(0.7, 7.5 / maps)
            for k in range(maps):
                shift = (k - (maps - 1) / 2) * offset
                axis.add_patch(
                    Rectangle(
                        (centre - size / 2 + shift, 13 - size / 2 + shift),
                        size,
                        size,
                        facecolor=_style.SKY if i else "#F4F4F4",
                        edgecolor=INK,
                        linewidth=0.7,
                    )
                )
        else:
            box(axis, centre - 1, 13 - size / 2, 2, size, colour=_style.ORANGE)
        write(axis, centre, 2.5, name, 10, weight="bold")
        write(axis, centre, 23.5, shape)
        if i:
            write(axis, centre, 26, f"{parameters[i]} parameters", 8, color=_style.BLUE)
            arrow(axis, (centres[i - 1] + half[i - 1] + 0.4, 13), (centre - half[i] - 0.4, 13))
    return figure


def numbered(axis: plt.Axes, x: float, y: float, values: np.ndarray, kept: np.ndarray) -> None:
    """Draw a small matrix of whole numbers; what is not kept is hatched and bears none."""
    grid(axis, x, y, kept, 1.55, _style.SKY)
    for (i, j), value in np.ndenumerate(values):
        if kept[i, j]:
            write(axis, x + 1.55 * (j + 0.5), y + 1.55 * (i + 0.55), str(value), 7)


def pipeline() -> Figure:
    """One 4 x 6 matrix, carried through the seven steps."""
    figure, axis = canvas(9.6, 2.0)
    weight = np.random.default_rng(2).integers(-6, 7, (4, 6))
    sizes = np.abs(weight)
    rows = sizes.sum(axis=1, keepdims=True)
    keep = rows >= np.sort(rows, axis=None)[2]
    everywhere, mask = np.ones_like(sizes, dtype=bool), np.repeat(keep, 6, axis=1)
    tuned = weight + np.random.default_rng(3).integers(-1, 2, (4, 6))
    small = tuned[keep.ravel()]
    steps = {
        "score": ("chapter 3", "a size each", sizes, everywhere),
        "group": ("chapter 2", "a sum per row", rows, np.ones_like(rows, dtype=bool)),
        "keep": ("chapter 4", "the largest two", rows, keep),
        "mask": ("chapters 1, 5", "the others: zero", weight, mask),
        "fine-tune": ("chapter 4", "new values", tuned, mask),
        "compact": ("chapters 4, 6, 7", "a 2 x 6 matrix", small, np.ones_like(small, dtype=bool)),
    }
    places = dict(zip([*steps, "measure"], (1.2, 15.5, 26, 36, 50.2, 64.4, 78.6), strict=True))
    for step, (where, what, values, kept) in steps.items():
        height, width = (1.55 * n for n in values.shape)
        left = places[step] + (2.5 if width < 9 else 0)
        numbered(axis, left, 11 - height / 2, values, kept)
        middle = left + width / 2
        write(axis, middle, 2, step, 11, weight="bold", color=_style.BLUE)
        write(axis, middle, 4.6, where, 8)
        write(axis, middle, 18, what, 8)
        arrow(axis, (left + width + 0.7, 11), (left + width + 3.6 + (0.4 if width < 9 else 0), 11))
    write(axis, 86.4, 2, "measure", 11, weight="bold", color=_style.BLUE)
    write(axis, 86.4, 4.6, "everywhere", 8)
    for line, (name, before, after) in enumerate(
        [("weights", weight.size, small.size), ("bytes", 4 * weight.size, 4 * small.size), ("MACs", 24, 12)]
    ):
        write(axis, 86, 8.6 + 2.6 * line, f"{name}: {before} to {after}", 9)
    write(axis, 86.4, 18, "what was saved?", 8)
    return figure


def synapses() -> Figure:
    """Three networks of 4, 5 and 3 neurons: dense, with synapses pruned, with a whole neuron pruned."""
    figure, axis = canvas(9, 2.9)
    rng = np.random.default_rng(4)
    sizes = (4, 5, 3)
    keep = [rng.random((a, b)) > 0.6 for a, b in pairwise(sizes)]
    titles = (
        "dense: every neuron sees every input",
        "synapses pruned: single weights are gone",
        "neurons pruned: rows and columns go",
    )
    for panel, title in enumerate(titles):
        left = 2 + 30 * panel
        place = [
            [(left + 3 + 10 * k, 6 + (n + 0.5) * 20 / size) for n in range(size)]
            for k, size in enumerate(sizes)
        ]
        gone = {(1, 1), (1, 3)} if panel == 2 else set()
        for k, mask in enumerate(keep):
            for (i, j), alive in np.ndenumerate(mask):
                dead = (panel == 1 and not alive) or (k, i) in gone or (k + 1, j) in gone
                (x0, y0), (x1, y1) = place[k][i], place[k + 1][j]
                axis.plot(
                    [x0, x1],
                    [y0, y1],
                    marker="",
                    color=GREY if dead else _style.BLUE,
                    linewidth=0.6 if dead else 1.3,
                    linestyle=":" if dead else "-",
                    zorder=1,
                )
        for k, column in enumerate(place):
            for n, (x, y) in enumerate(column):
                dead = (k, n) in gone
                axis.plot(
                    [x],
                    [y],
                    marker="o",
                    markersize=13,
                    markerfacecolor="white",
                    markeredgecolor=GREY if dead else INK,
                    linestyle="",
                    zorder=2,
                )
                if dead:
                    write(axis, x, y, "x", 11, color=CUT, weight="bold", zorder=3)
        write(axis, left + 13, 2.5, title, 9, weight="bold")
    return figure


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


def residual_block() -> Figure:
    figure, axis = canvas(9, 1.9)
    places = {"image": 5, "stem": 15, "inner": 29, "outer": 43, "+": 53, "deep": 63, "point": 73, "head": 83}
    for (name, x), after in zip(places.items(), [*list(places.values())[1:], None], strict=True):
        layer = name not in ("image", "+")
        axis.add_patch(
            Rectangle((x - 3.4, 10), 6.8, 5, facecolor=_style.SKY if layer else "white", edgecolor=GREY)
        )
        write(axis, x, 12.5, name, 10, color="black")
        if after:
            arrow(axis, (x + 3.6, 12.5), (after - 3.6, 12.5))
    arrow(axis, (21, 12), (53, 9.8), curve=-0.35)
    write(axis, 36, 2, "the shortcut: added to what outer makes, channel by channel", 9)
    write(axis, 63, 17, "one filter per channel", 9)
    return figure


DIAGRAMS = {
    "lenet5": lenet5,
    "pipeline": pipeline,
    "synapses": synapses,
    "map-type": map_type,
    "map-scope": map_scope,
    "map-granularity": map_granularity,
    "map-frequency": map_frequency,
    "map-time": map_time,
    "map-ratio": map_ratio,
    "residual-block": residual_block,
}

if __name__ == "__main__":
    _style.use()
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "prunelab", "font.family": "sans-serif"})
    IMAGES.mkdir(exist_ok=True)
    for name, draw in DIAGRAMS.items():
        figure = draw()
        figure.savefig(IMAGES / f"{name}.svg", metadata={"Date": None}, transparent=False, facecolor="white")
        plt.close(figure)
        print(f"images/{name}.svg")

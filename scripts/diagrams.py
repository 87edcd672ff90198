"""Draw the diagrams of notebooks 00 to 02 and 09.1, and of the glossary as SVG files in ``images/``.

    python -m scripts.diagrams        all of them, a few seconds

Text stays text, so a diagram is small, sharp at every size and can be searched. The notebooks say in words
what each one shows."""

from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from prunelab.plot import _style
from scripts.drawing import CUT, GREY, INK, arrow, box, canvas, grid, write
from scripts.maps import map_frequency, map_granularity, map_ratio, map_scope, map_time, map_type

IMAGES = Path(__file__).resolve().parent.parent / "images"


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
    alive_look = {"color": _style.BLUE, "linewidth": 1.3, "linestyle": "-"}
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
                look = {"color": GREY, "linewidth": 0.6, "linestyle": ":"} if dead else alive_look
                axis.plot([x0, x1], [y0, y1], marker="", zorder=1, **look)
        for k, column in enumerate(place):
            for n, (x, y) in enumerate(column):
                dead = (k, n) in gone
                neuron = {"marker": "o", "markersize": 13, "markerfacecolor": "white", "zorder": 2}
                axis.plot([x], [y], linestyle="", markeredgecolor=GREY if dead else INK, **neuron)
                if dead:
                    write(axis, x, y, "x", 11, color=CUT, weight="bold", zorder=3)
        write(axis, left + 13, 2.5, title, 9, weight="bold")
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

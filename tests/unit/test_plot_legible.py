"""Every figure can be read: no text under 8 points, no labels over each other, nothing outside the paper, no
legend over data.
"""

import itertools

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from plot_samples import SAMPLES

from prunelab import plot

SMALLEST = 8  # points
SLACK = 1.5  # pixels


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_every_plot_function_has_a_sample():
    assert sorted(SAMPLES) == sorted(plot.__all__)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_figure_can_be_read(name):
    args, kwargs = SAMPLES[name]
    result = getattr(plot, name)(*args, **kwargs)
    assert faults(args[0].figure if result is None else result) == []


def test_what_cannot_be_read_is_found():
    figure, axis = plt.subplots(figsize=(4, 3))
    axis.bar(range(3), [1, 2, 3], label="bars")
    axis.plot([0, 2], [3, 3], label="line")
    axis.set_xticks(range(3), ["a very long name", "another long name", "a third long name"])
    axis.text(0, 2, "tiny", fontsize=6)
    axis.text(4, 2, "far away")
    axis.legend(loc="upper right")
    found = " ".join(faults(figure))
    for words in (
        "'tiny' has 6",
        "'far away' leaves",
        "'a very long name' and 'another long name' overlap",
        "legend covers",
    ):
        assert words in found


def faults(figure: Figure) -> list[str]:
    """Return, in words, everything in ``figure`` that cannot be read."""
    figure.canvas.draw()
    hidden = _not_drawn(figure)
    texts = [
        t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip() and id(t) not in hidden
    ]
    found = [
        f"{t.get_text()!r} has {t.get_fontsize():g} points"
        for t in texts
        if t.get_fontsize() < SMALLEST - 0.01
    ]
    boxes = {id(t): t.get_window_extent() for t in texts}
    paper = figure.bbox.padded(SLACK)
    for t in texts:
        box = boxes[id(t)]
        if not (paper.x0 <= box.x0 and box.x1 <= paper.x1 and paper.y0 <= box.y0 and box.y1 <= paper.y1):
            found.append(f"{t.get_text()!r} leaves the figure")
    for a, b in itertools.combinations(texts, 2):
        if (
            _crossing(boxes[id(a)], boxes[id(b)])
            and a.get_rotation() in (0, 90)
            and b.get_rotation() in (0, 90)
        ):
            found.append(f"{a.get_text()!r} and {b.get_text()!r} overlap")
    for axis in figure.axes:
        if axis.get_legend() is not None:
            found += [
                f"the legend covers {what}" for what in _covered(axis, axis.get_legend().get_window_extent())
            ]
    for legend in figure.legends:
        for axis in figure.axes:
            if _crossing(legend.get_window_extent(), axis.get_tightbbox()):
                found.append("the figure's legend covers an axis")
    return found


def _not_drawn(figure: Figure) -> set[int]:
    """Return the ids of the labels that ``figure`` holds but does not draw: of ticks beyond the limits, of
    axes that are off.
    """
    hidden = set()
    for axes in figure.axes:
        if not axes.get_visible():
            hidden |= {id(text) for text in axes.findobj(Text)}
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not axes.axison or not low - 1e-9 <= tick.get_loc() <= high + 1e-9:
                    hidden |= {id(tick.label1), id(tick.label2)}
            if not axes.axison:
                hidden |= {id(axis.label), id(axis.offsetText)}
    return hidden


def _crossing(a: Bbox, b: Bbox) -> bool:
    return min(a.x1, b.x1) - max(a.x0, b.x0) > SLACK and min(a.y1, b.y1) - max(a.y0, b.y0) > SLACK


def _covered(axis, box: Bbox) -> set[str]:
    """What of the data of ``axis`` lies under ``box``."""
    covered = set()
    for line in axis.lines:
        points = line.get_transform().transform(
            np.column_stack([np.asarray(v, dtype=float) for v in line.get_data(orig=False)])
        )
        for start, end in (
            itertools.pairwise(points) if line.get_linestyle() != "None" else zip(points, points, strict=True)
        ):
            along = start + (end - start) * np.linspace(0, 1, 50)[:, None]
            if ((along > [box.x0, box.y0]) & (along < [box.x1, box.y1])).all(axis=1).any():
                covered.add("a line")
    for patch in axis.patches:
        if patch.get_width() and patch.get_height() and _crossing(patch.get_window_extent(), box):
            covered.add("a bar")
    for points in axis.collections:
        if isinstance(points, PathCollection) and _crossing(points.get_window_extent(), box):
            covered.add("points")
    return covered

"""The figures of 03.3 to 03.5 show the numbers they are given."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

from prunelab import plot


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def hatched(axis):
    return [p for p in axis.patches if isinstance(p, Rectangle) and p.get_hatch()]


def test_dropped_units_are_hatched_in_maps_and_board():
    kept = torch.tensor([True, False, True])
    figure = plot.unit_maps(torch.rand(3, 4, 4), ["a", "b", "c"], kept)
    assert [len(hatched(axis)) for axis in figure.axes[:3]] == [0, 1, 0]
    assert [axis.get_title() for axis in figure.axes[:3]] == ["a", "b", "c"]
    figure = plot.dropped_board({"one": kept, "two": ~kept})
    assert len(hatched(figure.axes[0])) == 3


def test_ranks_against_the_oracle_share_ties():
    truth = torch.tensor([0.0, 0.0, 3.0, 1.0])
    figure = plot.against_oracle(truth, {"x": torch.tensor([5.0, 6, 8, 7])}, {"x": 0.9}, columns=1)
    points = figure.axes[0].lines[1]
    seen = set(zip(points.get_xdata().tolist(), points.get_ydata().tolist(), strict=True))
    assert seen == {(1.5, 1), (1.5, 2), (4, 4), (3, 3)}


def test_signed_changes_show_rises_falls_and_what_is_left():
    axis = plot.signed_changes(torch.tensor([[3.0, 1.0], [-1.0, -1.0]]), ["a", "b"]).axes[0]
    heights = [bar.get_height() for bar in axis.patches]
    assert heights == [75, 50, -25, -50]
    assert axis.lines[0].get_ydata().tolist() == [50, 0]


def test_responses_histograms_and_pairs_draw_every_example():
    labels = torch.tensor([0, 0, 1])
    axis = plot.responses({"u": (torch.tensor([1.0, 2.0, 5.0]), labels)}).axes[0]
    assert sorted(y for line in axis.lines[::2] for y in line.get_ydata()) == [1, 2, 5]
    assert [line.get_ydata()[0] for line in axis.lines[1::2]] == [1.5, 5]
    axis = plot.histograms({"u": torch.arange(10.0)}, bins=5, xlabel="x").axes[0]
    assert [bar.get_height() for bar in axis.patches] == [2] * 5
    axis = plot.neuron_pairs({"u": (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))}).axes[0]
    assert axis.lines[0].get_xdata().tolist() == [1, 2] and axis.lines[0].get_ydata().tolist() == [3, 4]


def test_stacked_bars_add_up():
    axis = plot.stacked_bars({"case": {"l1": {"a": 1, "b": 2}, "l2": {"a": 3, "b": 4}}}, "y").axes[0]
    tops = [bar.get_y() + bar.get_height() for bar in axis.patches]
    assert tops == [1, 3, 3, 7]


def test_search_figures_show_the_lowest_so_far_and_the_marks():
    axis = plot.search_progress({"r": [3.0, 4.0, 1.0, 2.0]}).axes[0]
    assert axis.lines[0].get_ydata().tolist() == [3, 3, 1, 1]
    figure = plot.best_of([1.0, 2.0], [1, 2], [1.5, 1.0], [1.4, 1.1], {"best": 1.0})
    assert figure.axes[0].lines[0].get_xdata()[0] == 1 and figure.axes[1].lines[0].get_ydata().tolist() == [
        1.5,
        1.0,
    ]


def test_the_board_shows_every_network_and_the_forest_marks_what_is_real():
    axis = plot.dot_board({"p": {"a": [1.0, 2.0], "b": [4.0, 5.0]}}, "x").axes[0]
    assert axis.lines[0].get_xdata().tolist() == [1, 2] and axis.lines[1].get_xdata()[0] == 1.5
    axis = plot.forest({"real": ([1.0, 2.0], 0.5, 2.5), "not": ([-1.0, 2.0], -3.0, 4.0)}, "x").axes[0]
    widths = [line.get_linewidth() for line in axis.lines[:4:2]]
    assert widths[0] > widths[1] and np.allclose(axis.lines[2].get_xdata(), [-3, 4])


@pytest.mark.parametrize(
    "call",
    [
        lambda: plot.unit_maps(torch.rand(3, 4, 4), ["a"]),
        lambda: plot.dropped_board({"a": torch.ones(2).bool(), "b": torch.ones(3).bool()}),
        lambda: plot.against_oracle(torch.ones(3), {"a": torch.ones(2)}, {"a": 1.0}),
        lambda: plot.responses({"a": (torch.ones(3), torch.ones(2))}),
        lambda: plot.histograms({}, 5, "x"),
        lambda: plot.signed_changes(torch.ones(3, 2), ["a"]),
        lambda: plot.neuron_pairs({"a": (torch.ones(3), torch.ones(2))}),
        lambda: plot.stacked_bars({}, "y"),
        lambda: plot.best_of([1.0], [1, 2], [1.0], [1.0], {}),
        lambda: plot.search_progress({}),
        lambda: plot.dot_board({"p": {"a": [1]}, "q": {"b": [1]}}, "x"),
        lambda: plot.forest({}, "x"),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(ValueError, match="must"):
        call()

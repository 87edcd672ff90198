"""Curves over what is kept, and the logarithmic axes in percent on which they stand."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from prunelab import plot
from prunelab.plot import _axes

SPARSITIES = [0.0, 0.5, 0.9, 0.99, 1.0]


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def at(axis, x, y):
    """Where a point stands, as shares of the width and the height of ``axis``."""
    return axis.transAxes.inverted().transform(axis.transData.transform((x, y)))


def test_pruning_curves_show_errors_over_what_is_kept():
    axis = plot.pruning_curves(
        {"one": (SPARSITIES, [[99, 98, 90, 50, 10], [97, 98, 92, 40, 10]])}, "title"
    ).axes[0]
    assert axis.lines[0].get_xdata() == pytest.approx([100, 50, 10, 1, 0])
    assert axis.lines[0].get_ydata() == pytest.approx([2, 2, 9, 55, 90])
    assert [line.get_ydata().tolist() for line in axis.lines[1:]] == [[1, 2, 10, 50, 90], [3, 2, 8, 60, 90]]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == [
        "0",
        "1",
        "2",
        "5",
        "10",
        "20",
        "50",
        "100",
    ]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["1", "2", "5", "10", "20", "50", "100"]


def test_much_stands_on_the_left_and_the_last_tenth_takes_half_of_the_picture():
    axis = plot.pruning_curves({"one": (SPARSITIES[:-1], [99, 98, 90, 50])}).axes[0]
    places = [at(axis, kept, 1)[0] for kept in (100, 10, 1)]
    assert places[0] < 0.1 and places[1] == pytest.approx(0.5, abs=0.01) and places[2] > 0.9


def test_what_is_zero_is_drawn_inside_the_picture_and_apart():
    axis = plot.pruning_curves({"one": ([0.0, 0.5, 0.9, 1.0], [100, 99, 98, 10])}).axes[0]
    x0, y0 = at(axis, 0, 0)
    x10, y1 = at(axis, 10, 1)
    assert x10 + 0.1 < x0 < 1 and 0 < y0 < y1 - 0.1


def test_losses_are_drawn_as_they_are():
    axis = plot.pruning_curves({"one": ([0.5, 0.9], [0.2, 3.0])}, ylabel="loss", loss=True).axes[0]
    assert axis.lines[0].get_ydata().tolist() == [0.2, 3.0] and axis.get_ylabel() == "loss"


@pytest.mark.parametrize(
    ("curves", "error", "words"),
    [
        (
            {"a": ([0, 50], [99, 98])},
            ValueError,
            r"x values of curves\['a'\] must hold finite numbers in \[0, 1\], got 0 to 50",
        ),
        ({"a": ([0, 0.5], [99, 101])}, ValueError, "y values"),
        ({"a": ([0, 0.5], [99])}, ValueError, "as many y as x"),
        ({"a": ([0, 0.5], [99, float("nan")])}, ValueError, "finite"),
        ({"a": [1, 2, 3]}, TypeError, "a pair"),
        ({"a": (["x"], [1])}, TypeError, "must hold numbers"),
        ({}, ValueError, "curves must have at least 1"),
        ([1, 2], TypeError, "curves must be a dict, got list"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(curves, error, words):
    with pytest.raises(error, match=words):
        plot.pruning_curves(curves)


def test_a_tradeoff_has_the_cost_on_a_straight_axis_or_a_logarithmic_one():
    curves = {"one": ([10, 1000], [[99, 98], [97, 98]])}
    axis = plot.tradeoff(curves, "KiB", "accuracy (%)", ylim=(90, 100)).axes[0]
    assert axis.lines[0].get_ydata().tolist() == [98, 98] and axis.get_ylim() == (90, 100)
    axis = plot.tradeoff(curves, "KiB", "error (%)", error=True, log=True).axes[0]
    assert axis.lines[0].get_ydata().tolist() == [2, 2] and not axis.xaxis_inverted()
    assert at(axis, 100, 2)[0] == pytest.approx(0.5, abs=0.01)


def test_curves_of_several_networks_stand_side_by_side_and_eight_curves_are_told_apart():
    axis = plot.pruning_curves({str(i): ([0.5, 0.9], [[90, 80], [91, 81]]) for i in range(8)}).axes[0]
    means = [line for line in axis.lines if line.get_label() in "01234567"]
    lefts = [line.get_transform().transform((50, 10))[0] for line in means]
    assert np.all(np.diff(lefts) > 1) and lefts[-1] - lefts[0] < 20, "pixels"
    assert len({(line.get_color(), line.get_linestyle()) for line in means}) == 8


@pytest.mark.parametrize(
    ("low", "high"), [(1, 100), (0.3, 0.8), (1.41, 1.47), (3.2, 5.1), (0.004, 90), (1.5, 1.5001)]
)
def test_round_ticks_for_every_range(low, high):
    ticks = _axes.nice_ticks(low, high)
    assert 2 <= len(ticks) <= 16 and ticks == sorted(set(ticks))
    assert all(low * 0.99 <= tick <= high * 1.01 for tick in ticks)


def test_one_value_alone_still_gets_a_tick():
    axis = plot.pruning_curves({"one": ([0.5], [99])}).axes[0]
    assert "50" in [tick.get_text() for tick in axis.get_xticklabels()]

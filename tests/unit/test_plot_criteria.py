"""The figures of the criteria chapters show the data they are given, and refuse what they cannot draw."""

import pytest
import torch
from matplotlib import pyplot as plt

from prunelab import plot


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_kept_shares_are_the_bars():
    masks = {"a": torch.tensor([True, False, False, True]), "b": torch.ones(3, dtype=torch.bool)}
    other = {"a": torch.zeros(4, dtype=torch.bool), "b": torch.tensor([True, False, False])}
    axis = plot.kept_by_layer({"one": masks, "two": other}).axes[0]
    assert [round(bar.get_height(), 1) for bar in axis.patches] == [50, 100, 0, 33.3]
    for bad in ({}, {"one": masks, "two": {"a": masks["a"]}}):
        with pytest.raises(ValueError, match="cases"):
            plot.kept_by_layer(bad)


def test_points_and_the_line_of_equality():
    axis = plot.predicted_and_true({"x": ([1.0, 10.0], [2.0, 5.0])}, "predicted", "true").axes[0]
    assert axis.lines[0].get_ydata().tolist() == [2, 5] and list(axis.lines[1].get_xdata()) == [1, 10]
    assert axis.get_xscale() == "log"
    for bad in (([1.0], [1.0, 2.0]), ([0.0], [1.0])):
        with pytest.raises(ValueError, match="points"):
            plot.predicted_and_true({"x": bad}, "", "")


def test_scales_are_sorted_and_keep_their_layer():
    axis = plot.scales({"t": {"a": torch.tensor([0.1, 0.9]), "b": torch.tensor([0.5])}}, threshold=0.2).axes[
        0
    ]
    first, second, line = axis.lines
    assert (
        first.get_xdata().tolist() == [0, 2]
        and second.get_xdata().tolist() == [1]
        and line.get_ydata()[0] == 0.2
    )
    with pytest.raises(ValueError, match="cases"):
        plot.scales({})


def test_surgery_marks_where_both_steps_end():
    weights, hessian = torch.tensor([0.6, 0.9]), torch.tensor([[1.0, 0.5], [0.5, 1.5]])
    axis = plot.surgery(weights, hessian).axes[0]
    ends = {
        line.get_label(): (line.get_xdata()[0], line.get_ydata()[0])
        for line in axis.lines
        if ":" in line.get_label()
    }
    assert ends["OBD: set to zero"] == pytest.approx((0, 0.9))
    assert ends["OBS: slide too"] == pytest.approx((0, 0.9 + 0.5 / 1.5 * 0.6))
    with pytest.raises(ValueError, match="positive definite"):
        plot.surgery(weights, torch.tensor([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(ValueError, match=r"\(2,\)"):
        plot.surgery(torch.ones(3), hessian)


def test_weights_left_shows_every_run():
    runs = [
        {"problem": 1, "criterion": c, "seed": s, "left": 10 + s} for c in ("OBS", "OBD") for s in range(3)
    ]
    axis = plot.weights_left(runs, {1: 14}).axes[0]
    assert list(axis.lines[1].get_ydata()) == [10, 11, 12] and axis.lines[2].get_ydata()[0] == 14
    with pytest.raises(ValueError, match="runs"):
        plot.weights_left([], {1: 14})

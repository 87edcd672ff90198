"""The figures of chapter 04 show the data they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from prunelab import plot

CURVES = {"conv1.weight": {0.0: 99.0, 0.5: 97.0, 0.9: 40.0}, "fc1.weight": {0.0: 99.0, 0.5: 98.9, 0.9: 98.0}}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_sensitivity_shows_curves_choice_and_tau():
    axis, below = plot.sensitivity(CURVES, {"fc1.weight": 0.7}, tau=2).axes
    by_label = {line.get_label(): line for line in axis.lines}
    assert by_label["conv1"].get_xydata() == pytest.approx(np.array([[100, 1], [50, 3], [10, 60]]))
    assert below.lines[0].get_xydata()[0] == pytest.approx([30, 0]) and axis.lines[-1].get_xdata()[
        0
    ] == pytest.approx(30)
    assert below.lines[0].get_marker() == by_label["fc1"].get_marker()
    assert set(by_label["dense + 2 points"].get_ydata()) == {3}
    with pytest.raises(ValueError, match="chosen"):
        plot.sensitivity(CURVES, {"fc9.weight": 0.5})


def test_layer_densities_show_what_is_kept():
    axis = plot.layer_densities(
        {"uniform": {"a.weight": 0.9, "b.weight": 0.9}, "global": {"a.weight": 0.25, "b.weight": 1.0}}
    ).axes[0]
    assert [bar.get_height() for bar in axis.patches] == pytest.approx([10, 10, 75, 0])
    assert [text.get_text() for text in axis.texts] == ["10", "10", "75", "empty"]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["a", "b"]


def test_paired_joins_each_network():
    axis = plot.paired({"panel": {"one": [1.0, 2.0, 6.0], "two": [3.0, 4.0, 5.0]}}, "accuracy").axes[0]
    lines = [line.get_ydata().tolist() for line in axis.lines]
    assert [[1, 3], [2, 4], [6, 5]] == lines[:3]
    assert [3, 3] in lines and [4, 4] in lines, "the means"
    axis = plot.paired({"panel": {"one": [99.0, 98.0]}}, "error", error=True).axes[0]
    assert axis.lines[2].get_ydata().tolist() == [1, 2]
    with pytest.raises(ValueError, match="as many values"):
        plot.paired({"panel": {"one": [1.0], "two": [3.0, 4.0]}}, "accuracy")


def test_staircase_scales_the_macs_to_the_last_time():
    time, macs = plot.staircase([1, 2, 4], [3.0, 3.0, 8.0]).axes[0].lines
    assert time.get_ydata().tolist() == [3, 3, 8] and list(macs.get_ydata()) == [2, 4, 8]

"""The figures of chapters 04.3 and 04.4 show the data they are given."""

import pytest
from matplotlib import pyplot as plt

from prunelab import plot


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_curve_panels_draw_means_and_every_network():
    figure = plot.curve_panels(
        {"a": {"one": ([100, 50, 10], [[1, 2, 3], [3, 4, 5]])}, "b": {"two": ([100, 10], [1, 2])}},
        "left",
        ["y", "z"],
        density=True,
    )
    left, right = figure.axes
    assert left.lines[0].get_ydata().tolist() == [2, 3, 4] and [
        len(axis.lines) for axis in (left, right)
    ] == [3, 1]
    assert left.xaxis_inverted() and right.xaxis_inverted() and right.get_ylabel() == "z"
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["10", "20", "50", "100"]
    axis = plot.curve_panels({"a": {"one": ([1, 2], [98.0, 99.0])}}, "x", ["error"], errors=["a"]).axes[0]
    assert axis.lines[0].get_ydata().tolist() == [2, 1]
    with pytest.raises(ValueError, match="as many y as x"):
        plot.curve_panels({"a": {"one": ([1, 2], [1, 2, 3])}}, "x", ["y"])
    with pytest.raises(ValueError, match="one label for each of the 1"):
        plot.curve_panels({"a": {"one": ([1], [1])}}, "x", ["y", "z"])


def test_comings_and_goings_mark_who_came_back():
    figure = plot.comings_and_goings([[0, 1], [1, 2], [1, 2]], 4, ["1", "2", "3"])
    hatched = sorted(
        (int(p.get_x() + 0.5), int(p.get_y() + 0.5))
        for p in figure.axes[0].patches
        if p.get_hatch() and p.get_height()
    )
    assert hatched == [(0, 0), (0, 1), (1, 1), (1, 2), (2, 1), (2, 2)]
    assert [(int(line.get_xdata()[0]), int(line.get_ydata()[0])) for line in figure.axes[0].lines] == [(1, 0)]
    with pytest.raises(ValueError, match="indices from 0 to 3"):
        plot.comings_and_goings([[4]], 4, ["1"])

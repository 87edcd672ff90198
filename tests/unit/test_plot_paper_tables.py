"""The figures of chapter 08 show the data they are given."""

import pytest
from matplotlib import pyplot as plt

from prunelab import plot
from prunelab.records import MARKS


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_compression_curves_draw_one_line_per_definition_on_logarithmic_axes():
    axis = plot.compression_curves([0.01, 0.1], {"one": [100, 10], "two": [50, 5]}).axes[0]
    assert [line.get_ydata().tolist() for line in axis.lines] == [[100, 10], [50, 5]]
    assert axis.lines[0].get_xdata().tolist() == pytest.approx([1, 10])
    assert axis.xaxis_inverted() and axis.get_yscale() == "log", "from much to little"
    assert len({line.get_linestyle() for line in axis.lines}) == 2, "told apart by more than colour"
    with pytest.raises(ValueError, match=r"curves\['one'\] must be 2 numbers"):
        plot.compression_curves([0.01, 0.1], {"one": [100]})


def test_race_draws_every_mark_below_the_limit_and_every_network():
    axis = plot.race("lenet300", {"ours": ([150, 150], [1.5, 1.6])}, highest=2.1).axes[0]
    lines = axis.lines[1:]  # the first is the front
    drawn = [
        (float(x), float(y))
        for line in lines
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]
    read = [mark for mark in MARKS["lenet300"] if mark.error is not None]
    marks = [(mark.compression, mark.error) for mark in read if mark.error <= 2.1]
    unread = [mark for mark in MARKS["lenet300"] if mark.error is None]
    assert drawn[: len(marks)] == marks and len(marks) < len(read)
    assert [x for x, _ in drawn[len(marks) : -2]] == [mark.compression for mark in unread] and unread
    assert drawn[-2:] == [(150, 1.5), (150, 1.6)]
    said = [text.get_text() for text in axis.figure.legends[0].get_texts()]
    assert said[0] == "1  Han et al., 12x" and said[-1] == "ours"
    assert said[len(marks) : -1] == [f"{m.name}, {m.compression:g}x: error not read" for m in unread]
    assert [text.get_text() for text in axis.texts] == [str(number) for number in range(1, len(marks) + 1)]
    assert lines[0].get_marker() != lines[-1].get_marker()
    with pytest.raises(ValueError, match="network must be one of"):
        plot.race("lenet5", {"ours": ([1], [1])}, 2)


@pytest.mark.parametrize("network", MARKS)
def test_the_line_of_a_race_joins_the_marks_that_no_other_beats(network):
    axis = plot.race(network, {"ours": ([1], [1])}, highest=5).axes[0]
    joined = list(zip(*axis.lines[0].get_data(), strict=True))
    read = [(mark.compression, mark.error) for mark in MARKS[network] if mark.error is not None]
    for point in read:
        beaten = any(o != point and o[0] >= point[0] and o[1] <= point[1] for o in read)
        assert (point in joined) != beaten
    assert joined == sorted(joined), "from left to right"


@pytest.mark.parametrize("network", MARKS)
def test_no_two_numbers_of_a_race_overlap(network):
    figure = plot.race(network, {"ours": ([1], [2.0])}, highest=3.4)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_the_numbers_of_a_crowd_do_not_change_places():
    figure = plot.race("lenet300", {"ours": ([1], [2.0])}, highest=3.4)
    figure.canvas.draw()
    at = {text.get_text(): text.get_window_extent() for text in figure.axes[0].texts}
    # 5, 6 and 7 are 56x at 1.99, 67x at 2.0 and 68x at 1.92 %
    assert at["7"].y1 < at["6"].y0 and at["5"].x1 < at["6"].x0


def test_the_number_of_a_mark_lies_under_none_of_our_points():
    ours = {"ours": ([300] * 10, [0.75, 0.83, 0.7, 0.92, 0.87, 0.8, 0.82, 0.85, 0.78, 0.9])}
    figure = plot.race("lenet5_caffe", ours, highest=2.2)
    figure.canvas.draw()
    axis = figure.axes[0]
    (number,) = [text for text in axis.texts if text.get_text() == "8"]  # 280x at 0.75 %
    box = number.get_window_extent()
    points = axis.transData.transform(axis.lines[-1].get_xydata())
    near = 7 / 2 * figure.dpi / 72  # half a marker
    assert not any(box.x0 - near < x < box.x1 + near and box.y0 - near < y < box.y1 + near for x, y in points)

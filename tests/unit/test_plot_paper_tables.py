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
    drawn = [
        (float(x), float(y))
        for line in axis.lines
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]
    marks = [(mark.compression, mark.error) for mark in MARKS["lenet300"] if mark.error <= 2.1]
    assert drawn == [*marks, (150, 1.5), (150, 1.6)] and len(marks) < len(MARKS["lenet300"])
    said = [text.get_text() for text in axis.figure.legends[0].get_texts()]
    assert said[0] == "1  Han et al., 12x" and said[-1] == "ours" and len(said) == len(marks) + 1
    assert [text.get_text() for text in axis.texts] == [str(number) for number in range(1, len(marks) + 1)]
    assert axis.lines[0].get_marker() != axis.lines[-1].get_marker()
    with pytest.raises(ValueError, match="network must be one of"):
        plot.race("lenet5", {"ours": ([1], [1])}, 2)

"""The storage explorer and the figures of chapter 07."""

import pytest
import torch

from prunelab import plot, storage
from prunelab.measure import Latency
from prunelab.widgets.csr_storage import SHAPE, storage_explorer, storage_sizes


@pytest.mark.parametrize(("density", "bits"), [(0.08, 5), (0.02, 8), (0.5, 3)])
def test_the_sizes_are_those_of_a_random_mask(density, bits):
    weight = (torch.rand(SHAPE, generator=torch.Generator().manual_seed(0)) < density).float()
    sizes = storage_sizes(density, bits, 32)
    for name, format, width in (
        (f"gaps, {bits} bits", "gap", bits),
        ("bitmap", "bitmap", None),
        ("CSR, 10 bits", "csr", 10),
    ):
        assert sum(sizes[name]) == pytest.approx(storage.encode(weight, format, width).nbytes, rel=0.04)
    assert sum(sizes["dense"]) == weight.nbytes


def test_the_explorer_redraws_and_names_the_smallest():
    box = storage_explorer()
    first = bytes(box.picture.value)
    assert first.startswith(b"\x89PNG") and "Smallest: gaps, 5 bits" in box.text.value
    box.controls["density"].value = 50
    assert bytes(box.picture.value) != first and "Smallest: bitmap" in box.text.value
    box.controls["density"].value = 1
    box.controls["index_bits"].value = 8
    assert "Smallest: gaps, 8 bits" in box.text.value


def test_csr_picture_holds_every_number():
    weight = torch.tensor([[0.0, 5, 0], [0, 0, 0], [2, 0, 7]])
    texts = [t.get_text() for axis in plot.csr_arrays(weight).axes for t in axis.texts]
    assert texts.count("5") == texts.count("7") == 2  # in the matrix and in data
    assert [t for t in texts if t.startswith("row ") or t == "end"][-4:] == ["row 0", "row 1", "row 2", "end"]
    with pytest.raises(ValueError, match="at most 120"):
        plot.csr_arrays(torch.ones(11, 11))


def test_gap_tape_writes_every_step():
    weight = torch.zeros(30)
    weight[[3, 25]] = 1.0
    figure = plot.gap_tape(weight, *storage.gap_code(weight, 3))
    texts = [t.get_text() for t in figure.axes[0].texts]
    assert [t for t in texts if t in ("4", "8", "6")] == ["4", "8", "8", "6"]
    with pytest.raises(ValueError, match="a vector"):
        plot.gap_tape(torch.ones(2, 2), torch.ones(1), torch.ones(1))


def test_curves_and_bars_draw_what_they_are_given():
    curves = {"csr": [3.0, 9.0], "bitmap": [2.0, 8.0]}
    axis = plot.storage_curves([0.1, 0.5], curves, {"csr": ([0.1], [3.1])}, bound=[1.5, 7.0]).axes[0]
    assert [list(line.get_ydata()) for line in axis.lines[:3]] == [[3.0, 9.0], [3.1], [2.0, 8.0]]
    with pytest.raises(ValueError, match="must be 1 numbers"):
        plot.storage_curves([0.1], {"csr": [1.0, 2.0]})
    axis = plot.storage_bars({"a": (1024, 2048), "b": (512, 0)}, bound=100, dense=4096).axes[0]
    assert sorted(round(patch.get_width(), 3) for patch in axis.patches) == [0, 0.5, 1, 2]


def test_speed_figures_draw_medians_in_milliseconds():
    times = [Latency(0.002, 0.001, 0.003, 1, 64), Latency(0.001, 0.001, 0.001, 1, 64)]
    axis = plot.crossover({"batch 64": ([0.5, 0.9], {"dense": times, "CSR": times})}).axes[0]
    assert [list(line.get_ydata()) for line in axis.lines] == [[2.0, 1.0], [2.0, 1.0]]
    axis = plot.roofline({"a": (1.0, 5e9)}, {"memory": 1e10}, peak=1e11).axes[0]
    assert axis.lines[0].get_ydata().max() == pytest.approx(100) and axis.lines[1].get_ydata()[0] == 5
    axes = plot.answer_bars({"dense": {"ms": 2.0, "KiB": 9}, "csr": {"ms": 1.0, "KiB": 3}}).axes
    assert [patch.get_width() for patch in axes[0].patches] == [1.0, 2.0]

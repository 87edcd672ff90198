"""The explorer of chapter 08 shows the numbers of the network it names."""

import pytest
import torch

from prunelab.masks import keep_top, prunable
from prunelab.models import LeNet5Caffe, LeNet300
from prunelab.storage import gap_code
from prunelab.widgets.paper_tables import SIZES, _meanings, compression_explorer


@pytest.mark.parametrize(("name", "network"), [("LeNet300", LeNet300), ("LeNet5Caffe", LeNet5Caffe)])
def test_the_four_meanings_are_those_of_a_random_mask(name, network):
    model = network()
    weights = sum(weight.numel() for weight in prunable(model).values())
    biases = sum(p.numel() for p in model.parameters()) - weights
    assert SIZES[name] == (weights, biases)
    mask = keep_top(torch.rand(weights, generator=torch.Generator().manual_seed(0)), 0.97)
    kept, entries = int(mask.sum()), len(gap_code(mask.float(), 5)[0])
    wanted = [
        weights / kept,
        (weights + biases) / (kept + biases),
        32 * weights / (64 * kept),
        32 * weights / (11 * entries),
    ]
    assert list(_meanings(name, 0.03, 6, 5).values()) == pytest.approx(wanted, rel=0.01)


def test_the_explorer_says_what_it_draws():
    box = compression_explorer()
    first = bytes(box.picture.value)
    assert "21,296 weights left: 12.5x (weights / nonzero weights)" in box.text.value
    box.controls["density"].value = 1
    assert bytes(box.picture.value) != first and "2,662 weights left: 100.0x" in box.text.value
    box.controls["network"].value = "LeNet5Caffe"
    assert "4,305 weights left: 100.0x" in box.text.value
    before = box.text.value
    box.controls["index_bits"].value = 8
    assert box.text.value != before

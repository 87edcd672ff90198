import pytest
import torch

from prunelab import plot
from prunelab.semi_structured import compress_24, kept_magnitude, nm_mask, permute_columns
from prunelab.widgets.nm_sparsity import PATTERNS, _nm_bytes, nm_explorer


@pytest.fixture
def weight():
    return torch.randn(6, 16, generator=torch.Generator().manual_seed(0))


def test_bytes_are_those_of_the_packed_matrix(weight):
    half = (weight * nm_mask(weight, 2, 4)).half()
    values, metadata = compress_24(half)
    assert _nm_bytes(weight.numel(), 2, 4) == values.numel() * 2 + metadata.numel()
    assert _nm_bytes(64, 1, 2, value_bits=32) == 64 / 2 * 33 / 8
    with pytest.raises(ValueError, match="n must be at most m = 4, got 5"):
        _nm_bytes(64, 5, 4)


def test_the_sliders_change_picture_and_numbers(weight):
    box = nm_explorer(weight)
    seen = set()
    for pattern in PATTERNS:
        box.controls["pattern"].value = pattern
        n, m = map(int, pattern.split(":"))
        assert f"kept magnitude {100 * kept_magnitude(weight, n, m):.1f} %" in box.text.value
        seen.add(box.picture.value)
    assert len(seen) == len(PATTERNS)


def test_the_searched_order_is_the_packages(weight):
    box = nm_explorer(weight)
    box.controls["pattern"].value = "2:4"
    box.controls["columns"].value = "searched for 2:4"
    best = kept_magnitude(weight[:, permute_columns(weight)])
    assert f"kept magnitude {100 * best:.1f} %" in box.text.value
    assert best > kept_magnitude(weight)


def test_a_matrix_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="16 dividing in"):
        nm_explorer(torch.randn(3, 12))


def test_the_core_picture_shows_values_and_positions():
    figure = plot.sparse_core(torch.tensor([[0.0, 0.7, 0.0, -0.2]]))
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("0.7") == 2 and "01" in texts and "11" in texts
    with pytest.raises(ValueError, match="one row"):
        plot.sparse_core(torch.zeros(2, 4))

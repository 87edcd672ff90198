"""The explorer and the figures of chapter 10 show the models and numbers they are given."""

import copy

import pytest
import torch
from torch.utils.data import TensorDataset

from prunelab import plot
from prunelab.criteria import magnitude, sparsegpt
from prunelab.language import Decoder, block_names, generate
from prunelab.masks import apply_masks, mask_model
from prunelab.text import encode
from prunelab.widgets.language_models import LENGTH, written_text

CHARACTERS = "".join(map(chr, range(32, 32 + 85)))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Decoder(layers=2, width=16, heads=2).eval()


def surprise(model, pruned):
    """The mean bits per character of the line that ``pruned`` writes, by a loop over its characters."""
    start = encode("Alice ", CHARACTERS)
    line = generate(pruned, start, LENGTH, temperature=0.6)
    whole, total = torch.cat([start, line]), 0.0
    for place in range(len(start), len(whole)):
        total -= torch.log2(model(whole[None, :place])[0, -1].softmax(0)[whole[place]]).item()
    return total / LENGTH


def test_the_controls_change_line_and_number(model):
    data = TensorDataset(torch.randint(85, (6, 32), generator=torch.Generator().manual_seed(1)))
    box = written_text(model, data, CHARACTERS, prompt="Alice ")
    names = [name for block in block_names(model) for name in block]
    by_size = copy.deepcopy(model)
    apply_masks(by_size, mask_model({name: magnitude(model)[name] for name in names}, 0.5))
    assert f"magnitude, 50%: {surprise(model, by_size):.2f} bits" in box.text.value
    first = box.picture.value
    box.controls["method"].value = "SparseGPT"
    fitted = copy.deepcopy(model)
    fitted.load_state_dict(sparsegpt(model, data, 0.5, names=names), strict=False)
    assert (
        f"SparseGPT, 50%: {surprise(model, fitted):.2f} bits" in box.text.value and box.picture.value != first
    )
    box.controls["sparsity"].value = 0.0
    assert f"0%: {surprise(model, model):.2f} bits" in box.text.value


def test_the_line_is_drawn_character_by_character():
    figure = plot.surprises("ab\nc" + 70 * "d", [0.0, 8.0, 1.0, 2.0] + 70 * [3.0])
    texts = figure.axes[0].texts
    assert [t.get_text() for t in texts[:4]] == ["a", "b", "\N{PILCROW SIGN}", "c"]
    assert len({round(t.get_position()[1], 2) for t in texts}) == 3, "a break and a full line"
    colours = [patch.get_facecolor() for patch in figure.axes[0].patches]
    assert sum(colours[0]) > sum(colours[3]) > sum(colours[1]), "darker with more bits"
    with pytest.raises(ValueError, match="one number for each"):
        plot.surprises("abc", [1.0])
    with pytest.raises(TypeError, match="text"):
        plot.surprises("", [])


def test_serving_shows_bytes_time_and_bits():
    figure = plot.serving({"dense": (2e6, 1.5, 2.9), "pruned": (1e6, 1.4, 3.1)})
    left, right = figure.axes
    assert [line.get_xdata()[0] for line in left.lines[:2]] == [2000, 1000]
    assert [line.get_xdata()[0] for line in right.lines[:2]] == [1.5, 1.4] and right.lines[1].get_ydata()[
        0
    ] == 3.1
    with pytest.raises(ValueError, match="dense"):
        plot.serving({"other": (1.0, 1.0, 1.0)})


def test_a_prompt_of_unknown_characters_is_refused(model):
    with pytest.raises(ValueError, match="a character of string"):
        written_text(model, TensorDataset(torch.zeros(2, 8, dtype=torch.int64)), CHARACTERS, prompt="\u4e2d")

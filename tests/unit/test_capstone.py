"""The capstone's stand-in: sizes, the harder images, the stored network."""

import json

import pytest
import torch
from torch.utils.data import TensorDataset

from prunelab import capstone, measure
from prunelab.capstone import standin
from prunelab.data import MEAN, STD
from prunelab.training import accuracy

IMAGES = TensorDataset(
    torch.randn(20, 1, 28, 28, generator=torch.Generator().manual_seed(0)).abs(), torch.arange(20) % 10
)


def test_sizes_named_in_the_docstring():
    model = capstone.ResidualNet()
    convolutions = 9 * (16 + 2 * 16 * 16 + 16 * 32 + 32 * 32 + 32 * 64 + 64 * 64) + 16 * 32 + 32 * 64
    norms = 2 * (16 * 3 + 32 * 3 + 64 * 3)
    assert measure.parameters(model) == convolutions + norms + 64 * 10 + 10 == 77_754
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_a_block_adds_what_goes_around():
    block = capstone.ResidualBlock(4, 4).eval()
    torch.nn.init.zeros_(block.conv2.weight)
    x = torch.rand(2, 4, 5, 5)
    assert torch.equal(block(x), x)
    assert capstone.ResidualBlock(4, 6, 2)(x).shape == (2, 6, 3, 3)


def test_harder_images_keep_labels_and_depend_on_the_seed():
    state = torch.random.get_rng_state()
    first, again, other = (capstone.harder(IMAGES, 15, seed).tensors for seed in (1, 1, 2))
    assert torch.equal(first[1], IMAGES.tensors[1][:15]) and first[0].shape == (15, 1, 28, 28)
    assert torch.equal(first[0], again[0]) and not torch.equal(first[0], other[0])
    assert torch.equal(state, torch.random.get_rng_state())


def test_clutter_are_pieces_of_other_images():
    ink = IMAGES.tensors[0]
    canvas = standin._clutter(ink, torch.Generator().manual_seed(0))
    covered = (canvas != 0).float().mean(dim=(1, 2, 3))
    assert (covered > 0.1).all() and (covered < 6 * 49 / 784 + 0.01).all()
    values = set(ink.flatten().tolist()) | {0.0}
    assert set(canvas.flatten().tolist()) <= values


def test_empty_images_stay_empty():
    nothing = TensorDataset(torch.full((3, 1, 28, 28), -MEAN / STD), torch.zeros(3, dtype=torch.long))
    torch.testing.assert_close(capstone.harder(nothing, 3).tensors[0], nothing.tensors[0])


def test_the_stored_network(mnist):
    model = capstone.load_standin()
    card = json.loads(capstone.WEIGHTS.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["parameters"] == measure.parameters(model) and not model.training
    assert accuracy(model, capstone.harder(mnist.valid, 2000, seed=2)) == pytest.approx(
        card["valid_accuracy"], abs=0.3
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: capstone.harder(IMAGES, 21), "examples must be at most 20"),
        (lambda: capstone.harder(IMAGES, 0), "examples must be at least 1"),
        (lambda: capstone.harder(IMAGES, 2, -1), "seed must be at least 0"),
        (lambda: capstone.harder(IMAGES.tensors[0], 2), "dataset must be a TensorDataset"),
        (lambda: capstone.ResidualBlock(0, 2), "channels must be at least 1"),
    ],
)
def test_refusals(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()

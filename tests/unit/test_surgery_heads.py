"""Heads, neurons and blocks: a removed part leaves the output of the masked model, in smaller matrices."""

import copy

import pytest
import torch
import torch.nn.functional as F

from prunelab.language import Decoder, generate
from prunelab.surgery import block_influence, remove_blocks, remove_heads, remove_neurons


def decoder(seed=0):
    torch.manual_seed(seed)
    return Decoder(layers=3, width=24, heads=4).eval()


def windows(seed=1):
    return torch.randint(85, (5, 40), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kept", [[0], [1, 3], [0, 1, 2], [0, 1, 2, 3]])
def test_removed_heads_leave_the_output_of_the_masked_model(kept):
    model = decoder()
    mask = torch.zeros(4, dtype=torch.bool)
    mask[kept] = True
    smaller, masked = remove_heads(model, {1: mask, 2: mask}), copy.deepcopy(model)
    for block in masked.blocks[1:]:
        block.attention.out.weight.data[:, ~mask.repeat_interleave(6)] = 0
    assert torch.allclose(smaller(windows()), masked(windows()), atol=1e-5)
    assert smaller.blocks[1].attention.query.weight.shape == (6 * len(kept), 24)
    assert smaller.blocks[1].attention.out.weight.shape == (24, 6 * len(kept))
    assert smaller.blocks[0].attention.heads == 4 and model.blocks[1].attention.heads == 4
    if len(kept) < 4:
        assert not torch.allclose(smaller(windows()), model(windows()), atol=1e-3)


def test_removed_neurons_leave_the_output_of_the_masked_model():
    model = decoder()
    mask = torch.rand(96, generator=torch.Generator().manual_seed(3)) > 0.6
    smaller, masked = remove_neurons(model, {0: mask}), copy.deepcopy(model)
    masked.blocks[0].down.weight.data[:, ~mask] = 0
    assert torch.allclose(smaller(windows()), masked(windows()), atol=1e-5)
    assert smaller.blocks[0].up.weight.shape == (int(mask.sum()), 24) and len(
        smaller.blocks[0].up.bias
    ) == int(mask.sum())


def test_a_removed_block_is_passed_by():
    model = decoder()
    silent = copy.deepcopy(model)
    for layer in (silent.blocks[1].attention.out, silent.blocks[1].down):
        layer.weight.data.zero_()
        layer.bias.data.zero_()
    smaller = remove_blocks(model, [1])
    assert len(smaller.blocks) == 2 and len(model.blocks) == 3
    assert torch.allclose(smaller(windows()), silent(windows()), atol=1e-5)
    assert block_influence(silent, windows())[1] < 1e-6


def test_block_influence_is_the_mean_angle():
    model = decoder()
    x = model.embedding(windows()) + model.position.weight[:40]
    for block, found in zip(model.blocks, block_influence(model, windows()), strict=True):
        y = block(x)
        cosines = [
            F.cosine_similarity(a, b, dim=0) for a, b in zip(x.flatten(0, 1), y.flatten(0, 1), strict=True)
        ]
        assert found.item() == pytest.approx(1 - torch.stack(cosines).mean().item(), abs=1e-5)
        x = y
    assert not any(block._forward_hooks for block in model.blocks)


def test_smaller_models_generate_with_a_cache_too():
    mask = torch.tensor([True, False, True, False])
    smaller = remove_heads(decoder(), {0: mask})
    prompt = windows()[0][:5]
    assert torch.equal(generate(smaller, prompt, 20), generate(smaller, prompt, 20, cached=False))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: remove_heads(m, {0: torch.zeros(4, dtype=torch.bool)}), ValueError, "keeps at least one"),
        (lambda m: remove_heads(m, {0: torch.ones(4)}), ValueError, "bool"),
        (lambda m: remove_heads(m, {0: torch.ones(3, dtype=torch.bool)}), ValueError, r"shape \(4,\)"),
        (lambda m: remove_heads(m, {7: torch.ones(4, dtype=torch.bool)}), ValueError, "a number in masks"),
        (lambda m: remove_heads(m, [torch.ones(4, dtype=torch.bool)]), TypeError, "dict"),
        (lambda m: remove_heads(torch.nn.Linear(2, 2), {}), TypeError, "Decoder"),
        (lambda m: remove_neurons(m, {0: torch.ones(4, dtype=torch.bool)}), ValueError, r"shape \(96,\)"),
        (lambda m: remove_blocks(m, [3]), ValueError, "a number in numbers"),
        (lambda m: remove_blocks(m, 1), TypeError, "list"),
        (lambda m: block_influence(m, torch.ones(4, 4)), TypeError, "int64"),
        (lambda m: block_influence(m, torch.ones(4, dtype=torch.int64)), ValueError, "shape"),
        (lambda m: block_influence(m, torch.ones(1, 129, dtype=torch.int64)), ValueError, "at most 128"),
    ],
)
def test_bad_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(decoder())

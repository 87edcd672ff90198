"""Masks that move during training: exact counts, what goes and what comes, and nothing changed on the way."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.dynamic import alternating, gradual, regrow
from prunelab.masks import sparsity
from prunelab.training import steps_per_epoch, train


def test_a_regrowth_small_enough_to_check_by_eye():
    weight = torch.tensor([[0.9, -0.1, 0.0], [0.0, 0.2, -0.5]])
    mask = weight != 0
    growth = torch.tensor([[9.0, 1.0, 3.0], [4.0, 9.0, 9.0]])
    assert regrow(weight, mask, growth, 0.25).int().tolist() == [
        [1, 0, 0],
        [1, 1, 1],
    ]  # -0.1 goes, the 4.0 comes
    # -0.1 and 0.2 go; among the four absent ones 9.0 (the 0.2 that has just gone) and 4.0 come
    assert regrow(weight, mask, growth, 0.5).int().tolist() == [[1, 0, 0], [1, 1, 1]]


def by_loops(weight, mask, growth, share):
    flat, keep, grow = weight.flatten().abs().tolist(), mask.flatten().tolist(), growth.flatten().tolist()
    count = round(share * sum(keep))
    for i in sorted((i for i, k in enumerate(keep) if k), key=lambda i: flat[i])[:count]:
        keep[i] = False
    for i in sorted((i for i, k in enumerate(keep) if not k), key=lambda i: -grow[i])[:count]:
        keep[i] = True
    return torch.tensor(keep).view(mask.shape)


@pytest.mark.parametrize("shape", [(7,), (6, 5), (4, 3, 3, 3)])
@pytest.mark.parametrize("share", [0, 0.1, 0.3, 0.5, 1])
def test_agrees_with_loops_and_keeps_the_count(shape, share):
    draw = torch.Generator().manual_seed(len(shape))
    for density in (0.0, 0.2, 0.5, 1.0):
        mask = torch.rand(shape, generator=draw) < density
        weight = torch.randn(shape, generator=draw).mul(4).round().div(4) * mask  # rounded: ties
        growth = torch.rand(shape, generator=draw).mul(4).round()
        before = [t.clone() for t in (weight, mask, growth)]
        new = regrow(weight, mask, growth, share)
        assert torch.equal(new, by_loops(weight, mask, growth, share)) and new.dtype == torch.bool
        assert new.sum() == mask.sum()
        assert all(torch.equal(a, b) for a, b in zip(before, (weight, mask, growth), strict=True))


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"share": 1.5}, ValueError, "share"),
        ({"mask": torch.ones(2, 2)}, TypeError, "mask must be a bool tensor"),
        ({"mask": torch.ones(4, dtype=torch.bool)}, ValueError, "mask must have the shape of weight"),
        ({"growth": torch.ones(2, 3)}, ValueError, "growth must have the shape"),
        ({"growth": torch.tensor([[1.0, float("nan")], [0.0, 0.0]])}, ValueError, "growth must be finite"),
        ({"weight": [[1.0, 2.0], [3.0, 4.0]]}, TypeError, "weight must be a torch.Tensor"),
    ],
)
def test_refuses_bad_arguments(change, error, says):
    good = {
        "weight": torch.ones(2, 2),
        "mask": torch.ones(2, 2, dtype=torch.bool),
        "growth": torch.ones(2, 2),
        "share": 0.5,
    }
    regrow(**good)
    with pytest.raises(error, match=says):
        regrow(**good | change)


def network_and_data():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))
    return model, TensorDataset(torch.randn(400, 6), torch.randint(0, 3, (400,)))


def test_gradual_follows_the_schedule_and_lets_nothing_come_back():
    model, dataset = network_and_data()
    masks, on_step = gradual(lambda step: 0.1 * (step // 2), every=2)
    seen, gone = [], []

    def look(model, step):
        on_step(model, step)
        seen.append(sparsity(masks) if masks else None)
        gone.append({(n, int(i)) for n, m in masks.items() for i in (~m).flatten().nonzero()})

    train(model, dataset, epochs=2, masks=masks, on_step=look)
    assert len(seen) == 2 * steps_per_epoch(dataset) == 8
    assert seen[0] is None
    assert [round(s * 108) for s in seen[1:]] == [11, 11, 22, 22, 32, 32, 43]
    assert all(a <= b for a, b in pairwise(gone))
    assert sparsity(model) == pytest.approx(43 / 108)


def test_gradual_refuses_bad_arguments():
    with pytest.raises(TypeError, match="sparsity_at"):
        gradual(0.5, every=3)
    with pytest.raises(ValueError, match="every"):
        gradual(lambda step: 0.5, every=0)


def test_alternating_is_sparse_in_its_intervals_dense_between_and_sparse_at_the_end():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    data = TensorDataset(torch.randn(640, 6), torch.randint(0, 2, (640,)))  # 5 steps an epoch
    masks, on_step = alternating(0.75, [(3, 6), (9, 100)])
    seen = {}

    def look(model, step):
        on_step(model, step)
        seen[step] = (bool(masks), {n: w.detach().clone() for n, w in model.named_parameters()})

    train(model, data, epochs=3, lr=0.1, masks=masks, on_step=look)
    assert [step for step, (held, _) in seen.items() if held] == [3, 4, 5, 9, 10, 11, 12, 13, 14, 15]
    assert sparsity(model) == 0.75
    gone = seen[6][1]["0.weight"] == 0
    assert gone.any(), "what was pruned starts at zero ..."
    assert (seen[8][1]["0.weight"][gone] != 0).all(), "... and learns again"


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ((1.5, [(1, 2)]), ValueError, "sparsity"),
        ((0.5, []), TypeError, "compressed must be a non-empty list"),
        ((0.5, "12"), TypeError, "compressed must be a non-empty list"),
        ((0.5, [3]), TypeError, "pairs"),
        ((0.5, [(2, 2)]), ValueError, "a stop in compressed"),
        ((0.5, [(1, 5), (5, 9)]), ValueError, "a start in compressed"),
        ((0.5, [(1, 2.5)]), TypeError, "a stop in compressed"),
    ],
)
def test_alternating_refuses(arguments, error, says):
    with pytest.raises(error, match=says):
        alternating(*arguments)

"""Masks recomputed in every forward pass: the gradient that comes through, what learns and what does not."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.masks import prunable
from prunelab.straight_through import follow_weights, learn_masks, settle
from prunelab.training import accuracy, train


def small(seed=0, hidden=10):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, hidden), nn.ReLU(), nn.Linear(hidden, 3))


def loss_of(model, x, y):
    return F.cross_entropy(model(x), y)


def batch(seed=0, n=32):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(n, 12, generator=draw), torch.randint(0, 3, (n,), generator=draw)


def test_followed_weights_are_masked_forward_and_all_of_them_receive_the_masked_gradient():
    plain, (x, y) = small(), batch()
    model = copy.deepcopy(plain)
    follow_weights(model, {"1.weight": 0.75, "3.weight": 0.5})
    masked = copy.deepcopy(plain)
    for name, kept in (("1.weight", 30), ("3.weight", 15)):
        weight = prunable(masked)[name]
        edge = weight.detach().abs().flatten().sort(descending=True).values[kept - 1]
        weight.data *= weight.detach().abs() >= edge
        assert weight.count_nonzero() == kept
    assert torch.equal(model(x), masked(x))
    loss_of(model, x, y).backward()
    loss_of(masked, x, y).backward()
    for ours, theirs in ((model[1], masked[1]), (model[3], masked[3])):
        gradient = ours.parametrizations.weight.original.grad
        assert torch.equal(gradient, theirs.weight.grad)
        assert (gradient[theirs.weight == 0] != 0).any(), "what is masked learns too"


def test_a_followed_mask_changes_while_the_network_learns_and_settles_to_the_count():
    model, (x, y) = small(), batch(n=256)
    follow_weights(model, {"1.weight": 0.9})
    first = model[1].weight.detach() != 0
    train(model, TensorDataset(x, y), epochs=10, lr=0.1)
    before = model(x).detach()
    masks = settle(model)
    assert list(masks) == ["1.weight"] and int(masks["1.weight"].sum()) == 12
    assert not torch.equal(masks["1.weight"], first), "the mask has moved"
    assert torch.equal(model(x), before) and isinstance(model[1].weight, nn.Parameter)
    assert set(dict(model.named_parameters())) == set(dict(small().named_parameters()))


def test_a_supermask_learns_and_no_weight_of_the_network_does():
    x = torch.randn(512, 12, generator=torch.Generator().manual_seed(1))
    y = x[:, :3].argmax(1)
    model = small(3, hidden=60)
    begun = copy.deepcopy(model)
    learn_masks(model, dict.fromkeys(prunable(model), 0.5), seed=1)
    before = accuracy(model, TensorDataset(x, y))
    train(model, TensorDataset(x, y), epochs=30, lr=0.1)
    masks = settle(model)
    after = accuracy(model, TensorDataset(x, y))
    assert after > before + 15 and after > 60, (before, after)
    for name, mask in masks.items():
        assert int(mask.sum()) == mask.numel() - round(0.5 * mask.numel())
        assert torch.equal(prunable(model)[name], prunable(begun)[name] * mask)
    assert torch.equal(model[1].bias, begun[1].bias), "biases are frozen too"
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_the_gradient_of_a_score_is_weight_times_gradient():
    model, (x, y) = small(), batch()
    masked = copy.deepcopy(model)
    learn_masks(model, {"3.weight": 0.5})
    masked[3].weight.data *= model[3].weight.detach() != 0
    loss_of(model, x, y).backward()
    loss_of(masked, x, y).backward()
    scores = model[3].parametrizations.weight[0].scores
    original = model[3].parametrizations.weight.original
    assert original.grad is None
    assert torch.allclose(scores.grad, original * masked[3].weight.grad)


def test_the_same_seed_draws_the_same_scores():
    masks = []
    for seed in (0, 0, 1):
        model = small()
        learn_masks(model, {"1.weight": 0.5}, seed)
        masks.append(settle(model)["1.weight"])
    assert torch.equal(masks[0], masks[1]) and not torch.equal(masks[0], masks[2])


def test_a_lone_layer_has_no_path():
    layer = nn.Linear(4, 2)
    follow_weights(layer, {"weight": 0.5})
    assert int(settle(layer)["weight"].sum()) == 4


@pytest.mark.parametrize("prepare", [follow_weights, learn_masks])
@pytest.mark.parametrize(
    ("shares", "error", "says"),
    [
        ({"1.weight": 1.0}, ValueError, r"sparsities\['1.weight'\] must be below 1"),
        ({"1.weight": 1.5}, ValueError, r"sparsities\['1.weight'\]"),
        ({"1.weight": 0.5, "9.weight": 0.5}, ValueError, "a name in sparsities"),
        (0.5, TypeError, "sparsities"),
    ],
)
def test_bad_shares_change_nothing(prepare, shares, error, says):
    model = small()
    with pytest.raises(error, match=says):
        prepare(model, shares)
    assert model.state_dict().keys() == small().state_dict().keys()
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_refusals_of_what_is_not_prepared_or_prepared_twice():
    with pytest.raises(ValueError, match="prepared by follow_weights or learn_masks"):
        settle(small())
    with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module"):
        settle("model")
    model = small()
    follow_weights(model, {"1.weight": 0.5})
    with pytest.raises(ValueError, match="must not be parametrized yet"):
        learn_masks(model, {"1.weight": 0.5})
    with pytest.raises(ValueError, match="seed"):
        learn_masks(small(), {"1.weight": 0.5}, seed=-1)

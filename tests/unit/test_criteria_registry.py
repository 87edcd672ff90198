"""Every criterion leaves the model unchanged, is deterministic, has the shapes it promises, and refuses bad
input.
"""

import copy

import pytest
import torch
from criteria_models import data, tiny
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.criteria import CRITERIA, Criterion, unchanged
from prunelab.criteria.registry import batches, check_data, mean_gradients, unit_layers
from prunelab.masks import prunable


def state(model):
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    gradients = {name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()}
    requires = {name: p.requires_grad for name, p in model.named_parameters()}
    modes = {name: module.training for name, module in model.named_modules()}
    hooks = {
        name: (list(m._forward_hooks.values()), list(m._forward_pre_hooks.values()))
        for name, m in model.named_modules()
    }
    return tensors, gradients, requires, modes, hooks


def same(a, b):
    return (
        all(torch.equal(a[0][k], b[0][k]) for k in a[0])
        and all(
            (a[1][k] is None) == (b[1][k] is None) and (a[1][k] is None or torch.equal(a[1][k], b[1][k]))
            for k in a[1]
        )
        and a[2:] == b[2:]
    )


def scored(entry, seed=0):
    """A criterion's result on the tiny model, in the odd state that scoring has to leave alone."""
    model = tiny(seed)
    nn.functional.cross_entropy(model(data().tensors[0]), data().tensors[1]).backward()
    model.train()
    model.bn2.eval()
    model.conv1.bias.requires_grad_(False)
    model.conv1.weight.requires_grad_(False)
    calls = []
    model.fc1.register_forward_hook(lambda *_: calls.append(1))
    before, random = state(model), torch.random.get_rng_state()
    result = entry.function(model, data())
    assert same(before, state(model)), "the model was changed"
    assert torch.equal(random, torch.random.get_rng_state()), "torch's random state was changed"
    return result, model


@pytest.mark.parametrize("entry", CRITERIA.values(), ids=CRITERIA)
def test_scoring_leaves_the_model_unchanged_and_is_deterministic(entry):
    first, model = scored(entry)
    if entry.strategy:
        return
    torch.manual_seed(99)
    second, _ = scored(entry)
    weights = prunable(model)
    assert first and first.keys() == second.keys()
    for name, scores in first.items():
        assert torch.equal(scores, second[name])
        assert torch.isfinite(scores).all() and (scores >= 0).all() and not scores.requires_grad
        shape = weights[name].shape
        assert scores.ndim == len(shape) and all(
            a in (1, b) for a, b in zip(scores.shape, shape, strict=True)
        )
        assert (scores.shape == shape) == ("weight" in entry.scores)


@pytest.mark.parametrize("entry", [e for e in CRITERIA.values() if not e.strategy], ids=lambda e: e.name)
def test_scoring_works_under_no_grad(entry):
    expected = entry.function(tiny().eval(), data())
    with torch.no_grad():
        result = entry.function(tiny().eval(), data())
    assert all(torch.equal(result[name], expected[name]) for name in expected)


@pytest.mark.parametrize("entry", [e for e in CRITERIA.values() if "data" in e.needs], ids=lambda e: e.name)
def test_a_criterion_that_needs_data_refuses_none_empty_and_broken_data(entry):
    model = tiny().eval()
    before = state(model)
    with pytest.raises(TypeError, match="dataset must be"):
        entry.function(model, None)
    with pytest.raises(ValueError, match="empty"):
        entry.function(model, TensorDataset(torch.zeros(0, 1, 10, 10), torch.zeros(0, dtype=torch.long)))
    images = data().tensors[0].clone()
    images[3, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="finite"):
        entry.function(model, TensorDataset(images, data().tensors[1]))
    assert same(before, state(model))


@pytest.mark.parametrize("entry", [e for e in CRITERIA.values() if "labels" in e.needs], ids=lambda e: e.name)
def test_a_criterion_that_needs_labels_refuses_images_alone(entry):
    with pytest.raises((TypeError, ValueError), match="labels"):
        entry.function(tiny(), TensorDataset(data().tensors[0]))


@pytest.mark.parametrize("entry", CRITERIA.values(), ids=CRITERIA)
def test_a_criterion_refuses_what_has_nothing_to_score(entry):
    with pytest.raises((TypeError, ValueError), match="model"):
        entry.function(nn.Sequential(nn.Flatten(), nn.ReLU()), data())


def test_names_are_the_keys_and_entries_are_checked():
    assert all(name == entry.name for name, entry in CRITERIA.items())
    with pytest.raises(ValueError, match="scores"):
        Criterion("x", len, ("weights",), (), "")
    with pytest.raises(ValueError, match="needs"):
        Criterion("x", len, ("weight",), ("luck",), "")


def test_unchanged_restores_after_an_error():
    model = tiny().train()
    before = state(model)
    with pytest.raises(RuntimeError), unchanged(model):
        assert not model.bn1.training
        model.fc1.register_forward_hook(lambda *_: None)
        model(data().tensors[0]).sum().backward()
        with torch.no_grad():
            model.fc1.weight.add_(1)
            model.bn1.running_mean.add_(1)
        raise RuntimeError
    assert same(before, state(model))


def test_unchanged_seeds_the_inside_and_refuses_what_is_no_model():
    with unchanged(tiny(), seed=3):
        first = torch.rand(2)
    with unchanged(tiny(), seed=3):
        assert torch.equal(first, torch.rand(2))
    with pytest.raises(TypeError, match="model"), unchanged("model"):
        pass
    with pytest.raises(TypeError, match="seed"), unchanged(tiny(), seed=0.5):
        pass


def test_mean_gradients_agree_with_one_backward_pass_for_any_batch_size():
    model = tiny().eval()
    nn.functional.cross_entropy(model(data().tensors[0]), data().tensors[1]).backward()
    for batch_size in (7, 40):
        for name, gradient in mean_gradients(model, data(), batch_size).items():
            assert gradient.dtype == torch.float64
            assert torch.allclose(gradient.float(), dict(model.named_parameters())[name].grad, atol=1e-6)


def test_mean_gradients_refuse_a_model_that_overflows():
    model = tiny()
    nn.init.constant_(model.fc2.weight, torch.nan)
    with pytest.raises(FloatingPointError, match="gradient"):
        mean_gradients(model, data())


def test_data_and_batches_are_checked():
    assert [len(x) for x, _ in batches(data(), 15)] == [15, 15, 10]
    with pytest.raises(ValueError, match="batch_size"):
        list(batches(data(), 0))
    with pytest.raises(TypeError, match="int64"):
        check_data(TensorDataset(data().tensors[0], torch.zeros(40)))
    check_data(TensorDataset(data().tensors[0]), labels=False)


def test_the_output_layer_has_no_units_to_prune():
    assert list(unit_layers(tiny())) == ["conv1.weight", "conv2.weight", "fc1.weight"]
    with pytest.raises(ValueError, match="output layer"):
        unit_layers(nn.Sequential(nn.Linear(3, 2)))


def test_a_frozen_copy_scores_as_the_model():
    model = tiny().eval()
    frozen = copy.deepcopy(model).requires_grad_(False)
    for name, gradient in mean_gradients(model, data()).items():
        assert torch.equal(gradient, mean_gradients(frozen, data())[name])

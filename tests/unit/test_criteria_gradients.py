"""Gradient and weight times gradient against backward(), finite differences, a gate per weight, and
torch_pruning.
"""

import pytest
import torch
import torch.nn.functional as F
import torch_pruning as tp
from criteria_models import data, tiny
from test_criteria_magnitudes import by_torch_pruning

from prunelab.criteria import (
    filter_gradient,
    filter_squared_gradient,
    gradient,
    squared_gradient,
    weight_gradient,
)
from prunelab.masks import prunable


def loss(model):
    return F.cross_entropy(model(data().tensors[0]), data().tensors[1])


def test_gradient_is_the_size_of_backwards_gradient():
    model = tiny().eval()
    loss(model).backward()
    for name, scores in gradient(tiny(), data()).items():
        assert torch.allclose(scores.float(), prunable(model)[name].grad.abs(), atol=1e-6)


def test_weight_gradient_is_the_derivative_of_a_gate_on_every_weight():
    model = tiny().eval()
    weights = {name: weight.detach() for name, weight in prunable(model).items()}
    gates = {name: torch.ones_like(weight, requires_grad=True) for name, weight in weights.items()}
    gated = torch.func.functional_call(
        model, {name: gates[name] * weights[name] for name in weights}, (data().tensors[0],)
    )
    F.cross_entropy(gated, data().tensors[1]).backward()
    for name, scores in weight_gradient(model, data()).items():
        assert torch.allclose(scores.float(), gates[name].grad.abs(), atol=1e-6)


def test_weight_gradient_predicts_the_loss_when_a_weight_shrinks_a_little():
    model = tiny().eval().double()
    images, labels = data().tensors
    scores = weight_gradient(model, torch.utils.data.TensorDataset(images.double(), labels))
    with torch.no_grad():
        before = F.cross_entropy(model(images.double()), labels)
        for q in range(6):
            weight = model.fc2.weight.view(-1)
            weight[q] *= 1 - 1e-5
            change = F.cross_entropy(model(images.double()), labels) - before
            weight[q] /= 1 - 1e-5
            assert abs(change).item() / 1e-5 == pytest.approx(
                scores["fc2.weight"].flatten()[q].item(), rel=1e-3, abs=1e-8
            )


def test_filters_sum_before_the_absolute_value_as_torch_pruning_does():
    model = tiny().eval()
    loss(model).backward()
    reference = tp.importance.GroupTaylorImportance(
        group_reduction="first", normalizer=None, multivariable=True
    )
    scores = filter_gradient(model, data())
    for layer, name in ((model.conv1, "conv1.weight"), (model.conv2, "conv2.weight")):
        assert torch.allclose(
            scores[name].flatten().float(), by_torch_pruning(reference, model, layer), atol=1e-6
        )
    assert "fc2.weight" not in scores and scores["fc1.weight"].shape == (6, 1)


def one_by_one(model):
    """The gradient of every example alone, by backward(): {name: (examples, *weight.shape)}."""
    images, labels = data().tensors
    weights = prunable(model)
    found = [
        torch.autograd.grad(F.cross_entropy(model(x[None]), y[None]), list(weights.values()))
        for x, y in zip(images, labels, strict=True)
    ]
    return {
        name: torch.stack(each).double() for name, each in zip(weights, zip(*found, strict=True), strict=True)
    }


def test_squares_are_taken_for_each_example_before_the_mean():
    model = tiny().eval()
    found, filters = squared_gradient(model, data(), batch_size=15), filter_squared_gradient(model, data())
    for name, each in one_by_one(model).items():
        products = each * prunable(model)[name].detach().double()
        assert torch.allclose(found[name], products.square().mean(0), rtol=1e-4, atol=1e-12)
        if name in filters:
            sums = products.flatten(2).sum(2).square().mean(0)
            assert torch.allclose(filters[name].flatten(), sums, rtol=1e-3, atol=1e-12)
            assert filters[name].shape == (len(sums), *[1] * (each.ndim - 2))
    assert "fc2.weight" not in filters


def test_opposite_examples_cancel_in_the_mean_and_not_in_the_squares():
    model = torch.nn.Sequential(torch.nn.Linear(1, 2, bias=False)).eval()
    ds = torch.utils.data.TensorDataset(torch.tensor([[1.0], [-1.0]]), torch.tensor([0, 0]))
    torch.nn.init.constant_(model[0].weight, 0.3)  # both logits equal: the two gradients are opposite
    assert weight_gradient(model, ds)["0.weight"].abs().max() < 1e-9
    assert squared_gradient(model, ds)["0.weight"].min() > 0.01


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="granularity"):
        squared_gradient(tiny(), data(), granularity="kernel")
    with pytest.raises(ValueError, match="labels"):
        filter_squared_gradient(tiny(), torch.utils.data.TensorDataset(data().tensors[0]))
    with pytest.raises(ValueError, match="granularity"):
        weight_gradient(tiny(), data(), granularity="kernel")
    with pytest.raises(ValueError, match="batch_size"):
        gradient(tiny(), data(), batch_size=0)

"""The expansion of the loss against an explicit Hessian, finite differences along the step, and pruning for
real."""

import copy

import pytest
import torch
import torch.nn.functional as F
from criteria_models import data, tiny
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.criteria import expansion, magnitude
from prunelab.masks import apply_masks, mask_model, prunable


def double(model):
    return model.eval().double(), TensorDataset(data().tensors[0].double(), data().tensors[1])


def test_slope_and_curvature_are_those_of_an_explicit_hessian():
    torch.manual_seed(0)
    model, ds = double(nn.Sequential(nn.Flatten(), nn.Linear(100, 3)))
    weight, bias = model[1].weight.detach(), model[1].bias.detach()

    def loss(flat):
        return F.cross_entropy(F.linear(ds.tensors[0].flatten(1), flat.view(3, 100), bias), ds.tensors[1])

    mask = weight.abs() > 0.05
    step = -(weight * ~mask).flatten()
    gradient = torch.autograd.functional.jacobian(loss, weight.flatten())
    hessian = torch.autograd.functional.hessian(loss, weight.flatten())
    found = expansion(model, {"1.weight": mask}, ds, batch_size=15)
    assert found.slope == pytest.approx((gradient @ step).item())
    assert found.curvature == pytest.approx((step @ hessian @ step / 2).item())


def test_the_terms_are_the_derivatives_along_the_step_and_true_is_what_pruning_does():
    model, ds = double(tiny())
    masks = mask_model(magnitude(model), 0.5)
    dense = {name: weight.detach().clone() for name, weight in prunable(model).items()}
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def at(share):
        moved = copy.deepcopy(model)
        with torch.no_grad():
            for name, weight in prunable(moved).items():
                weight -= share * dense[name] * ~masks[name]
        return F.cross_entropy(moved(ds.tensors[0]), ds.tensors[1]).item()

    found, h = expansion(model, masks, ds), 1e-4
    assert found.slope == pytest.approx((at(h) - at(-h)) / (2 * h), rel=1e-4)
    assert found.curvature == pytest.approx((at(h) - 2 * at(0) + at(-h)) / h**2 / 2, rel=1e-3)
    pruned = copy.deepcopy(model)
    apply_masks(pruned, masks)
    assert found.true == pytest.approx(F.cross_entropy(pruned(ds.tensors[0]), ds.tensors[1]).item() - at(0))
    assert found.slope + found.curvature + found.rest == pytest.approx(found.true)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_mask_that_keeps_everything_changes_nothing():
    model = tiny()
    masks = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in prunable(model).items()}
    found = expansion(model, masks, data())
    assert (found.slope, found.curvature) == (0, 0) and abs(found.true) < 1e-6


def test_bad_arguments_are_refused():
    mask = {"fc2.weight": torch.ones(3, 6, dtype=torch.bool)}
    with pytest.raises(ValueError, match="a name in masks"):
        expansion(tiny(), {"fc2.bias": torch.ones(3, dtype=torch.bool)}, data())
    with pytest.raises(TypeError, match="bool"):
        expansion(tiny(), {"fc2.weight": torch.ones(3, 6)}, data())
    with pytest.raises(ValueError, match="labels"):
        expansion(tiny(), mask, TensorDataset(data().tensors[0]))
    broken = tiny()
    nn.init.constant_(broken.fc1.weight, torch.nan)
    with pytest.raises(FloatingPointError, match="loss"):
        expansion(broken, mask, data())

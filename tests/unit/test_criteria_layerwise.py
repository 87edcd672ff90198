"""Layer-wise OBS and the least-squares refit against numpy's lstsq, torch.func and the layers' own
outputs.
"""

import copy

import numpy as np
import pytest
import torch
from criteria_models import data, tiny
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.criteria import layer_hessians, layer_obs, magnitude, refit
from prunelab.masks import mask_model, prunable


def outputs(model, layer):
    """What ``layer`` of the model puts out on the data, double precision."""
    found = []
    handle = model.get_submodule(layer).register_forward_hook(
        lambda m, x, y: found.append((x[0].detach(), y.detach()))
    )
    model(data(100).tensors[0])
    handle.remove()
    return found[0]


@pytest.mark.parametrize("layer", ["conv1", "conv2", "fc1", "fc2"])
def test_hessian_is_that_of_the_layers_squared_output_error(layer):
    model = tiny().eval()
    x, y = outputs(model, layer)
    module = model.get_submodule(layer)

    def error(row):
        weight = torch.cat([row.view(1, *module.weight.shape[1:]), module.weight.detach()[1:]])
        out = (
            nn.functional.conv2d(x, weight, module.bias)
            if x.ndim == 4
            else nn.functional.linear(x, weight, module.bias)
        )
        return (out - y).square().sum() / len(x)

    exact = torch.autograd.functional.hessian(error, module.weight.detach()[0].flatten())
    found = layer_hessians(model, TensorDataset(data(100).tensors[0]), batch_size=64)[f"{layer}.weight"]
    assert found.dtype == torch.float64 and torch.allclose(found.float(), exact, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("layer", ["conv2", "fc1"])
def test_refit_is_least_squares_row_by_row(layer):
    model = tiny().eval()
    name = f"{layer}.weight"
    mask = mask_model(magnitude(model), 0.5)[name]
    mask[0] = False
    weight = refit(model, {name: mask}, data(100), damping=1e-9)[name]
    assert weight.shape == mask.shape and not weight[~mask].any() and not weight[0].any()
    x, _ = outputs(model, layer)
    patches = nn.functional.unfold(x, 3).transpose(1, 2).flatten(0, 1) if x.ndim == 4 else x
    live = patches.abs().sum(0) > 0  # an input that is always zero says nothing about its weight
    for row, kept, dense in zip(
        weight.flatten(1)[1:], mask.flatten(1)[1:], prunable(model)[name].detach().flatten(1)[1:], strict=True
    ):
        kept = kept & live
        expected = np.linalg.lstsq(
            patches[:, kept].double().numpy(), (patches @ dense).double().numpy(), rcond=None
        )[0]
        assert np.allclose(
            patches[:, kept].numpy() @ row[kept].numpy(), patches[:, kept].numpy() @ expected, atol=1e-3
        )


def test_saliency_is_the_output_error_of_removal_with_refit():
    model = tiny().eval()
    scores = layer_obs(model, data(100), damping=1e-8)["fc2.weight"]
    x, y = outputs(model, "fc2")
    for q in range(3):
        mask = torch.ones(3, 6, dtype=torch.bool)
        mask[1, q] = False
        pruned = copy.deepcopy(model)
        pruned.load_state_dict(refit(model, {"fc2.weight": mask}, data(100), damping=1e-8), strict=False)
        error = (pruned.fc2(x) - y).double().square().sum() / len(x)
        assert error.item() == pytest.approx(scores[1, q].item(), rel=1e-3, abs=1e-7)


def test_dead_inputs_are_damped_and_a_silent_layer_is_refused():
    images = data(100).tensors[0].clone()
    images[:, :, 0] = 0  # the first row of pixels is blank, as the border of MNIST
    model = nn.Sequential(nn.Flatten(), nn.Linear(100, 3)).eval()
    scores = layer_obs(model, TensorDataset(images))["1.weight"]
    assert torch.isfinite(scores).all() and scores[:, :10].max() < scores[:, 10:].median()
    with pytest.raises(ValueError, match="zero everywhere"):
        layer_obs(model, TensorDataset(torch.zeros(5, 1, 10, 10)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: layer_obs(tiny(), data(), damping=-1.0), ValueError, "damping"),
        (lambda: layer_obs(tiny()), TypeError, "dataset"),
        (lambda: refit(tiny(), {"fc9.weight": torch.ones(1, dtype=torch.bool)}, data()), ValueError, "fc9"),
        (
            lambda: refit(tiny(), {"bn1.weight": torch.ones(4, dtype=torch.bool)}, data()),
            ValueError,
            "a name in masks",
        ),
        (lambda: refit(tiny(), {"fc2.weight": torch.ones(3, 6)}, data()), TypeError, "bool"),
        (
            lambda: layer_hessians(nn.Sequential(nn.Conv2d(1, 2, 3, padding="same")), data()),
            ValueError,
            "padding",
        ),
    ],
)
def test_bad_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()

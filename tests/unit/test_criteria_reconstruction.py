import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.criteria import (
    layer_hessians,
    loss_changes,
    masked_loss,
    oracle,
    output_error,
    reconstruction_error,
    refit_layer,
    refit_model,
    unit_masks,
)
from prunelab.criteria.reconstruction import moments
from prunelab.masks import apply_masks
from prunelab.models import LeNet5BN


def small(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16, 6),
        nn.ReLU(),
        nn.Linear(6, 3),
    ).eval()


def data(n=60, seed=1):
    return TensorDataset(
        torch.randn(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed)), torch.arange(n) % 3
    )


def lstsq_error(x, weight, removed):
    """Return the squared error per example of fitting x @ weight.T without some columns; the damping is a few
    more rows of x.
    """
    damping = 1e-4 * (x**2).sum() / x.shape[1]
    x = np.concatenate([x, np.sqrt(damping) * np.eye(x.shape[1])])
    keep = [j for j in range(x.shape[1]) if j not in removed]
    y = x @ weight.T
    return ((y - x[:, keep] @ np.linalg.lstsq(x[:, keep], y, rcond=None)[0]) ** 2).sum() / 60


def patches(images, size):
    return images.unfold(2, size, 1).unfold(3, size, 1).permute(0, 2, 3, 1, 4, 5).flatten(0, 2).flatten(1)


def test_the_error_is_that_of_scratch_least_squares_for_a_convolution_and_behind_a_flatten():
    model, ds = small(), data()
    with torch.no_grad():
        pooled = model[:3](ds.tensors[0])
        x = patches(pooled, 2).double().numpy()
        flat = model[:6](ds.tensors[0]).double().numpy()
    scores = reconstruction_error(model, ds)
    for reader, read, source, units in ((model[3], x, "0.weight", 3), (model[6], flat, "3.weight", 4)):
        weight = reader.weight.detach().double().flatten(1).numpy()
        for unit in range(units):
            expected = lstsq_error(read, weight, range(4 * unit, 4 * unit + 4))
            assert float(scores[source][unit]) == pytest.approx(expected, rel=1e-6)
    plain = reconstruction_error(model, ds, refit=False)["3.weight"]
    for unit in range(4):
        lost = (
            flat[:, 4 * unit : 4 * unit + 4]
            @ model[6].weight.detach().double().numpy()[:, 4 * unit : 4 * unit + 4].T
        )
        assert float(plain[unit]) == pytest.approx((lost**2).sum() / 60, rel=1e-6)
    assert (scores["3.weight"] <= plain + 1e-5).all() and set(scores) == {"0.weight", "3.weight", "6.weight"}


def test_a_unit_that_another_can_stand_in_for_costs_nothing_after_a_refit_but_something_before():
    model, ds = small(), data()
    with torch.no_grad():
        model[0].weight[1], model[0].bias[1] = 2 * model[0].weight[0], 2 * model[0].bias[0]
    refitted = reconstruction_error(model, ds)["0.weight"].flatten()
    plain = reconstruction_error(model, ds, refit=False)["0.weight"].flatten()
    assert refitted[:2].max() < 2e-3 * plain[:2].min() and refitted[2] > 0.1 * plain[2]


def test_refit_of_a_layer_is_least_squares_row_by_row():
    g = torch.Generator().manual_seed(0)
    x, weight = torch.randn(200, 6, generator=g).double(), torch.randn(3, 6, generator=g).double()
    y = x @ torch.randn(6, 3, generator=g).double()
    mask = torch.rand(3, 6, generator=g) > 0.4
    mask[1] = mask[0]
    hessian, cross = 2 * x.T @ x / 200, 2 * x.T @ y / 200
    new = refit_layer(weight, mask, hessian, cross)
    for row in range(3):
        exact = np.linalg.lstsq(x[:, mask[row]].numpy(), y[:, row].numpy(), rcond=None)[0]
        np.testing.assert_allclose(new[row, mask[row]].numpy(), exact, atol=2e-3)
        assert not new[row, ~mask[row]].any()


def test_a_refit_with_everything_kept_gives_the_weights_back_also_with_inputs_that_are_always_zero():
    weight = torch.randn(3, 5)
    x = torch.randn(50, 5).double()
    x[:, 2] = 0
    hessian = 2 * x.T @ x / 50
    new = refit_layer(weight, torch.ones(3, 5, dtype=torch.bool), hessian, hessian @ weight.double().T)
    torch.testing.assert_close(new, weight)


def test_output_error_is_the_squared_difference_of_the_outputs():
    model, ds = small(), data()
    flat = model[:6](ds.tensors[0]).detach().double()
    other = model[6].weight.detach() * 0.5
    hessian = layer_hessians(model, ds)["6.weight"]
    direct = float(((flat @ (model[6].weight.detach() - other).double().T) ** 2).sum() / 60)
    assert output_error(model[6].weight, other, hessian) == pytest.approx(direct, rel=1e-9)


def test_refitting_a_model_lowers_its_output_error_keeps_the_zeros_and_leaves_the_dense_model_alone():
    model, ds = small(), data(200)
    before = [p.clone() for p in model.parameters()]
    masks = unit_masks(model, {"0.weight": torch.tensor([True, False, True]).view(3, 1, 1, 1)})
    masks["6.weight"] = torch.rand(6, 16, generator=torch.Generator().manual_seed(2)) > 0.5
    plain = small()
    apply_masks(plain, masks)
    fitted = refit_model(model, masks, ds)
    with torch.no_grad():
        dense, a, b = (m(ds.tensors[0]) for m in (model, plain, fitted))
    assert float((b - dense).norm()) < 0.9 * float((a - dense).norm())
    parameters = dict(fitted.named_parameters())
    assert all(not parameters[name][~mask.expand_as(parameters[name])].any() for name, mask in masks.items())
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))


def test_moments_take_inputs_of_the_pruned_and_outputs_of_the_dense_model():
    model, ds = small(), data()
    pruned = small(3)
    hessian, cross = moments(pruned, model, "6.weight", ds, 13)
    with torch.no_grad():
        x, y = (
            pruned[:6](ds.tensors[0]).double(),
            model[:6](ds.tensors[0]).double() @ model[6].weight.double().T,
        )
    torch.testing.assert_close(hessian, 2 * x.T @ x / 60)
    torch.testing.assert_close(cross, 2 * x.T @ y / 60)


def brute_loss(model, dataset, name, unit):
    clone = copy.deepcopy(model)
    layer = clone.get_submodule(name.removesuffix(".weight"))
    with torch.no_grad():
        layer.weight[unit], layer.bias[unit] = 0, 0
        return float(nn.functional.cross_entropy(clone(dataset.tensors[0]), dataset.tensors[1]))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.chain = small()
        self.inner, self.outer, self.relu = nn.Linear(3, 7), nn.Linear(7, 3), nn.ReLU()

    def forward(self, x):
        x = self.chain(x)
        return x + self.outer(self.relu(self.inner(x)))


@pytest.mark.parametrize("make", [small, Residual])
def test_the_oracle_is_the_loss_without_the_unit_minus_the_loss_with_it(make):
    torch.manual_seed(0)
    model, ds = make(), data(20)
    changes = loss_changes(model, ds, batch_size=12)
    base = float(nn.functional.cross_entropy(model(ds.tensors[0]), ds.tensors[1]).detach())
    for name, change in changes.items():
        for unit in range(len(change)):
            assert float(change[unit]) == pytest.approx(brute_loss(model, ds, name, unit) - base, abs=1e-5)
    absolute = oracle(model, ds, batch_size=12)
    assert all(torch.equal(absolute[name], change.abs()) for name, change in changes.items())
    one = loss_changes(model, ds, layers=[next(iter(changes))], batch_size=12)
    assert list(one) == list(changes)[:1] and torch.equal(one[list(one)[-1]], changes[list(one)[-1]])


def test_dropping_units_silences_bias_and_batchnorm_too():
    torch.manual_seed(0)
    model = LeNet5BN().eval()
    with torch.no_grad():
        model.bn1.bias.fill_(0.5)
    keep = torch.tensor([True, False, True, True, True, True]).view(6, 1, 1, 1)
    full = unit_masks(model, {"conv1.weight": keep})
    assert set(full) == {"conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias"}
    x = torch.randn(5, 1, 28, 28)
    apply_masks(model, full)
    maps = model.relu1(model.bn1(model.conv1(x)))
    assert not maps[:, 1].any() and maps[:, 0].any()


def test_a_loss_under_masks_is_the_oracles_loss_and_leaves_the_model_alone():
    model, ds = small(), data()
    keep = torch.tensor([True, False, True]).view(3, 1, 1, 1)
    base = float(nn.functional.cross_entropy(model(ds.tensors[0]), ds.tensors[1]).detach())
    rise = masked_loss(model, {"0.weight": keep}, ds) - base
    assert rise == pytest.approx(float(loss_changes(model, ds)["0.weight"][1]), abs=1e-6)
    assert model[0].weight[1].any()


def test_bad_input_is_refused():
    model, ds = small(), data()
    with pytest.raises(ValueError, match="reads the activations of another"):
        reconstruction_error(nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.Tanh(), nn.Linear(3, 3)), ds)
    with pytest.raises(ValueError, match="a name in layers must be one of"):
        loss_changes(model, ds, layers=["8.weight"])
    with pytest.raises(ValueError, match="one entry per unit"):
        unit_masks(model, {"0.weight": torch.ones(3, 1, 3, 3, dtype=torch.bool)})
    with pytest.raises(ValueError, match="a name in masks must be one of"):
        unit_masks(model, {"1.weight": torch.ones(3, dtype=torch.bool)})
    with pytest.raises(ValueError, match="a name in order must be one of"):
        refit_model(model, {}, ds, order=["5.weight"])
    square = torch.eye(4, dtype=torch.float64)
    for change, message in (
        ({"mask": torch.ones(2, 3, dtype=torch.bool)}, "mask must be a bool tensor"),
        ({"hessian": torch.eye(3)}, "hessian must have shape"),
        ({"cross": torch.ones(4, 3)}, "cross must have shape"),
    ):
        good = {
            "weight": torch.ones(2, 4),
            "mask": torch.ones(2, 4, dtype=torch.bool),
            "hessian": square,
            "cross": torch.ones(4, 2),
        }
        with pytest.raises(ValueError, match=message):
            refit_layer(**good | change)

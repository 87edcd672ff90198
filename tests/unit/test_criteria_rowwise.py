"""Optimal Brain Compression against a slow loop over obs_update and eliminate, brute force, and its own
promises."""

import itertools

import pytest
import torch
from criteria_models import data, tiny
from torch.utils.data import TensorDataset

from prunelab.criteria import eliminate, layer_hessians, obc, obc_layer, obs_saliency, obs_update, rowwise
from prunelab.criteria.second_order import damped


def problem(rows=3, inputs=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(40, inputs, generator=generator, dtype=torch.float64)
    x[:, -1] = x[:, 0] + 0.1 * x[:, -1]
    return torch.randn(rows, inputs, generator=generator, dtype=torch.float64), 2 * x.T @ x / 40


def step_by_step(weight, hessian, sparsity, damping):
    """One weight of the whole layer at a time: always that of the row in which the next removal costs
    least."""
    inverse = torch.linalg.inv(damped(hessian, damping))
    rows, inverses = [row.clone() for row in weight], [inverse.clone() for _ in weight]
    for _ in range(round(sparsity * weight.numel())):
        best = [obs_saliency(row, inv).min() for row, inv in zip(rows, inverses, strict=True)]
        i = int(torch.stack(best).argmin())
        q = int(obs_saliency(rows[i], inverses[i]).argmin())
        rows[i], inverses[i] = obs_update(rows[i], inverses[i], q), eliminate(inverses[i], q)
    return torch.stack(rows)


@pytest.mark.parametrize("sparsity", [0.0, 0.4, 0.7, 1.0])
def test_it_is_obs_one_weight_at_a_time(sparsity, monkeypatch):
    monkeypatch.setattr(rowwise, "COMPACT", 2)
    monkeypatch.setattr(rowwise, "ROWS", 2)
    weight, hessian = problem()
    found = obc_layer(weight, hessian, sparsity)
    expected = step_by_step(weight, hessian, sparsity, 1e-4)
    assert torch.allclose(found, expected, rtol=1e-6, atol=1e-9)
    assert int((found == 0).sum()) == round(sparsity * 18)


def test_a_row_that_loses_one_weight_loses_the_best_one():
    weight, hessian = problem(rows=1, inputs=7, seed=3)
    found = obc_layer(weight, hessian, 1 / 7, damping=1e-9)

    def error(new):
        change = new - weight
        return ((change @ hessian) * change).sum().item()

    best = []
    for kept in itertools.combinations(range(7), 6):
        kept = list(kept)
        trial = torch.zeros_like(weight)
        trial[0, kept] = torch.linalg.solve(hessian[kept][:, kept], (hessian @ weight[0])[kept])
        best.append(error(trial))
    assert error(found) == pytest.approx(min(best), rel=1e-5)


def test_every_layer_of_a_model_is_pruned_and_the_model_is_left_alone():
    model = tiny().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    hessians = layer_hessians(model, data())
    for name, weight in obc(model, TensorDataset(data().tensors[0]), 0.5).items():
        assert int((weight == 0).sum()) == round(0.5 * weight.numel())
        expected = step_by_step(before[name].double().flatten(1), hessians[name], 0.5, 1e-4)
        assert torch.allclose(weight.double().flatten(1), expected, rtol=1e-3, atol=1e-5)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: obc_layer(torch.ones(3), torch.eye(3), 0.5), ValueError, "weight"),
        (lambda: obc_layer(torch.ones(2, 3), torch.eye(2), 0.5), ValueError, "hessian"),
        (lambda: obc_layer(torch.ones(2, 3), torch.eye(3), 1.5), ValueError, "sparsity"),
        (lambda: obc_layer(torch.ones(2, 3), torch.eye(3), 0.5, damping=0.0), ValueError, "damping"),
        (lambda: obc_layer(torch.ones(2, 3), torch.zeros(3, 3), 0.5), ValueError, "zero everywhere"),
        (lambda: obc(tiny(), data(), "0.5"), TypeError, "sparsity"),
        (lambda: obc(tiny()), TypeError, "dataset"),
    ],
)
def test_bad_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()

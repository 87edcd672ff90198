"""OBD and OBS against autograd Hessians, brute force, scipy and their identities on quadratics."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from criteria_models import data, tiny
from scipy.optimize import minimize
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.utils.data import TensorDataset

from prunelab.criteria import (
    curvature_diagonal,
    eliminate,
    inverse_hessian,
    obd,
    obs,
    obs_saliency,
    obs_update,
)
from prunelab.masks import prunable


def quadratic(n=8, seed=0):
    """A random minimum: weights and a positive definite Hessian, so that the loss is dw.T H dw / 2."""
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(n, n, generator=generator, dtype=torch.float64)
    return torch.randn(n, generator=generator, dtype=torch.float64), root @ root.T + 0.1 * torch.eye(n)


def per_example_squares(model, images, classes):
    """The squared gradient of every example by vmap: what the layers' short cut has to equal."""
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def loss(parameters, image, label):
        return F.cross_entropy(functional_call(model, parameters, (image[None],)), label[None])

    return {
        name: g.double() ** 2
        for name, g in vmap(grad(loss), (None, 0, 0))(parameters, images, classes).items()
    }


def test_empirical_curvature_is_the_mean_squared_gradient_per_example():
    model = tiny().eval()
    expected = per_example_squares(model, *data().tensors)
    for name, h in curvature_diagonal(model, data(), curvature="empirical", batch_size=15).items():
        assert torch.allclose(h, expected[name].mean(0), rtol=1e-4, atol=1e-9)


def test_gauss_newton_weighs_the_classes_with_the_models_probabilities():
    model = tiny().eval()
    images = data().tensors[0]
    p = model(images).softmax(1).detach().double()
    expected = {name: torch.zeros_like(w, dtype=torch.float64) for name, w in prunable(model).items()}
    for c in range(3):
        squares = per_example_squares(model, images, torch.full((len(images),), c))
        for name in expected:
            expected[name] += (squares[name] * p[:, c].view(-1, *[1] * expected[name].ndim)).mean(0)
    for name, h in curvature_diagonal(model, TensorDataset(images), batch_size=15).items():
        assert torch.allclose(h, expected[name], rtol=1e-4, atol=1e-9)


def test_gauss_newton_of_a_linear_softmax_model_is_the_hessian_diagonal():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(100, 3))
    images, labels = data().tensors
    bias = model[1].bias.detach()
    exact = torch.autograd.functional.hessian(
        lambda w: F.cross_entropy(F.linear(images.flatten(1), w.view(3, 100), bias), labels),
        model[1].weight.detach().flatten(),
    )
    h = curvature_diagonal(model, data())["1.weight"].flatten()
    assert torch.allclose(h.float(), exact.diagonal(), rtol=1e-3, atol=1e-7)


def test_sampled_fisher_approaches_gauss_newton_and_is_seeded():
    model = tiny().eval()
    many = TensorDataset(*(t.repeat_interleave(25, 0) for t in data().tensors))
    exact, sampled = obd(model, data()), obd(model, many, curvature="fisher")
    total = sum(scores.sum() for scores in exact.values())
    assert torch.allclose(sum(scores.sum() for scores in sampled.values()), total, rtol=0.15)
    again, other = obd(model, data(), curvature="fisher"), obd(model, data(), curvature="fisher", seed=1)
    assert torch.equal(again["fc2.weight"], obd(model, data(), curvature="fisher")["fc2.weight"])
    assert not torch.equal(again["fc2.weight"], other["fc2.weight"])


def test_obd_is_the_exact_rise_of_a_quadratic_loss_when_one_weight_goes():
    weights, hessian = quadratic()
    for q in range(8):
        step = torch.zeros(8, dtype=torch.float64)
        step[q] = -weights[q]
        assert (step @ hessian @ step / 2).item() == pytest.approx(
            (hessian[q, q] * weights[q] ** 2 / 2).item(), rel=1e-12
        )


def test_obs_is_the_constrained_minimum_that_scipy_finds():
    weights, hessian = quadratic()
    inverse = torch.linalg.inv(hessian)
    saliency = obs_saliency(weights, inverse)
    h = hessian.numpy()
    for q in range(8):
        others = [i for i in range(8) if i != q]

        def rise(free, q=q, others=others):
            step = np.empty(8)
            step[q], step[others] = -weights[q].item(), free
            return step @ h @ step / 2, (h @ step)[others]

        found = minimize(rise, np.zeros(7), jac=True, method="BFGS", options={"gtol": 1e-10})
        assert found.fun == pytest.approx(saliency[q].item(), rel=1e-6)
        step = obs_update(weights, inverse, q) - weights
        assert np.allclose(step.numpy()[others], found.x, atol=1e-5)
        assert (weights + step)[q] == 0
        assert (step @ hessian @ step / 2).item() == pytest.approx(saliency[q].item(), rel=1e-9)
    assert (saliency <= hessian.diagonal() * weights**2 / 2 + 1e-12).all()


def test_obs_choice_differs_from_obd_and_magnitude():
    choices = []
    for seed in range(300):
        weights, hessian = quadratic(seed=seed)
        choices.append(
            [
                obs_saliency(weights, torch.linalg.inv(hessian)).argmin(),
                (hessian.diagonal() * weights**2).argmin(),
                weights.abs().argmin(),
            ]
        )
    obs_choice, obd_choice, magnitude_choice = torch.tensor(choices).T
    assert 0.05 < (obs_choice != obd_choice).float().mean() < 0.6
    assert 0.05 < (obs_choice != magnitude_choice).float().mean() < 0.6


def test_recursion_is_the_direct_inverse():
    rows = torch.randn(30, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    direct = torch.linalg.inv(rows.T @ rows / 30 + 1e-3 * torch.eye(6))
    assert torch.allclose(inverse_hessian(rows, 1e-3), direct, rtol=1e-9)


def test_elimination_is_the_inverse_of_the_smaller_hessian():
    weights, hessian = quadratic()
    smaller = eliminate(torch.linalg.inv(hessian), 3)
    rest = [0, 1, 2, 4, 5, 6, 7]
    assert torch.allclose(smaller[rest][:, rest], torch.linalg.inv(hessian[rest][:, rest]), rtol=1e-9)
    assert not smaller[3].any() and not smaller[:, 3].any()
    assert obs_saliency(weights, smaller)[3] == torch.inf
    assert torch.isfinite(obs_saliency(weights, smaller)[rest]).all()


def test_greedy_elimination_keeps_the_weights_of_the_best_fit():
    weights, hessian = quadratic()
    inverse, current, kept = torch.linalg.inv(hessian), weights, list(range(8))
    for q in (2, 5, 0):
        current, inverse = obs_update(current, inverse, q), eliminate(inverse, q)
        kept.remove(q)
    expected = torch.linalg.solve(hessian[kept][:, kept], (hessian @ weights)[kept])
    assert torch.allclose(current[kept], expected, rtol=1e-9) and not current[[0, 2, 5]].any()


def test_obs_of_a_model_uses_the_full_gauss_newton_matrix():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(100, 3)).eval()
    images, labels = data(60).tensors
    weight = model[1].weight.detach()
    hessian = torch.autograd.functional.hessian(
        lambda w: F.cross_entropy(
            F.linear(images.double().flatten(1), w.view(3, 100), model[1].bias.detach().double()), labels
        ),
        weight.double().flatten(),
    )
    damped = hessian + 1e-2 * hessian.diagonal().mean() * torch.eye(300)
    expected = weight.double().flatten() ** 2 / (2 * torch.linalg.inv(damped).diagonal())
    assert torch.allclose(obs(model, data(60), damping=1e-2)["1.weight"].flatten(), expected, rtol=1e-3)


def test_obs_is_at_most_damped_obd_with_the_same_curvature():
    model = tiny().eval()
    small, large = obs(model, data(), damping=1e-6), obd(model, data())
    assert all((small[name] <= large[name] * 1.01 + 1e-6).all() for name in small)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: obd(tiny(), data(), curvature="eigenvalues"), ValueError, "curvature"),
        (lambda: obd(tiny(), TensorDataset(data().tensors[0]), curvature="empirical"), ValueError, "labels"),
        (lambda: obs(tiny(), data(), damping=0), ValueError, "damping"),
        (lambda: obs(nn.Sequential(nn.Flatten(), nn.Linear(100, 30)), data()), ValueError, "2000"),
        (lambda: inverse_hessian(torch.ones(3), 1.0), ValueError, "rows"),
        (lambda: inverse_hessian(torch.ones(3, 2), "1"), TypeError, "damping"),
        (lambda: obs_saliency(torch.ones(3), torch.eye(2)), ValueError, "inverse"),
        (lambda: obs_update(torch.ones(3), torch.eye(3), 3), ValueError, "q must"),
        (lambda: obs_update(torch.ones(3), torch.eye(3), 1.0), TypeError, "q must"),
        (lambda: eliminate(eliminate(torch.eye(3), 1), 1), ValueError, "q=1"),
    ],
)
def test_bad_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_layers_it_cannot_handle_are_refused():
    grouped = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, groups=4), nn.Flatten(), nn.Linear(144, 3))
    shared = nn.Linear(3, 3)
    for model, message in (
        (grouped, "groups"),
        (nn.Sequential(nn.Flatten(), nn.Linear(100, 3), shared, shared), "twice"),
        (nn.Sequential(nn.Linear(10, 3), nn.Flatten(), nn.Linear(30, 3)), "inputs of a Linear"),
    ):
        with pytest.raises(ValueError, match=message):
            obd(model, data())

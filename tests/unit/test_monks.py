"""The MONK's problems against their counts, the network's derivatives against autograd, pruning against its
promises.
"""

import pytest
import torch
from scipy.optimize import minimize

from prunelab.monks import DECAY, HIDDEN, correct, fit, monk, outputs, prune, trained


def test_the_problems_have_their_known_sizes():
    for problem, positive in {1: 216, 2: 142, 3: 228}.items():
        inputs, targets = monk(problem)
        assert inputs.shape == (432, 18) and inputs.unique(dim=0).shape[0] == 432
        assert (inputs.sum(1) == 7).all() and int((targets > 0).sum()) == positive
    with pytest.raises(ValueError, match="problem"):
        monk(4)


def test_derivatives_are_those_of_autograd():
    inputs, _ = monk(1)
    weights = torch.randn(58, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda w: outputs(w, inputs[:20])[0], weights)
    assert torch.allclose(outputs(weights, inputs[:20])[1], jacobian)


def test_fit_finds_the_minimum_that_scipy_finds_and_keeps_the_mask():
    inputs, targets = monk(3)
    inputs, targets = inputs[::4], targets[::4]
    start = torch.randn(39, generator=torch.Generator().manual_seed(1), dtype=torch.float64) / 2
    mask = torch.ones(39, dtype=torch.bool)
    mask[[2, 20]] = False

    def loss(values):
        weights = torch.zeros(39, dtype=torch.float64)
        weights[mask] = torch.as_tensor(values)
        o, j = outputs(weights, inputs)
        gradient = j[:, mask].T @ (o - targets) / len(targets) + DECAY * weights[mask]
        return float(((o - targets) ** 2).mean() / 2 + DECAY * (weights**2).sum() / 2), gradient.numpy()

    fitted = fit(start, mask, inputs, targets, 300)
    assert not fitted[~mask].any()
    better = minimize(loss, fitted[mask].numpy(), jac=True, method="BFGS").fun
    assert loss(fitted[mask].numpy())[0] == pytest.approx(better, rel=0.05)


def test_pruning_removes_one_weight_at_a_time_and_keeps_every_example():
    weights, inputs, targets = trained(3, 0)
    assert (
        HIDDEN[3] == 2
        and len(weights) == 39
        and len(targets) == 122
        and correct(weights, inputs, targets) == 1
    )
    for criterion in ("OBS", "magnitude"):
        path = prune(weights, inputs, targets, criterion)
        assert [int(step.count_nonzero()) for step in path] == list(range(39, 38 - len(path) + 1, -1))
        assert all(correct(step, inputs, targets) == 1 for step in path)
        assert len(path) > 25
    with pytest.raises(ValueError, match="criterion"):
        prune(weights, inputs, targets, "luck")
    with pytest.raises(TypeError, match="seed"):
        trained(3, 0.5)

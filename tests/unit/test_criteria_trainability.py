"""Movement, GraSP and SynFlow against a training loop of our own, finite differences, all paths counted one
by one, and the conservation that SynFlow's paper proves."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from criteria_models import data, tiny
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.criteria import grasp, movement, synflow


def chain(*widths, seed=0):
    torch.manual_seed(seed)
    layers = [layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers[:-1]).eval()


def points(features=3, classes=2, n=20):
    generator = torch.Generator().manual_seed(5)
    return TensorDataset(torch.randn(n, features, generator=generator), torch.arange(n) % classes)


def test_movement_is_the_sum_of_weight_times_gradient_along_the_training():
    model, ds = chain(3, 4, 2), points()
    # one batch an epoch, so the order of the examples does not matter; SGD with momentum 0.9, cosine rate
    weights = {name: p.detach().clone().requires_grad_() for name, p in model.named_parameters()}
    speed, totals = {name: 0.0 for name in weights}, dict.fromkeys(weights, 0.0)
    for step in range(3):
        out = torch.func.functional_call(model, weights, (ds.tensors[0],))
        found = torch.autograd.grad(F.cross_entropy(out, ds.tensors[1]), list(weights.values()))
        rate = 0.1 * (1 + torch.cos(torch.tensor(torch.pi * step / 3))).item() / 2
        for (name, weight), g in zip(list(weights.items()), found, strict=True):
            totals[name] = totals[name] - weight.detach() * g
            speed[name] = 0.9 * speed[name] + g
            weights[name] = (weight - rate * speed[name]).detach().requires_grad_()
    scores = movement(model, ds, epochs=3, lr=0.1)
    lowest = min(totals[name].min() for name in scores)
    for name, score in scores.items():
        assert torch.allclose(score.float(), totals[name] - lowest, atol=1e-5)
    assert min(score.min() for score in scores.values()) == 0


def test_movement_prefers_the_weight_that_grows_to_the_larger_one_that_shrinks():
    # both inputs say the same, the first weight is small; the second reads noise
    x = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[0.1, 1.0], [-0.1, -1.0]]))
    score = movement(model, TensorDataset(x, (x[:, 0] < 0).long()), epochs=3, lr=0.1)["0.weight"]
    assert (score[:, 0] > score[:, 1]).all()


def test_grasp_is_the_fall_of_the_gradients_norm_by_finite_differences():
    model = tiny().eval().double()
    ds = TensorDataset(data().tensors[0].double(), data().tensors[1])
    weights = [p for name, p in model.named_parameters() if p.ndim > 1]

    def squared_norm():
        loss = F.cross_entropy(model(ds.tensors[0]), ds.tensors[1])
        return sum((g**2).sum() for g in torch.autograd.grad(loss, weights)).item()

    scores, step, falls = grasp(model, ds), 1e-5, []
    for q in range(6):
        flat = model.fc2.weight.data.view(-1)
        kept = flat[q].item()
        ends = []
        for sign in (-1, 1):
            flat[q] = kept * (1 + sign * step)
            ends.append(squared_norm())
        flat[q] = kept
        falls.append((ends[1] - ends[0]) / (2 * step) / 2)  # d |g|^2 / d gate is 2 w (H g)
    found = scores["fc2.weight"].flatten()[:6]
    expected = torch.tensor(falls, dtype=torch.float64)
    assert torch.allclose(found - found[0], expected - expected[0], rtol=1e-4, atol=1e-8)


def test_synflow_counts_every_path_through_a_weight():
    model = chain(3, 4, 2)
    first, last = model[0].weight.detach().abs().double(), model[2].weight.detach().abs().double()
    scores = synflow(model, points())
    for j, i in itertools.product(range(4), range(3)):
        paths = sum(first[j, i] * last[o, j] for o in range(2))
        assert scores["0.weight"][j, i].item() == pytest.approx(paths.item())
    for o, j in itertools.product(range(2), range(4)):
        paths = sum(first[j, i] * last[o, j] for i in range(3))
        assert scores["2.weight"][o, j].item() == pytest.approx(paths.item())


def test_synflow_is_conserved_from_layer_to_layer_and_blind_to_data_and_biases():
    model = chain(6, 5, 4, 3, seed=2)
    scores = synflow(model, points(6))
    sums = [score.sum().item() for score in scores.values()]
    assert sums == pytest.approx([sums[0]] * 3)
    with torch.no_grad():
        for layer in model[::2]:
            layer.bias += 3
            layer.weight *= -1
    again = synflow(model, TensorDataset(torch.randn(7, 6)))
    assert all(torch.allclose(again[name], scores[name]) for name in scores)


@pytest.mark.parametrize("name", ["movement", "grasp", "synflow"])
def test_what_is_not_finite_is_refused_in_words(name):
    model = tiny()
    nn.init.constant_(model.fc2.weight, torch.nan)
    with pytest.raises(FloatingPointError, match=r"not finite|NaN"):
        {"movement": movement, "grasp": grasp, "synflow": synflow}[name](model, data())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: movement(tiny(), data(), epochs=0), ValueError, "epochs"),
        (lambda: movement(tiny(), data(), lr=-1.0), ValueError, "lr"),
        (
            lambda: movement(tiny(), TensorDataset(torch.zeros(3, 4), torch.zeros(3).long())),
            ValueError,
            "fit",
        ),
        (lambda: grasp(tiny(), data(), batch_size=0), ValueError, "batch_size"),
        (lambda: grasp(tiny(), TensorDataset(data().tensors[0])), ValueError, "labels"),
        (lambda: synflow(tiny(), TensorDataset(torch.zeros(3, 4))), ValueError, "fit"),
    ],
)
def test_bad_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()

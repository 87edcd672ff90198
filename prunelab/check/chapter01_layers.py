"""Exercises of chapter 01: what penalties do, and where weights and work are."""

import copy
import math

import torch
from torch import nn

from prunelab.check.core import Case
from prunelab.check.draws import OwnConv2d
from prunelab.check.exercise import Exercise

# 1.6 penalised(weight, gradient, lr, strength)


def penalised(weight, gradient, lr, strength, shrink=None, decay=None):
    shrink = shrink or (lambda w, u, g: math.copysign(max(abs(u) - lr * strength, 0.0), u))
    decay = decay or (lambda w, g: w - lr * (g + strength * w))
    pairs = list(zip(weight.flatten().tolist(), gradient.flatten().tolist(), strict=True))
    first = [shrink(w, w - lr * g, g) for w, g in pairs]
    second = [decay(w, g) for w, g in pairs]
    return tuple(torch.tensor(values, dtype=weight.dtype).view(weight.shape) for values in (first, second))


def _sign(value):
    return (value > 0) - (value < 0)


def _edges_1_6():
    for about, weight, gradient, lr, strength in [
        ("very small weights", 1e-8 * torch.randn(2, 3), 1e-8 * torch.randn(2, 3), 0.5, 1e-8),
        ("very large weights", 1e8 * torch.randn(3, 2), 1e8 * torch.randn(3, 2), 0.5, 1e7),
        ("a single weight", torch.tensor([[-0.5]]), torch.tensor([[0.25]]), 0.5, 0.5),
    ]:
        yield Case(about, (weight, gradient, lr, strength))


def _cases_1_6():
    example = torch.tensor([0.5, -0.125, 0.25]), torch.tensor([1.0, 0.0, -1.0])
    for about, weight, gradient, lr, strength in [
        ("the example", *example, 0.25, 1.0),
        ("a (4, 5) weight", 0.1 * torch.randn(4, 5), torch.randn(4, 5), 0.1, 0.5),
        ("a (3, 2, 3, 3) convolution", 0.1 * torch.randn(3, 2, 3, 3), torch.randn(3, 2, 3, 3), 0.05, 0.8),
        ("a strength of 0: two ordinary steps", torch.randn(2, 6), torch.randn(2, 6), 0.1, 0.0),
        ("a gradient of 0: the penalties alone", torch.randn(9), torch.zeros(9), 0.5, 0.25),
        ("weights that are zero already", torch.zeros(4), torch.tensor([1.0, -1.0, 4.0, 0.0]), 0.5, 2.0),
        (
            "a step that ends exactly at the threshold",
            torch.tensor([0.75, -0.75, 0.5]),
            torch.tensor([1.0, -1.0, 0.0]),
            0.25,
            2.0,
        ),
        ("a strength that leaves nothing", 0.1 * torch.randn(5), 0.1 * torch.randn(5), 0.5, 4.0),
        ("float64", torch.randn(6, dtype=torch.float64), torch.randn(6, dtype=torch.float64), 0.3, 0.7),
    ]:
        yield Case(about, (weight, gradient, lr, strength))
    yield from _edges_1_6()


ex_1_6 = Exercise(
    "1.6",
    penalised,
    _cases_1_6,
    verified=(
        "weights of both signs, exact zeros, thresholds met exactly, no penalty, no gradient, both float"
        " types"
    ),
    hint=(
        "Take the step on the loss first. Then L1 moves each weight by lr * strength towards zero and stops"
        " there; L2 shrinks it."
    ),
    mistakes=[
        (
            (
                "With the sign of the weight in the gradient a weight jumps back and forth across zero and"
                " never rests on it."
            ),
            lambda w, g, lr, s: penalised(w, g, lr, s, shrink=lambda w, u, g: u - lr * s * _sign(w)),
        ),
        (
            "The weight crosses zero: shrinking by lr * strength stops there.",
            lambda w, g, lr, s: penalised(w, g, lr, s, shrink=lambda w, u, g: u - lr * s * _sign(u)),
        ),
        (
            "The pull towards zero is a step, too: how long is it? You forget the learning rate.",
            lambda w, g, lr, s: penalised(
                w, g, lr, s, shrink=lambda w, u, g: math.copysign(max(abs(u) - s, 0.0), u)
            ),
        ),
        (
            (
                "That is a hard threshold: what survives keeps its size. L1 pulls at every weight, the large"
                " ones too."
            ),
            lambda w, g, lr, s: penalised(w, g, lr, s, shrink=lambda w, u, g: u if abs(u) > lr * s else 0.0),
        ),
        (
            "You shrink before the step, so the gradient moves the zeros away again. Which comes last?",
            lambda w, g, lr, s: penalised(
                w, g, lr, s, shrink=lambda w, u, g: math.copysign(max(abs(w) - lr * s, 0.0), w) - lr * g
            ),
        ),
        (
            "The weights have lost their sign.",
            lambda w, g, lr, s: penalised(w, g, lr, s, shrink=lambda w, u, g: max(abs(u) - lr * s, 0.0)),
        ),
        (
            "Only positive weights shrink; a negative one moves up towards zero.",
            lambda w, g, lr, s: penalised(w, g, lr, s, shrink=lambda w, u, g: max(u - lr * s, 0.0)),
        ),
        (
            "The derivative of half the square is the weight itself. Where does your factor 2 come from?",
            lambda w, g, lr, s: penalised(w, g, lr, s, decay=lambda w, g: w - lr * (g + 2 * s * w)),
        ),
        (
            "The L2 pull is proportional to the weight before the step.",
            lambda w, g, lr, s: penalised(w, g, lr, s, decay=lambda w, g: (w - lr * g) * (1 - lr * s)),
        ),
        (
            "The L2 pull is part of the gradient, so the learning rate multiplies it, too.",
            lambda w, g, lr, s: penalised(w, g, lr, s, decay=lambda w, g: w - lr * g - s * w),
        ),
        ("Both are there, in the other order: L1 first.", lambda *a: penalised(*a)[::-1]),
    ],
)


# 1.7 weights_and_macs(model, image)


def weights_and_macs(
    model, image, biases=False, size=lambda x, y: y, count=lambda n, total: n / total if total else 0.0
):
    weights, macs = {"conv": 0, "linear": 0}, {"conv": 0, "linear": 0}
    x = image
    with torch.no_grad():
        for layer in _flat(model):
            y = layer(x)
            if isinstance(layer, nn.Conv2d | nn.Linear):
                kind = "conv" if isinstance(layer, nn.Conv2d) else "linear"
                n = math.prod(layer.weight.shape)
                weights[kind] += (
                    n
                    + (layer.out_channels if kind == "conv" else layer.out_features if biases else 0) * biases
                )
                places = math.prod(size(x, y).shape[2:]) if kind == "conv" else 1
                macs[kind] += n * places
            x = y
    return {
        kind: (count(weights[kind], sum(weights.values())), count(macs[kind], sum(macs.values())))
        for kind in weights
    }


def _flat(model):
    return [
        part for child in model for part in (_flat(child) if isinstance(child, nn.Sequential) else [child])
    ]


def _without_groups(model, image):
    whole = copy.deepcopy(model)
    for layer in _flat(whole):
        if isinstance(layer, nn.Conv2d) and layer.groups > 1:
            layer.weight = nn.Parameter(layer.weight.repeat(1, layer.groups, 1, 1))
            layer.groups = 1
    return weights_and_macs(whole, image)


def _edges_1_7():
    relu, flat = nn.ReLU, nn.Flatten
    for about, model, shape in [
        (
            "a kernel with gaps",
            nn.Sequential(nn.Conv2d(1, 2, 3, dilation=2), flat(), nn.Linear(24, 2)),
            (1, 1, 6, 10),
        ),
        (
            "one filter per channel, steps in one direction",
            nn.Sequential(nn.Conv2d(3, 6, (3, 1), stride=(2, 1), groups=3), relu(), nn.Conv2d(6, 2, (2, 4))),
            (1, 3, 9, 7),
        ),
        (
            "layers of a class of their own",
            nn.Sequential(OwnConv2d(1, 3, 2), relu(), nn.Sequential(flat(), nn.Sequential(nn.Linear(6, 5)))),
            (1, 1, 2, 3),
        ),
    ]:
        yield Case(about, (model, torch.randn(shape)))
    model = nn.Sequential(nn.Conv2d(1, 1, (1, 3), bias=False), flat(), nn.Linear(4, 2)).double()
    yield Case("one filter, float64", (model, torch.zeros(1, 1, 2, 4).double()))


def _cases_1_7():
    relu, pool, flat = nn.ReLU, nn.MaxPool2d, nn.Flatten
    inner = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), relu())
    for about, model, shape in [
        ("the example", nn.Sequential(nn.Conv2d(1, 2, 3), relu(), flat(), nn.Linear(32, 3)), (1, 1, 6, 6)),
        (
            "two convolutions with pooling",
            nn.Sequential(
                nn.Conv2d(1, 4, 5), relu(), pool(2), nn.Conv2d(4, 6, 3), relu(), flat(), nn.Linear(54, 7)
            ),
            (1, 1, 14, 14),
        ),
        (
            "steps of 2 and a rim",
            nn.Sequential(nn.Conv2d(2, 3, 3, stride=2, padding=1), relu(), flat(), nn.Linear(48, 5)),
            (1, 2, 8, 8),
        ),
        (
            "images and kernels that are not square",
            nn.Sequential(nn.Conv2d(1, 2, (1, 3)), relu(), flat(), nn.Linear(40, 2)),
            (1, 1, 5, 6),
        ),
        (
            "layers inside another, with BatchNorm",
            nn.Sequential(inner, flat(), nn.Linear(64, 9), relu(), nn.Linear(9, 2)).eval(),
            (1, 3, 4, 4),
        ),
        (
            "convolutions in two groups, no bias",
            nn.Sequential(nn.Conv2d(4, 6, 3, groups=2, bias=False), flat(), nn.Linear(24, 2, bias=False)),
            (1, 4, 4, 4),
        ),
        ("no convolution", nn.Sequential(flat(), nn.Linear(12, 5), relu(), nn.Linear(5, 2)), (1, 1, 3, 4)),
        ("no Linear layer", nn.Sequential(nn.Conv2d(1, 3, 2), relu(), nn.Conv2d(3, 2, 2)), (1, 1, 5, 5)),
    ]:
        yield Case(about, (model, torch.randn(shape)))
    yield from _edges_1_7()


ex_1_7 = Exercise(
    "1.7",
    weights_and_macs,
    _cases_1_7,
    verified="pooling, steps, rims, groups, inner modules, networks of one kind only",
    hint=(
        "A weight of a convolution is used once at every position of its output, one of a Linear layer once."
    ),
    mistakes=[
        (
            "A convolution slides: each of its weights is used at every position of the output.",
            lambda m, x: weights_and_macs(m, x, size=lambda x, y: y[:, :, :1, :1]),
        ),
        (
            "The positions to count are those of the output. The input has more where there is no rim.",
            lambda m, x: weights_and_macs(m, x, size=lambda x, y: x),
        ),
        ("Biases are neither weights nor multiplications.", lambda m, x: weights_and_macs(m, x, biases=True)),
        (
            "A share lies between 0 and 1.",
            lambda m, x: weights_and_macs(m, x, count=lambda n, total: n),
            lambda m, x: weights_and_macs(m, x, count=lambda n, total: 100 * n / total),
        ),
        (
            "The weights come first, the MACs second.",
            lambda m, x: {kind: pair[::-1] for kind, pair in weights_and_macs(m, x).items()},
        ),
        (
            "You have mixed up the two kinds.",
            lambda m, x: dict(zip(("linear", "conv"), weights_and_macs(m, x).values(), strict=True)),
        ),
        (
            "In a convolution with groups a filter reads a part of the channels only: weight.numel() knows.",
            _without_groups,
        ),
    ],
)

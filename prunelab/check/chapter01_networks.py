"""Exercises of chapter 01: a network's two numbers."""

import math

import torch
from torch import nn

from prunelab.check.core import Case
from prunelab.check.draws import OwnLinear
from prunelab.check.exercise import Exercise

# 1.4 sparsity_and_ratio(model)


def _counts(
    model,
    wanted=lambda module, name: isinstance(module, nn.Linear | nn.Conv2d) and name == "weight",
    nested=True,
):
    """Return (zeros, elements) of each wanted parameter."""
    return [
        (sum(value == 0 for value in parameter.flatten().tolist()), parameter.numel())
        for module in (model.modules() if nested else model.children())
        for name, parameter in module.named_parameters(recurse=False)
        if wanted(module, name)
    ]


def sparsity_and_ratio(model, **options):
    zeros, elements = map(sum, zip(*_counts(model, **options), strict=True))
    return zeros / elements, elements / (elements - zeros) if zeros < elements else math.inf


def _mean_of_layers(model):
    shares = [zeros / elements for zeros, elements in _counts(model)]
    sparsity = sum(shares) / len(shares)
    return sparsity, 1 / (1 - sparsity) if sparsity < 1 else math.inf


def _of_model(change):
    return lambda model: change(*sparsity_and_ratio(model))


def _edges_1_4():
    square = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    special = nn.Sequential(OwnLinear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    grouped = nn.Sequential(
        nn.Conv2d(4, 6, (1, 3), stride=2, groups=2), nn.Flatten(), nn.Linear(6, 4)
    ).double()
    with torch.no_grad():
        square[0].weight[1:] = 0
        square[2].weight[0] = 1e-9
        square[2].weight[1] = -1e9
        special[0].weight[:, 0] = 0
        grouped[0].weight[:, :, :, 0] = 0
        grouped[2].weight[0] *= 1e-12
    yield Case("two layers of one shape, one with weights that are small, but not zero", (square,))
    yield Case("a layer of a class of its own, made from nn.Linear", (special,))
    yield Case("a convolution in groups", (grouped,))


def _cases_1_4():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(14)
        inner = nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        models = [
            ("the example", nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), 0.5),
            (
                "two layers of very different size, biases zero",
                nn.Sequential(nn.Linear(40, 20), nn.Linear(20, 2)),
                0.8,
            ),
            (
                "convolutions with BatchNorm",
                nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 5, 2)),
                0.7,
            ),
            ("layers inside an inner module", nn.Sequential(inner, nn.Flatten(), nn.Linear(16, 3)), 0.4),
            ("a single layer", nn.Linear(6, 5), 0.3),
            (
                "an embedding, which is not pruned",
                nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(8, 3)),
                0.5,
            ),
            (
                "a Conv1d, which is neither kind",
                nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3)),
                0.5,
            ),
            ("nothing pruned", nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)), 0.0),
            (
                "everything pruned: the ratio is math.inf",
                nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)),
                1.0,
            ),
        ]
        yield from _with_zeros(models)
    yield from _edges_1_4()


def _with_zeros(models):
    for about, model, share in models:
        layers = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
        for i, layer in enumerate(layers):
            layer.weight.data[
                torch.rand(layer.weight.shape) < (share if share in (0, 1) else share / (i + 1))
            ] = 0
            if about.endswith("biases zero"):
                nn.init.zeros_(layer.bias)
        yield Case(about, (model,))


ex_1_4 = Exercise(
    "1.4",
    sparsity_and_ratio,
    _cases_1_4,
    verified="Linear and Conv2d weights alone, layers of any size and depth, a dense and an empty model",
    hint=(
        "Add up zeros and elements over the weights of all Linear and Conv2d layers; divide once, at the end."
    ),
    mistakes=[
        (
            (
                "You count biases or BatchNorm parameters. Only weights of Linear and Conv2d layers are"
                " pruned here."
            ),
            lambda model: sparsity_and_ratio(model, wanted=lambda module, name: True),
        ),
        (
            "A BatchNorm layer's parameter is called weight, too. Look at the kind of the layer.",
            lambda model: sparsity_and_ratio(model, wanted=lambda module, name: name == "weight"),
        ),
        (
            "You count the biases of the layers.",
            lambda model: sparsity_and_ratio(
                model, wanted=lambda module, name: isinstance(module, nn.Linear | nn.Conv2d)
            ),
        ),
        (
            (
                "The mean over layers lets a small layer weigh as much as a large one. Count elements over"
                " the whole model."
            ),
            _mean_of_layers,
        ),
        (
            "Some layers sit inside other modules. Which method of a module walks through all of them?",
            lambda model: sparsity_and_ratio(model, nested=False),
        ),
        ("The first number is the density. Sparsity counts the zeros.", _of_model(lambda s, r: (1 - s, r))),
        ("The ratio is upside down: before divided by after.", _of_model(lambda s, r: (s, 1 / r))),
        (
            "The ratio is not 1 / sparsity: at sparsity 0.9 a tenth is left.",
            _of_model(lambda s, r: (s, 1 / s if s else math.inf)),
        ),
        ("A sparsity lies between 0 and 1; yours is in percent.", _of_model(lambda s, r: (100 * s, r))),
        ("Both numbers are there, in the other order.", _of_model(lambda s, r: (r, s))),
        (
            (
                "Other layers have a weight of several dimensions, too, an embedding for one. Look at the"
                " kind of the layer."
            ),
            lambda model: sparsity_and_ratio(
                model, wanted=lambda module, name: name == "weight" and module.weight.ndim > 1
            ),
        ),
    ],
)

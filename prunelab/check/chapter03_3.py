"""Exercises of chapter 03.3: criteria that look at activations."""

import torch
from torch import nn

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 3.7 taylor_score(maps, gradients)


def taylor_score(maps, gradients):
    scores = []
    for c in range(maps.shape[1]):
        sizes = []
        for z, g in zip(maps[:, c].flatten(1).tolist(), gradients[:, c].flatten(1).tolist(), strict=True):
            sizes.append(abs(sum(a * b for a, b in zip(z, g, strict=True)) / len(z)))
        scores.append(sum(sizes) / len(sizes))
    return torch.tensor(scores, dtype=maps.dtype)


def _edges_3_7():
    for about, maps, gradients in [
        ("maps of both signs", torch.randn(5, 3, 2, 4), torch.randn(5, 3, 2, 4)),
        ("very small numbers", 1e-6 * torch.randn(3, 2, 2, 3), 1e-3 * torch.randn(3, 2, 2, 3)),
        ("very large numbers", 1e6 * torch.randn(3, 2, 2, 3), 1e3 * torch.randn(3, 2, 2, 3)),
        (
            "units of equal scores",
            torch.ones(2, 3, 1, 2),
            torch.tensor([1.0, -1, 2]).view(1, 3, 1, 1).expand(2, 3, 1, 2),
        ),
    ]:
        yield Case(about, (maps, gradients))


def _cases_3_7():
    maps = torch.tensor([[[[1.0, 2.0]], [[2.0, 0.0]]], [[[1.0, 2.0]], [[1.0, 1.0]]]])
    gradients = torch.tensor([[[[1.0, 1.0]], [[1.0, 5.0]]], [[[-1.0, -1.0]], [[3.0, 1.0]]]])
    yield Case("the example, two images that cancel in unit 0", (maps, gradients))
    for about, shape, dtype in [
        ("(6, 4, 3, 3) maps", (6, 4, 3, 3), torch.float32),
        ("maps that are not square, (5, 3, 2, 7)", (5, 3, 2, 7), torch.float32),
        ("a single image, (1, 4, 5, 5)", (1, 4, 5, 5), torch.float32),
        ("neurons: maps of one position, (8, 6, 1, 1), float64", (8, 6, 1, 1), torch.float64),
    ]:
        z = torch.randn(shape, dtype=dtype).clamp_min(0)
        g = torch.randn(shape, dtype=dtype)
        yield Case(about, (z, g))
    z = torch.rand(4, 3, 2, 2)
    z[:, 1] = 0
    g = torch.randn(4, 3, 2, 2)
    yield Case("a unit that is dead", (z, g))
    yield from _edges_3_7()


ex_3_7 = Exercise(
    "3.7",
    taylor_score,
    _cases_3_7,
    verified="examples that cancel, maps of any shape, neurons, a dead unit",
    hint="Which of the three axes is reduced before the absolute value, and which after it?",
    mistakes=[
        (
            (
                "Examples that pull in opposite directions cancel in your mean over the batch. Take the size"
                " of each example first."
            ),
            lambda z, g: (z * g).mean((2, 3)).mean(0).abs(),
            lambda z, g: (z * g).mean((0, 2, 3)).abs(),
        ),
        (
            (
                "You take the size at every position. The positions of one map belong to one unit: they are"
                " summed with their signs."
            ),
            lambda z, g: (z * g).abs().mean((0, 2, 3)),
        ),
        (
            (
                "Multiply position by position first, then take the mean over the map: the mean of a product"
                " is not the product of means."
            ),
            lambda z, g: (z.mean((2, 3)) * g.mean((2, 3))).abs().mean(0),
        ),
        ("A score is a size, never negative.", lambda z, g: (z * g).mean((2, 3)).mean(0)),
        (
            "The formula has the mean over the positions of a map, not the sum.",
            lambda z, g: (z * g).sum((2, 3)).abs().mean(0),
        ),
        (
            "The formula has the mean over the examples, not the sum.",
            lambda z, g: (z * g).mean((2, 3)).abs().sum(0),
        ),
        (
            "The absolute value is asked for, not the square.",
            lambda z, g: (z * g).mean((2, 3)).square().mean(0),
        ),
        (
            "The gradient alone says how steep the loss is. Removing the unit moves it by its activation.",
            lambda z, g: g.mean((2, 3)).abs().mean(0),
        ),
    ],
)


# 3.8 average_zeros(layer, images)


def average_zeros(layer, images):
    with torch.no_grad():
        output = layer(images)
    units = output.shape[1]
    shares = []
    for c in range(units):
        values = output[:, c].flatten().tolist()
        shares.append(sum(not value > 0 for value in values) / len(values))
    return torch.tensor(shares)


@torch.no_grad()
def _zeros(layer, images, dims, after=torch.relu):
    return (after(layer(images)) == 0).float().mean(dims)


def _all_but_units(layer):
    return (0, 2, 3) if isinstance(layer, nn.Conv2d) else 0


def _edges_3_8():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(380)
        layers = [
            (nn.Conv2d(2, 3, 3, stride=2, padding=1), torch.randn(2, 2, 6, 9)),
            (nn.Conv2d(4, 6, (1, 3), groups=2, dilation=2), torch.randn(3, 4, 5, 7)),
            (nn.Linear(3, 4).double(), torch.randn(6, 3).double()),
            (nn.Linear(2, 1), torch.randn(1, 2)),
        ]
    for layer, x in layers:
        about = f"{layer}, input {tuple(x.shape)}"
        yield Case(about, (layer, x))
    small = nn.Linear(1, 3, bias=False)
    with torch.no_grad():
        small.weight.copy_(torch.tensor([[1.0], [-1.0], [0.5]]))
    yield Case(
        "outputs that are small, but not zero",
        (small, torch.tensor([[1e-3], [-1e-9], [1e-12], [1e9], [0.0]])),
    )


def _cases_3_8():
    example = nn.Linear(2, 3)
    with torch.no_grad():
        example.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -1.0], [1.0, 1.0]]))
        example.bias.copy_(torch.tensor([0.0, -9.0, 0.5]))
    images = torch.tensor([[1.0, 2.0], [-1.0, 0.0], [0.0, 3.0], [-2.0, -1.0]])
    yield Case("the example, four inputs and a dead neuron", (example, images))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(38)
        layers = [
            nn.Conv2d(1, 4, 3),
            nn.Linear(6, 5),
            nn.Conv2d(2, 3, (2, 3), bias=False),
            nn.Conv2d(1, 2, 3),
        ]
    inputs = [(9, 1, 7, 7), (20, 6), (4, 2, 5, 8), (1, 1, 6, 6)]
    with torch.no_grad():
        layers[3].bias.copy_(torch.tensor([50.0, -50.0]))
    abouts = (
        "a convolution",
        "neurons",
        "a kernel that is not square, without bias",
        "one image, a unit always on and one never",
    )
    for about, layer, shape in zip(abouts, layers, inputs, strict=True):
        x = torch.randn(shape)
        yield Case(about, (layer, x))
    yield from _edges_3_8()


ex_3_8 = Exercise(
    "3.8",
    average_zeros,
    _cases_3_8,
    verified="convolutions and neurons, dead units, units that are always on, layers without a bias",
    hint="Run the layer, apply the ReLU, mark the zeros, and average over everything but the units.",
    mistakes=[
        (
            "You count zeros in front of the ReLU, where almost no value is exactly zero.",
            lambda m, x: _zeros(m, x, _all_but_units(m), after=lambda y: y),
        ),
        (
            "That is how often the unit is awake. APoZ is high for a unit that sleeps.",
            lambda m, x: 1 - _zeros(m, x, _all_but_units(m)),
        ),
        (
            "A share between 0 and 1 is asked for; yours is in percent.",
            lambda m, x: 100 * _zeros(m, x, _all_but_units(m)),
        ),
        (
            (
                "One number per unit is asked for. Yours has one per example: axis 0 is the batch, axis 1 the"
                " units."
            ),
            lambda m, x: _zeros(m, x, (1, 2, 3) if isinstance(m, nn.Conv2d) else 1),
        ),
        (
            "You ask whether a whole map is black. Every position counts on its own.",
            lambda m, x: (
                (torch.relu(m(x)).flatten(2).amax(2) == 0).float().mean(0)
                if isinstance(m, nn.Conv2d)
                else _zeros(m, x, 0)
            ),
        ),
        (
            "You average the map before you count. Every position counts on its own, after the ReLU.",
            lambda m, x: (
                (torch.relu(m(x).flatten(2).mean(2)) == 0).float().mean(0)
                if isinstance(m, nn.Conv2d)
                else _zeros(m, x, 0)
            ),
        ),
        (
            "You count zeros in the weights. APoZ looks at what the unit sends on data.",
            lambda m, x: (m.weight == 0).float().flatten(1).mean(1),
        ),
    ],
)

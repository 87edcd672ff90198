"""Exercises of chapter 03.4: energy, and the best of N."""

import math

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 3.9 energy_order(layers, mac, dram, batch)


def _energy(layer, mac, dram, batch):
    macs, weights, activations = layer
    return macs * mac + (weights / batch + activations) * dram


def energy_order(layers, mac, dram, batch, energy=_energy):
    return sorted(layers, key=lambda name: -energy(layers[name], mac, dram, batch))


def _edges_3_9():
    near = {"b": (100_000_000, 0, 0), "c": (100_000_001, 0, 0), "a": (99_999_999, 0, 0)}
    yield Case("layers that differ by one in a hundred million", (near, 1.0, 1.0, 1))
    tied = {"z": (4, 0, 2), "m": (4, 0, 2), "x": (9, 0, 9), "a": (4, 0, 2)}
    yield Case("equal layers whose names do not rise", (tied, 1.0, 1.0, 1))
    parts = {"b": (10, 1, 0), "a": (10, 2, 0)}
    yield Case("layers that differ by a fraction", (parts, 1.0, 0.25, 1))
    yield Case("one layer", ({"fc": (0, 5, 0)}, 0.5, 0.25, 3))
    fetched, multiplied = {"b": (19, 0, 0), "a": (10, 0, 40)}, {"b": (0, 0, 19), "a": (40, 0, 10)}
    yield Case("a fetch that costs a quarter of a MAC", (fetched, 1.0, 0.25, 1))
    yield Case("a MAC that costs a quarter of a fetch", (multiplied, 0.25, 1.0, 1))


def _cases_3_9():
    lenet = {
        "conv1": (86_400, 150, 4_240),
        "conv2": (153_600, 2_400, 1_888),
        "fc1": (30_720, 30_720, 376),
        "fc2": (10_080, 10_080, 204),
    }
    yield Case("the example, one image", (lenet, 1.0, 200.0, 1))
    yield Case("the example, a batch of 64", (lenet, 1.0, 200.0, 64))
    yield Case("the example, free memory", (lenet, 1.0, 0.0, 1))
    tied = {"a": (10, 5, 5), "b": (20, 5, 5), "c": (10, 5, 5)}
    yield Case("two layers that cost the same keep their order", (tied, 1.0, 1.0, 1))
    near = {"b": (10, 6, 1), "a": (10, 7, 1)}
    yield Case("a share of a fetch that is no whole number", (near, 1.0, 1.0, 4))
    for batch in (1, 2, 8, 32):
        numbers = torch.randint(1, 1000, (8, 3)) * torch.tensor([10, 4, 1])
        layers = {f"layer{i}": tuple(row) for i, row in enumerate(numbers.tolist())}
        yield Case(f"8 random layers, batch {batch}", (layers, 0.5, 3.0, batch))
    yield from _edges_3_9()


ex_3_9 = Exercise(
    "3.9",
    energy_order,
    _cases_3_9,
    verified="three machines, ties, random layers and batches",
    hint="Compute one number per layer from the formula, then sort the names by it, largest first.",
    mistakes=[
        (
            "The most expensive layer comes first.",
            lambda la, m, d, b: energy_order(la, m, d, b)[::-1],
            lambda la, m, d, b: sorted(la, key=lambda n: _energy(la[n], m, d, b)),
        ),
        (
            "The images of a batch share one fetch of every weight.",
            lambda la, m, d, b: energy_order(la, m, d, 1),
        ),
        (
            "Only the weights are shared by a batch. Every image has activations of its own.",
            lambda la, m, d, b: energy_order(
                la, m, d, b, lambda x, m, d, b: x[0] * m + (x[1] + x[2]) / b * d
            ),
        ),
        (
            "That is the order of the MACs. Weights and activations cost, too: dram for each that moves.",
            lambda la, m, d, b: sorted(la, key=lambda n: -la[n][0]),
        ),
        (
            "Activations are moved as well: inputs and outputs cost one access each.",
            lambda la, m, d, b: energy_order(la, m, d, b, lambda x, m, d, b: x[0] * m + x[1] / b * d),
        ),
        ("That is the order of the network. Sort by energy.", lambda la, m, d, b: list(la)),
        (
            "The share of a fetch need not be a whole number: divide with /.",
            lambda la, m, d, b: energy_order(
                la, m, d, b, lambda x, m, d, b: x[0] * m + (x[1] // b + x[2]) * d
            ),
        ),
    ],
)


# 3.10 expected_best(losses, n)


def expected_best(losses, n):
    total = math.comb(len(losses), n)
    return sum(
        value * math.comb(len(losses) - i - 1, n - 1) / total for i, value in enumerate(sorted(losses))
    )


def _with_replacement(losses, n):
    size = len(losses)
    return sum(
        v * (((size - i) / size) ** n - ((size - i - 1) / size) ** n) for i, v in enumerate(sorted(losses))
    )


def _edges_3_10():
    yield Case("some of the lowest losses equal", ([0.25, 0.75, 0.25, 1.5, 0.25, 0.5], 3))
    yield Case("losses far from one", ([5e8, -2e9, 1e9, 3e9], 2))
    yield Case("losses below zero alone", ([-0.5, -3.0, -0.25], 2))


def _cases_3_10():
    yield Case("the example, 2 of 3 losses", ([3.0, 1.0, 2.0], 2))
    for size, n in ((5, 3), (8, 1), (8, 8), (30, 4), (200, 20)):
        losses = (2 + torch.randn(size, dtype=torch.float64)).tolist()
        yield Case(f"{n} of {size} random losses", (losses, n))
    yield Case("a single loss", ([0.75], 1))
    yield Case("losses of both signs", ([-1.5, 2.0, 0.0, -0.25], 3))
    yield Case("equal losses", ([0.5, 0.5, 0.25, 0.5], 2))
    yield from _edges_3_10()


ex_3_10 = Exercise(
    "3.10",
    expected_best,
    _cases_3_10,
    verified="one draw, all draws, large lists, equal losses",
    hint=(
        "Sort the losses. In how many of the choices of n is the i-th smallest the lowest? math.comb counts"
        " them."
    ),
    mistakes=[
        (
            "That is the best of all candidates. Only n of them are looked at, and you do not know which.",
            lambda x, n: min(x),
        ),
        (
            "That is one of the losses, the best of one choice of n. The mean over all choices is asked for.",
            lambda x, n: min(x[:n]),
        ),
        (
            "That is what one draw gives on average. With n draws the lowest of them counts.",
            lambda x, n: sum(x) / len(x),
        ),
        (
            "That is the mean of the n lowest. The lowest of n random ones is another thing.",
            lambda x, n: sum(sorted(x)[:n]) / n,
        ),
        (
            "Losses: the best is the lowest. Yours is the expected largest.",
            lambda x, n: -expected_best([-v for v in x], n),
        ),
        (
            "Your n draws may hit the same candidate twice. Here n different candidates are chosen.",
            _with_replacement,
        ),
        (
            (
                "You return an expected rank. The expected loss is asked for: weight each loss with its"
                " probability."
            ),
            lambda x, n: expected_best(list(range(len(x))), n) + 1,
        ),
    ],
)

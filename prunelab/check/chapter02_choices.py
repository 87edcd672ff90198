"""Exercises of chapter 02: the coarsest shape within a budget."""

import math

import torch

from prunelab.check.core import Case
from prunelab.check.draws import lowest
from prunelab.check.exercise import Exercise

# 2.6 coarsest(weight, sparsity, budget)


ORDER = [
    "weight",
    "vector",
    "kernel",
    "filter",
]  # from fine to coarse, by the number of dimensions a group spans: 0 to 3


def _kept_share(weight, spans, sparsity, power=2, rank=2):
    groups = weight.reshape(-1, math.prod(weight.shape[weight.ndim - spans :])).tolist()
    scores = [sum(abs(value) ** rank for value in group) for group in groups]
    pruned = set(lowest(scores, round(sparsity * len(groups))))
    shares = [sum(abs(value) ** power for value in group) for group in groups]
    return sum(share for i, share in enumerate(shares) if i not in pruned) / sum(shares)


def coarsest(weight, sparsity, budget, power=2, strict=False, rank=2):
    shares = [_kept_share(weight, spans, sparsity, power, rank) for spans in range(4)]
    meeting = [
        name
        for name, share in zip(ORDER, shares, strict=True)
        if (share > budget if strict else share >= budget)
    ]
    return meeting[-1] if meeting else "dense"


def _finest(weight, sparsity, budget):
    return "weight" if coarsest(weight, sparsity, budget) != "dense" else "dense"


def _edges_2_6():
    for about, weight, sparsity, budget in [
        (
            "three equal filters of which none goes, and a quarter of the weights would",
            torch.ones(3, 1, 2, 2),
            0.1,
            0.95,
        ),
        ("kernels that are not square", torch.randn(4, 3, 2, 5), 0.5, 0.8),
        (
            "one column of every kernel is strong",
            torch.randn(3, 4, 5, 2) * torch.tensor([3.0, 0.01]),
            0.5,
            0.6,
        ),
        ("very small weights", 1e-9 * torch.randn(5, 4, 2, 3), 0.5, 0.7),
        ("very large weights", 1e9 * torch.randn(5, 4, 2, 3), 0.3, 0.8),
        (
            "float64, some filters zero",
            torch.randn(6, 2, 3, 3).double() * torch.tensor([0, 1, 0, 1, 0, 1.0]).view(6, 1, 1, 1),
            0.5,
            1.0,
        ),
        ("a single filter", torch.randn(1, 3, 2, 2), 0.4, 0.95),
        ("nothing goes", torch.randn(3, 2, 3, 3), 0.0, 1.0),
        ("everything goes", torch.randn(3, 2, 3, 3), 1.0, 0.5),
    ]:
        yield Case(about, (weight, sparsity, budget))


def _cases_2_6():
    plain = torch.randn(8, 4, 3, 3)
    scales = {
        "filter": (torch.arange(8.0) % 2 + 0.05).view(8, 1, 1, 1),
        "kernel": (torch.arange(32.0) % 2 + 0.05).view(8, 4, 1, 1)[:, torch.randperm(4)],
        "vector": ((torch.arange(96.0) * 7 % 12) % 2 + 0.05).view(8, 4, 3, 1),
        "weight": torch.ones(1, 1, 1, 1),
    }
    spikes = torch.full((8, 4, 3, 3), 0.5)
    spikes[::2] = 0
    spikes[::2, 1, 1, 1] = -9
    for about, weight, sparsity, budget in [
        ("filters of very different size, sparsity 0.5, budget 0.9", plain * scales["filter"], 0.5, 0.9),
        ("kernels of very different size, sparsity 0.5, budget 0.9", plain * scales["kernel"], 0.5, 0.9),
        ("no structure at all, sparsity 0.75, budget 0.5", plain, 0.75, 0.5),
        ("vectors of very different size, sparsity 0.5, budget 0.9", plain * scales["vector"], 0.5, 0.9),
        ("no structure at all, sparsity 0.5, budget 0.9", plain, 0.5, 0.9),
        ("no structure at all, sparsity 0.9, budget 0.9", plain, 0.9, 0.9),
        ("no structure at all, sparsity 0.25, budget 0.75", plain, 0.25, 0.75),
        ("no structure at all, sparsity 0.5, budget 0.6", plain, 0.5, 0.6),
        ("weights of one size, sparsity 0.25: the budget 0.75 is met exactly", plain.sign(), 0.25, 0.75),
        (
            "filters with one large weight beside filters of many small ones, sparsity 0.5, budget 0.85",
            spikes,
            0.5,
            0.85,
        ),
        *(
            (f"random weights, sparsity {s}, budget {b}", torch.randn(6, 5, 3, 3), s, b)
            for s, b in _DRAWS_2_6
        ),
    ]:
        yield Case(about, (weight, sparsity, budget))
    yield from _edges_2_6()


_DRAWS_2_6 = [
    (0.3, 0.85),
    (0.3, 0.95),
    (0.6, 0.5),
    (0.6, 0.6),
    (0.75, 0.4),
    (0.75, 0.5),
    (0.5, 0.7),
    (0.5, 0.8),
    (0.2, 0.9),
]


ex_2_6 = Exercise(
    "2.6",
    coarsest,
    _cases_2_6,
    verified="weights with and without structure, budgets met by every shape, by some, exactly, and by none",
    hint=(
        "For each granularity, from fine to coarse: scores, mask, squares of the kept weights over squares of"
        " all."
    ),
    mistakes=[
        ("That one meets the budget, but a coarser one may meet it as well. Try them all.", _finest),
        ("You add up magnitudes. Energy is the sum of squares.", lambda w, s, b: coarsest(w, s, b, power=1)),
        (
            (
                "You rank groups by the L1 norm. The L2 norm was asked for: its square is the energy of the"
                " group."
            ),
            lambda w, s, b: coarsest(w, s, b, rank=1),
        ),
        (
            "You compare a root with the budget. Energy is the sum of squares, without the root.",
            lambda w, s, b: coarsest(w, s, math.sqrt(b)),
        ),
        (
            "You compare norms with the budget. Energy is the sum of squares, without the root.",
            lambda w, s, b: coarsest(w, s, b**2),
        ),
        ("Is the budget what is kept, or what may be lost?", lambda w, s, b: coarsest(w, s, 1 - b)),
        ("The coarsest of all is not the answer if it misses the budget.", lambda w, s, b: ORDER[-1]),
        (
            "Here not even single weights meet the budget: the answer is 'dense'.",
            lambda w, s, b: ORDER[0] if coarsest(w, s, b) == "dense" else coarsest(w, s, b),
        ),
        ("A share equal to the budget meets it.", lambda w, s, b: coarsest(w, s, b, strict=True)),
    ],
)

"""Exercises of chapter 02: patterns of kernels."""

import itertools

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 2.3 pattern_mask(weight, patterns)


def pattern_mask(weight, patterns, energy=lambda v: v * v, better=max, shared=False, by_filter=False):
    tables = [pattern.flatten().tolist() for pattern in patterns]
    mask = torch.zeros(weight.shape, dtype=torch.bool)
    for o, i in itertools.product(range(weight.shape[0]), range(weight.shape[1])):
        part = weight if shared else weight[o] if by_filter else weight[o, i]
        kernels = part.reshape(-1, len(tables[0])).tolist()
        kept = [
            sum(energy(v) for kernel in kernels for v, k in zip(kernel, table, strict=True) if k)
            for table in tables
        ]
        mask[o, i] = patterns[kept.index(better(kept))]
    return mask


def _corners():
    corners = torch.zeros(4, 3, 3, dtype=torch.bool)
    for p, (i, j) in enumerate(itertools.product((0, 1), (0, 1))):
        corners[p, i : i + 2, j : j + 2] = True
    return corners


def _edges_2_3():
    corners = _corners()
    some = torch.ones(2, 3, 3, 3)
    some[0, 0, 2, 2], some[1, 1, 0, 0] = 1.5, -1.25
    thin = torch.tensor([[[1, 0, 0, 1]], [[0, 1, 1, 0]]], dtype=torch.bool)
    for about, weight, patterns in [
        ("kernels of which some have a best pattern and some have two", some, corners),
        ("very small weights", 1e-9 * torch.randn(3, 2, 3, 3), corners),
        ("very large weights", 1e9 * torch.randn(2, 3, 3, 3), corners),
        ("one filter, one channel, kernels of one row", torch.tensor([[[[1.0, -1.5, 0.5, 1.5]]]]), thin),
        ("patterns of different numbers of weights", torch.randn(4, 3, 3, 3), torch.rand(4, 3, 3) < 0.5),
    ]:
        yield Case(about, (weight, patterns))


def _cases_2_3():
    corners, lines = _corners(), torch.eye(3, dtype=torch.bool)[:, :, None].expand(3, 3, 3).clone()
    example = torch.tensor(
        [
            [
                [[0.9, 0.1, 0.0], [0.2, 0.8, 0.1], [0.0, 0.1, 0.3]],
                [[0.0, 0.1, -0.9], [0.1, 0.2, 0.4], [0.5, 0.0, 0.1]],
            ]
        ]
    )
    uneven = torch.tensor(
        [[[1, 0, 0], [0, 0, 0], [0, 0, 0]], [[0, 1, 1], [0, 1, 1], [0, 0, 0]]], dtype=torch.bool
    )
    for about, weight, patterns in [
        ("the example: two kernels, four patterns", example, corners),
        ("a (4, 3, 3, 3) convolution", torch.randn(4, 3, 3, 3), corners),
        ("a (2, 5, 3, 3) convolution, patterns that keep a row", torch.randn(2, 5, 3, 3), lines),
        (
            "one large weight against four small ones",
            torch.tensor([[[[2.0, 1.1, 1.1], [0.0, 1.1, -1.1], [0.0, 0.0, 0.0]]]]),
            uneven,
        ),
        (
            "the same, a little smaller",
            torch.tensor([[[[2.5, 1.1, 1.1], [0.0, 1.1, -1.1], [0.0, 0.0, 0.0]]]]),
            uneven,
        ),
        (
            "weights of both signs that cancel",
            torch.tensor([[[[3.0, -3.0, 1.0], [3.0, -3.0, 1.0], [0.0, 0.0, 0.0]]]]),
            corners,
        ),
        ("equal kernels: the first of the best patterns", torch.ones(2, 2, 3, 3), corners),
        ("kernels of zeros", torch.zeros(1, 2, 3, 3), corners),
        ("a single pattern", torch.randn(2, 2, 3, 3), corners[2:3]),
        ("kernels that are not square", torch.randn(3, 2, 2, 4), torch.rand(5, 2, 4) < 0.5),
        ("float64", torch.randn(3, 3, 3, 3, dtype=torch.float64), lines),
    ]:
        yield Case(about, (weight, patterns))
    yield from _edges_2_3()


ex_2_3 = Exercise(
    "2.3",
    pattern_mask,
    _cases_2_3,
    verified="libraries of one to five patterns, several kernel shapes, ties, zeros, both float types",
    hint=(
        "For each kernel and each pattern: the sum of the squares that stay. The pattern with the largest sum"
        " is the mask."
    ),
    mistakes=[
        (
            "You choose one pattern for the whole layer. Each kernel has its own.",
            lambda *a: pattern_mask(*a, shared=True),
        ),
        (
            "You choose one pattern per filter. Each kernel W[o, i] has its own.",
            lambda *a: pattern_mask(*a, by_filter=True),
        ),
        ("You add magnitudes. Energy is the sum of squares.", lambda *a: pattern_mask(*a, energy=abs)),
        ("Weights of both signs cancel in a plain sum.", lambda *a: pattern_mask(*a, energy=float)),
        ("You choose the pattern that keeps least.", lambda *a: pattern_mask(*a, better=min)),
        ("True means kept: you return what the pattern removes.", lambda *a: ~pattern_mask(*a)),
        ("That is the weight. The mask was asked for.", lambda w, p: w * pattern_mask(w, p)),
        (
            "Of equally good patterns the first is asked for.",
            lambda w, p: pattern_mask(w, p.flip(0)),
        ),
    ],
)

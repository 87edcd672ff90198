"""Exercises of chapter 06: N:M patterns."""

import math

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 6.1 remainder_mask(weight, n, m)


def _keep(group, n, size=abs, last_first=True):
    order = sorted(range(len(group)), key=lambda i: (size(group[i]), i if last_first else -i))
    return [i in order[max(0, len(group) - n) :] for i in range(len(group))]


def remainder_mask(weight, n, m, size=abs, last_first=True):
    return torch.tensor(
        [
            [kept for s in range(0, len(row), m) for kept in _keep(row[s : s + m], n, size, last_first)]
            for row in weight.tolist()
        ]
    )


def _flat(weight, n, m):
    flat = weight.flatten().tolist()
    return torch.tensor([kept for s in range(0, len(flat), m) for kept in _keep(flat[s : s + m], n)]).view(
        weight.shape
    )


def _remainder(weight, n, m, kept):
    mask = remainder_mask(weight, n, m)
    if weight.shape[1] % m:
        mask[:, -(weight.shape[1] % m) :] = kept
    return mask


def _thresholded(weight, n, m):
    rows = []
    for row in weight.tolist():
        groups = [row[s : s + m] for s in range(0, len(row), m)]
        rows.append([abs(v) > (sorted(map(abs, g))[-n - 1] if n < len(g) else -1) for g in groups for v in g])
    return torch.tensor(rows)


def _edges_6_1():
    for about, weight, n, m in [
        (
            "magnitudes that are nearly equal, 1:2",
            torch.tensor([[0.50005, 0.5, -0.5], [0.5, -0.50005, 0.0]]),
            1,
            2,
        ),
        (
            "float64 that differ in the last digits, 1:2",
            torch.tensor([[1 + 1e-12, 1.0, 1.0]], dtype=torch.float64),
            1,
            2,
        ),
        ("very small weights, 2:4", 1e-9 * torch.randn(3, 7), 2, 4),
        ("very large weights, 2:4", 1e9 * torch.randn(3, 6), 2, 4),
        ("some magnitudes equal, 2:5", torch.tensor([[2.0, 1, -1, 1, 3, -1, 1]]), 2, 5),
        ("a single weight, 1:1", torch.tensor([[-0.5]]), 1, 1),
    ]:
        yield Case(about, (weight, n, m))


def _cases_6_1():
    example = torch.tensor([[0.9, -0.1, 0.4, 0.2, 0.5, -0.6], [0.3, -0.8, 0.1, 0.0, 0.2, 0.7]])
    ties = torch.randint(-2, 3, (6, 11)).float()
    for about, weight, n, m in [
        ("the example, 1:4", example, 1, 4),
        ("a (3, 8) weight, 2:4", torch.randn(3, 8), 2, 4),
        ("a (5, 10) weight, 2:4: the last group has two members", torch.randn(5, 10), 2, 4),
        ("a (4, 11) weight, 1:4: the last group has three members", torch.randn(4, 11), 1, 4),
        ("a (4, 9) weight, 3:8: the last group has one member", torch.randn(4, 9), 3, 8),
        ("a (4, 10) weight, 3:8: the last group has two members", torch.randn(4, 10), 3, 8),
        ("weights with many ties, 2:4", ties, 2, 4),
        ("all weights equal, 2:3", torch.ones(2, 7), 2, 3),
        ("a single row of 3, 2:4", torch.randn(1, 3), 2, 4),
        ("4:4 keeps everything, zeros too", torch.tensor([[0.0, 1.0, 0.0, -2.0, 0.0]]), 4, 4),
        ("a row of zeros", torch.zeros(2, 6), 1, 4),
        ("0:4 keeps nothing", torch.randn(2, 6), 0, 4),
        ("float64", torch.randn(3, 7, dtype=torch.float64), 2, 4),
    ]:
        yield Case(about, (weight, n, m))
    yield from _edges_6_1()


ex_6_1 = Exercise(
    "6.1",
    remainder_mask,
    _cases_6_1,
    verified="several patterns, short last groups, ties, negative weights",
    hint=(
        "Go through the groups of each row (the last may be shorter) and keep the n largest magnitudes, or"
        " all if fewer."
    ),
    mistakes=[
        (
            "A large negative weight is not small: rank magnitudes.",
            lambda w, n, m: remainder_mask(w, n, m, size=float),
        ),
        (
            "Groups run along a row, the inputs. Yours run along a column.",
            lambda w, n, m: remainder_mask(w.T, n, m).T,
        ),
        ("One of your groups spans two rows. Every row starts a new group.", _flat),
        (
            "The last, shorter group is pruned away whole. It keeps min(n, r) of its r weights.",
            lambda w, n, m: _remainder(w, n, m, False),
        ),
        (
            "The last, shorter group keeps everything. It keeps min(n, r) of its r weights.",
            lambda w, n, m: _remainder(w, n, m, True),
        ),
        ("Equal magnitudes all fall at once. Exactly n stay: rank positions.", _thresholded),
        (
            "Among equal magnitudes the earlier position goes first. Yours lets the later one go.",
            lambda w, n, m: remainder_mask(w, n, m, last_first=False),
        ),
        ("True means kept. Yours is the other way round.", lambda w, n, m: ~remainder_mask(w, n, m)),
        ("n is how many stay in each group, not how many go.", lambda w, n, m: remainder_mask(w, m - n, m)),
    ],
)


# 6.4 smallest_pattern(weight, patterns, bound)


def _share(weight, n, m):
    kept = sum(
        sum(sorted(map(abs, row[s : s + m]))[m - n :])
        for row in weight.tolist()
        for s in range(0, len(row), m)
    )
    return kept / sum(abs(v) for row in weight.tolist() for v in row)


def _bits(n, m, index=True):
    return n * (16 + (math.ceil(math.log2(m)) if index else 0)) / m


def smallest_pattern(weight, patterns, bound, cost=_bits, share=_share):
    enough = [pattern for pattern in patterns if share(weight, *pattern) >= bound]
    return min(enough, key=lambda pattern: cost(*pattern)) if enough else None


def _edges_6_4():
    row = torch.randn(2, 48)
    for about, weight, patterns, bound in [
        ("positions take whole bits", row, [(2, 6), (5, 16)], 0.2),
        ("positions in a group of five take three bits", torch.randn(2, 80), [(3, 5), (9, 16)], 0.2),
        ("a group of one needs no position", row, [(7, 8), (1, 1)], 0.2),
        ("a group that is kept whole stores its positions, too", row, [(2, 2), (7, 8)], 0.2),
        ("equal bits: the first of the list", row, [(4, 4), (3, 3)], 0.9),
        ("equal bits, the list turned round", row, [(3, 3), (4, 4)], 0.9),
        ("very small weights", 1e-9 * row, [(1, 4), (2, 4), (3, 4)], 0.6),
        ("very large weights, float64", 1e9 * row.double(), [(3, 4), (2, 4), (1, 2)], 0.7),
        (
            "magnitudes in part equal, zeros",
            torch.tensor([[1.0, -1, 0, 0, 2, 0, 1, 1]]),
            [(1, 2), (2, 4), (3, 4)],
            0.75,
        ),
        ("a single weight", torch.tensor([[0.5]]), [(1, 1)], 1.0),
    ]:
        yield Case(about, (weight, patterns, bound))


def _cases_6_4():
    patterns = [(1, 4), (2, 4), (3, 4), (1, 2), (4, 8), (2, 8), (8, 16), (6, 8)]
    example = torch.tensor([[0.9, -0.1, 0.4, 0.0], [0.2, 0.6, -0.7, 0.5]])
    yield Case("the example, at least 0.75", (example, [(1, 4), (2, 4), (1, 2), (3, 4)], 0.75))
    for bound in (0.3, 0.45, 0.7, 0.74, 0.76, 0.77, 0.9):
        weight = torch.randn(12, 32)
        yield Case(f"a random (12, 32) weight, at least {bound}", (weight, patterns, bound))
    even = torch.ones(4, 16)
    yield Case("a share of exactly the bound is enough", (even, [(2, 4), (3, 4), (1, 4)], 0.5))
    for close in (
        [(13, 32), (1, 2)],
        [(1, 2), (47, 128)],
    ):  # a bit more or less for each value turns their order round
        yield Case("two patterns of nearly the same bits per weight", (torch.randn(2, 128), close, 0.2))
    weight = torch.randn(4, 16)
    yield Case("no pattern keeps enough: None", (weight, [(1, 4), (1, 2)], 0.99), None)
    yield from _edges_6_4()


ex_6_4 = Exercise(
    "6.4",
    smallest_pattern,
    _cases_6_4,
    verified="random weights, bounds from 0.3 to 0.9, a bound that nothing meets",
    hint=(
        "Compute the kept share of each pattern, drop those below the bound, take the one with the fewest"
        " bits."
    ),
    mistakes=[
        (
            "Positions cost bits too: ceil(log2 m) for every kept value.",
            lambda w, p, b: smallest_pattern(w, p, b, cost=lambda n, m: _bits(n, m, index=False)),
        ),
        (
            "Every kept value needs its own position: n of them in a group.",
            lambda w, p, b: smallest_pattern(
                w, p, b, cost=lambda n, m: n * 16 / m + math.ceil(math.log2(m)) / m
            ),
        ),
        (
            "The pattern that keeps most is not the question: among those that keep enough, the smallest.",
            lambda w, p, b: max(p, key=lambda pattern: _share(w, *pattern)),
        ),
        (
            "The smallest of all patterns may keep too little. First see which ones keep enough.",
            lambda w, p, b: min(p, key=lambda pattern: _bits(*pattern)),
        ),
        (
            "Kept magnitude is a share of the sum of magnitudes, not of squares.",
            lambda w, p, b: smallest_pattern(w, p, b, share=lambda w, n, m: _share(w**2, n, m)),
        ),
        (
            "The share is one of magnitude: the n largest sizes of each group over all sizes.",
            lambda w, p, b: smallest_pattern(w, p, b, share=lambda w, n, m: n / m),
        ),
        ("A share of exactly the bound is enough.", lambda w, p, b: smallest_pattern(w, p, b + 1e-9)),
    ],
)

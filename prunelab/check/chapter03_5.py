"""Exercises of chapter 03.5: rank correlation, and what is real."""

import math
from itertools import combinations

import torch
from scipy.special import stdtrit

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 3.11 rank_correlation(scores, truth)


def _ranks(values):
    return [
        sum(other < v for other in values) + (sum(other == v for other in values) + 1) / 2 for v in values
    ]


def _pearson(a, b):
    a, b = [x - sum(a) / len(a) for x in a], [x - sum(b) / len(b) for x in b]
    norm = math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / norm if norm else 0.0


def rank_correlation(scores, truth):
    return _pearson(_ranks(scores.tolist()), _ranks(truth.tolist()))


def _kendall(a, b):
    signs = [
        ((x > y) - (x < y), (u > v) - (u < v)) for (x, u), (y, v) in combinations(zip(a, b, strict=True), 2)
    ]
    untied = math.prod(sum(pair[side] != 0 for pair in signs) for side in (0, 1))
    return sum(x * y for x, y in signs) / math.sqrt(untied) if untied else 0.0


def _edges_3_11():
    close = 1 + 1e-12 * torch.tensor([0.0, 2, 1, 4, 3], dtype=torch.float64)
    yield Case("scores that differ in the last digits, float64", (close, torch.arange(5.0).double()))
    yield Case("truths that differ in the last digits, float64", (torch.arange(5.0).double(), close))
    near = torch.tensor([1.0, 1.000001, 1.000002, 1.000003])
    yield Case("scores that differ in the last digits", (near[[1, 0, 3, 2]], near))
    yield Case("very small and very large numbers", (1e-9 * torch.randn(7), 1e9 * torch.randn(7)))
    some = torch.tensor([2.0, 1.0, -2.0, 1.0, 0.0])
    yield Case("some scores equal, some truths", (some, torch.tensor([3.0, 3.0, -1.0, 0.5, 2.0])))
    yield Case("two units", (torch.tensor([2.0, 1.0]), torch.tensor([-1.0, 0.5])))


def _cases_3_11():
    yield Case(
        "the example", (s := torch.tensor([0.1, 9.0, 2.0, 3.0]), t := torch.tensor([1.0, 4.0, 2.0, 3.0]))
    )
    for n in (5, 16, 120):
        t = torch.rand(n, dtype=torch.float64)
        s = (t + 0.4 * torch.rand(n, dtype=torch.float64)) ** 5
        yield Case(f"{n} units, a noisy copy of the truth", (s, t))
    s, t = torch.rand(9), torch.rand(9)
    yield Case("scores that turn the truth round", (s := -t, t))
    s = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.7, 0.2, 0.9])
    t = torch.tensor([0.3, 0.0, 0.1, 0.0, 0.6, 0.5, 0.4])
    yield Case("dead units: equal scores", (s, t))
    yield Case("equal truth, different scores", (t, s))
    yield from _edges_3_11()


ex_3_11 = Exercise(
    "3.11",
    rank_correlation,
    _cases_3_11,
    verified="noisy, reversed and tied scores of 4 to 120 units",
    hint="Replace both lists by their ranks, equal values by their mean rank, then correlate the ranks.",
    mistakes=[
        (
            "That is the correlation of the values. A criterion is used for its order: rank first.",
            lambda s, t: _pearson(s.tolist(), t.tolist()),
        ),
        (
            "argsort() gives positions in order, not the rank of each entry. Apply it twice, or invert it.",
            lambda s, t: _pearson(s.argsort().tolist(), t.argsort().tolist()),
        ),
        (
            (
                "Equal values must get equal ranks, the mean of the places they share. Yours depend on their"
                " position."
            ),
            lambda s, t: _pearson(
                s.argsort(stable=True).argsort().tolist(), t.argsort(stable=True).argsort().tolist()
            ),
        ),
        (
            "The sign is turned round: two lists in the same order give +1.",
            lambda s, t: -rank_correlation(s, t),
        ),
        (
            "The sign matters: a criterion that ranks backwards is worse than a random one.",
            lambda s, t: abs(rank_correlation(s, t)),
        ),
        (
            "That is the square. Keep the correlation itself, with its sign.",
            lambda s, t: rank_correlation(s, t) ** 2,
        ),
        (
            "That is Kendall's tau. Spearman's is the correlation of the ranks.",
            lambda s, t: _kendall(s.tolist(), t.tolist()),
        ),
    ],
)


# 3.12 compare(a, b)


def compare(a, b, quantile=None, spread=None):
    d = [x - y for x, y in zip(a, b, strict=True)]
    n, mean = len(d), sum(d) / len(d)
    sd = math.sqrt(sum((x - mean) ** 2 for x in d) / (n - 1)) if spread is None else spread(d)
    reach = (stdtrit(n - 1, 0.975) if quantile is None else quantile) * sd / math.sqrt(n)
    low, high = mean - reach, mean + reach
    return float(low), float(high), bool(low > 0 or high < 0)


def _unpaired(a, b):
    means = [sum(side) / len(side) for side in (a, b)]
    squares = sum((x - mean) ** 2 for side, mean in zip((a, b), means, strict=True) for x in side)
    freedom = len(a) + len(b) - 2
    reach = stdtrit(freedom, 0.975) * math.sqrt(squares / freedom * (1 / len(a) + 1 / len(b)))
    low, high = (float(means[0] - means[1] + side * reach) for side in (-1, 1))
    return low, high, low > 0 or high < 0


def _without_root(a, b):
    low, high, _ = compare(a, b)
    mean, reach = (low + high) / 2, (high - low) / 2 * math.sqrt(len(a))
    return mean - reach, mean + reach, abs(mean) > reach


def _edges_3_12():
    spread = [-0.03, 0.01, -0.01, 0.03]
    for about, mean in (("an end just above zero", 0.0425), ("an end just below zero", 0.04)):
        yield Case(about, ([90 + mean + d for d in spread], [90.0] * 4))
    yield Case("some accuracies equal", ([98.0, 98.0, 97.0, 96.5], [97.5, 97.25, 97.0, 97.0]))
    a, b = [81.0, 82.5, 79.0, 80.25], [80.0, 82.75, 78.0, 79.5]
    yield Case("accuracies that are in no order", (a, b))


def _cases_3_12():
    a, b = [98.5, 96.0, 99.0, 97.5, 98.0], [98.0, 95.6, 98.3, 97.1, 97.5]
    yield Case("the example, five networks", (a, b))
    for n, shift in ((3, 0.2), (5, 0.0), (8, -1.0), (20, 0.3)):
        network = 97 + 2 * torch.randn(n, dtype=torch.float64)
        a = (network + shift + 0.3 * torch.randn(n, dtype=torch.float64)).tolist()
        yield Case(f"{n} networks, a true difference of {shift}", (a, network.tolist()))
    yield Case("two networks, b better in both", ([90.0, 91.0], [92.0, 93.25]))
    yield Case("the same accuracies: the interval is the point 0", ([97.0, 98.5, 99.0], [97.0, 98.5, 99.0]))
    yield from _edges_3_12()


ex_3_12 = Exercise(
    "3.12",
    compare,
    _cases_3_12,
    verified="3 to 20 networks, differences above, below and around zero",
    hint="Differences, their mean, their standard deviation over the root of n, times the t quantile.",
    mistakes=[
        (
            (
                "You compare two groups. Here every a has its own b, from the same network: take the"
                " differences first."
            ),
            _unpaired,
        ),
        (
            "1.96 is for many values. With n - 1 degrees of freedom the t quantile is larger.",
            lambda a, b: compare(a, b, quantile=1.96),
        ),
        (
            "The degrees of freedom are n - 1.",
            lambda a, b: compare(a, b, quantile=stdtrit(len(a), 0.975)),
        ),
        (
            "95 % in the middle leaves 2.5 % on either side.",
            lambda a, b: compare(a, b, quantile=stdtrit(len(a) - 1, 0.95)),
        ),
        (
            "The standard deviation of a sample divides by n - 1.",
            lambda a, b: compare(
                a, b, spread=lambda d: math.sqrt(sum((x - sum(d) / len(d)) ** 2 for x in d) / len(d))
            ),
        ),
        (
            (
                "The interval is for the mean of n differences: its error is the standard deviation over the"
                " root of n."
            ),
            _without_root,
        ),
        ("a minus b is asked for.", lambda a, b: (*compare(b, a)[:2], compare(b, a)[2])),
        (
            "A difference is real when the interval excludes zero, not when the means differ.",
            lambda a, b: (*compare(a, b)[:2], sum(a) != sum(b)),
        ),
        (
            "An interval below zero excludes zero too: b is then really better.",
            lambda a, b: (*compare(a, b)[:2], compare(a, b)[0] > 0),
        ),
        (
            "The third value is True when the difference is real, when zero lies outside.",
            lambda a, b: (*compare(a, b)[:2], not compare(a, b)[2]),
        ),
        (
            "An interval that ends at zero, or is zero, does not exclude it.",
            lambda a, b: (*compare(a, b)[:2], compare(a, b)[0] >= 0 or compare(a, b)[1] <= 0),
        ),
    ],
)

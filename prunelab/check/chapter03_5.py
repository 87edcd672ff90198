"""Checkers of the exercises of chapters 03.4 and 03.5: energy, the best of N, rank correlation, and what is
real.
"""

import math

import torch
from scipy import stats

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 3.9 energy_order(layers, mac, dram, batch)


def _energy(layer, mac, dram, batch):
    macs, weights, activations = layer
    return macs * mac + (weights / batch + activations) * dram


def energy_order(layers, mac, dram, batch, energy=_energy):
    return sorted(layers, key=lambda name: -energy(layers[name], mac, dram, batch))


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
            "MACs alone are not the energy: moving weights and activations costs too.",
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


def _cases_3_10():
    yield Case("the example, 2 of 3 losses", ([3.0, 1.0, 2.0], 2))
    for size, n in ((5, 3), (8, 1), (8, 8), (30, 4), (200, 20)):
        losses = (2 + torch.randn(size, dtype=torch.float64)).tolist()
        yield Case(f"{n} of {size} random losses", (losses, n))
    yield Case("a single loss", ([0.75], 1))
    yield Case("losses of both signs", ([-1.5, 2.0, 0.0, -0.25], 3))
    yield Case("equal losses", ([0.5, 0.5, 0.25, 0.5], 2))


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
            "That is the best of one particular choice of n. The mean over all choices of n is asked for.",
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
            lambda s, t: float(stats.kendalltau(s, t)[0]),
        ),
    ],
)


# 3.12 compare(a, b)


def compare(a, b, quantile=None, spread=None):
    d = [x - y for x, y in zip(a, b, strict=True)]
    n, mean = len(d), sum(d) / len(d)
    sd = math.sqrt(sum((x - mean) ** 2 for x in d) / (n - 1)) if spread is None else spread(d)
    reach = (stats.t.ppf(0.975, n - 1) if quantile is None else quantile) * sd / math.sqrt(n)
    low, high = mean - reach, mean + reach
    return float(low), float(high), bool(low > 0 or high < 0)


def _unpaired(a, b):
    interval = stats.ttest_ind(a, b).confidence_interval(0.95)
    low, high = float(interval.low), float(interval.high)
    return low, high, low > 0 or high < 0


def _without_root(a, b):
    low, high, _ = compare(a, b)
    mean, reach = (low + high) / 2, (high - low) / 2 * math.sqrt(len(a))
    return mean - reach, mean + reach, abs(mean) > reach


def _cases_3_12():
    a, b = [98.5, 96.0, 99.0, 97.5, 98.0], [98.0, 95.6, 98.3, 97.1, 97.5]
    yield Case("the example, five networks", (a, b))
    for n, shift in ((3, 0.2), (5, 0.0), (8, -1.0), (20, 0.3)):
        network = 97 + 2 * torch.randn(n, dtype=torch.float64)
        a = (network + shift + 0.3 * torch.randn(n, dtype=torch.float64)).tolist()
        yield Case(f"{n} networks, a true difference of {shift}", (a, network.tolist()))
    yield Case("two networks, b better in both", ([90.0, 91.0], [92.0, 93.25]))
    yield Case("the same accuracies: the interval is the point 0", ([97.0, 98.5, 99.0], [97.0, 98.5, 99.0]))


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
            lambda a, b: compare(a, b, quantile=stats.norm.ppf(0.975)),
            lambda a, b: compare(a, b, quantile=1.96),
        ),
        (
            "The degrees of freedom are n - 1.",
            lambda a, b: compare(a, b, quantile=stats.t.ppf(0.975, len(a))),
        ),
        (
            "95 % in the middle leaves 2.5 % on either side.",
            lambda a, b: compare(a, b, quantile=stats.t.ppf(0.95, len(a) - 1)),
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

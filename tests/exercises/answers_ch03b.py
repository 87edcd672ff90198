"""Answers to the exercises of chapters 03.3 to 03.5: right ones, and wrong ones with the hint they must get."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats

from prunelab import sweep

# 3.7 taylor_score


def taylor_in_one_line(maps, gradients):
    return (maps * gradients).mean((2, 3)).abs().mean(0)


def taylor_by_einsum(maps, gradients):
    positions = maps.shape[2] * maps.shape[3]
    return torch.einsum("nchw,nchw->nc", maps, gradients).div(positions).abs().sum(0) / len(maps)


def batch_mean_first(maps, gradients):
    return (maps * gradients).mean((2, 3)).mean(0).abs()


def size_at_every_position(maps, gradients):
    return (maps * gradients).abs().flatten(2).mean(2).mean(0)


def means_multiplied(maps, gradients):
    return (maps.mean((2, 3)) * gradients.mean((2, 3))).abs().mean(0)


def summed_over_positions(maps, gradients):
    return (maps * gradients).sum((2, 3)).abs().mean(0)


def no_absolute_value(maps, gradients):
    return (maps * gradients).mean((0, 2, 3))


# 3.8 average_zeros


def zeros_of_relu(layer, images):
    with torch.no_grad():
        z = F.relu(layer(images))
    return (z == 0).float().transpose(0, 1).flatten(1).mean(1)


@torch.no_grad()
def share_not_positive(layer, images):
    y = layer(images)
    return 1 - (y > 0).float().mean([d for d in range(y.ndim) if d != 1])


@torch.no_grad()
def before_the_relu(layer, images):
    y = layer(images)
    return (y == 0).float().mean([d for d in range(y.ndim) if d != 1])


@torch.no_grad()
def how_often_awake(layer, images):
    y = layer(images)
    return (y > 0).float().mean([d for d in range(y.ndim) if d != 1])


@torch.no_grad()
def per_example(layer, images):
    return (layer(images).relu() == 0).float().flatten(1).mean(1)


@torch.no_grad()
def whole_map_black(layer, images):
    z = layer(images).relu()
    return ((z.flatten(2).sum(2) if z.ndim > 2 else z) == 0).float().mean(0)


def zeros_in_the_weights(layer, images):
    return (layer.weight.detach() == 0).float().flatten(1).mean(1)


# 3.9 energy_order


def by_sorted(layers, mac, dram, batch):
    def energy(name):
        macs, weights, activations = layers[name]
        return mac * macs + dram * weights / batch + dram * activations

    return sorted(layers, key=energy, reverse=True)


def by_numpy(layers, mac, dram, batch):
    table = np.array(list(layers.values()), dtype=float)
    energy = table @ np.array([mac, dram / batch, dram])
    return [list(layers)[i] for i in np.argsort(-energy, kind="stable")]


def cheapest_first(layers, mac, dram, batch):
    return by_sorted(layers, mac, dram, batch)[::-1]


def batch_forgotten(layers, mac, dram, batch):
    return by_sorted(layers, mac, dram, 1)


def activations_shared(layers, mac, dram, batch):
    return by_sorted({name: (m, w + a, 0) for name, (m, w, a) in layers.items()}, mac, dram, batch)


def macs_only(layers, mac, dram, batch):
    return sorted(layers, key=lambda name: layers[name][0], reverse=True)


# 3.10 expected_best


def by_counting(losses, n):
    values, size = sorted(losses), len(losses)
    return sum(values[i] * math.comb(size - 1 - i, n - 1) for i in range(size - n + 1)) / math.comb(size, n)


def by_survival(losses, n):
    """Return the mean from the chance that all n are larger."""
    values, size = np.sort(losses), len(losses)
    larger = np.array([math.comb(size - i, n) / math.comb(size, n) for i in range(size + 1)])
    return float(values @ (larger[:-1] - larger[1:]))


def best_of_all(losses, n):
    return min(losses)


def best_of_the_first(losses, n):
    return min(losses[:n])


def mean_of_the_lowest(losses, n):
    return sum(sorted(losses)[:n]) / n


def drawn_with_replacement(losses, n):
    size, values = len(losses), sorted(losses)
    at_least = [((size - i) / size) ** n for i in range(size + 1)]
    return sum(v * (at_least[i] - at_least[i + 1]) for i, v in enumerate(values))


def expected_worst(losses, n):
    return -by_counting([-v for v in losses], n)


# 3.11 rank_correlation


def by_scipy(scores, truth):
    return float(stats.spearmanr(scores.numpy(), truth.numpy())[0])


def by_corrcoef(scores, truth):
    ranks = [stats.rankdata(x.numpy()) for x in (scores, truth)]
    return float(np.corrcoef(*ranks)[0, 1])


def of_the_values(scores, truth):
    return float(np.corrcoef(scores.numpy(), truth.numpy())[0, 1])


def argsort_once(scores, truth):
    return float(np.corrcoef(scores.argsort().numpy(), truth.argsort().numpy())[0, 1])


def ties_by_position(scores, truth):
    return float(np.corrcoef(*(x.argsort(stable=True).argsort().numpy() for x in (scores, truth)))[0, 1])


def sign_lost(scores, truth):
    return abs(by_scipy(scores, truth))


# 3.12 compare


def by_ttest(a, b):
    interval = stats.ttest_rel(a, b).confidence_interval(0.95)
    return float(interval.low), float(interval.high), bool(interval.low > 0 or interval.high < 0)


def by_the_package(a, b):
    _, low, high = sweep.paired_interval(a, b)
    return low, high, not low <= 0 <= high


def unpaired(a, b):
    interval = stats.ttest_ind(a, b).confidence_interval(0.95)
    return float(interval.low), float(interval.high), bool(interval.low > 0 or interval.high < 0)


def normal_quantile(a, b):
    d = np.subtract(a, b)
    reach = 1.96 * d.std(ddof=1) / len(d) ** 0.5
    return float(d.mean() - reach), float(d.mean() + reach), bool(abs(d.mean()) > reach)


def divided_by_n(a, b):
    d = np.subtract(a, b)
    reach = stats.t.ppf(0.975, len(d) - 1) * d.std() / len(d) ** 0.5
    return float(d.mean() - reach), float(d.mean() + reach), bool(abs(d.mean()) > reach)


def spread_not_error(a, b):
    d = np.subtract(a, b)
    reach = stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1)
    return float(d.mean() - reach), float(d.mean() + reach), bool(abs(d.mean()) > reach)


def only_above(a, b):
    low, high, _ = by_ttest(a, b)
    return low, high, low > 0


def means_differ(a, b):
    low, high, _ = by_ttest(a, b)
    return low, high, True


RIGHT = {
    "ex_3_7": [taylor_in_one_line, taylor_by_einsum],
    "ex_3_8": [zeros_of_relu, share_not_positive],
    "ex_3_9": [by_sorted, by_numpy],
    "ex_3_10": [by_counting, by_survival],
    "ex_3_11": [by_scipy, by_corrcoef],
    "ex_3_12": [by_ttest, by_the_package],
}
WRONG = {
    "ex_3_7": {
        batch_mean_first: "cancel in your mean over the batch",
        size_at_every_position: "summed with their signs",
        means_multiplied: "not the product of means",
        summed_over_positions: "the mean over the positions",
        no_absolute_value: "never negative",
    },
    "ex_3_8": {
        before_the_relu: "in front of the ReLU",
        how_often_awake: "how often the unit is awake",
        per_example: "one per example",
        whole_map_black: "a whole map is black",
        zeros_in_the_weights: "zeros in the weights",
    },
    "ex_3_9": {
        cheapest_first: "most expensive layer comes first",
        batch_forgotten: "share one fetch",
        activations_shared: "activations of its own",
        macs_only: "MACs alone",
    },
    "ex_3_10": {
        best_of_all: "Only n of them",
        best_of_the_first: "one particular choice",
        mean_of_the_lowest: "mean of the n lowest",
        drawn_with_replacement: "same candidate twice",
        expected_worst: "the best is the lowest",
    },
    "ex_3_11": {
        of_the_values: "correlation of the values",
        argsort_once: "not the rank of each entry",
        ties_by_position: "equal ranks",
        sign_lost: "The sign matters",
    },
    "ex_3_12": {
        unpaired: "take the differences first",
        normal_quantile: "the t quantile is larger",
        divided_by_n: "divides by n - 1",
        spread_not_error: "over the root of n",
        only_above: "b is then really better",
        means_differ: "not when the means differ",
    },
}

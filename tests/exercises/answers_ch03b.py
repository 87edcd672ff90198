"""Answers of chapter 03b: right ones, written differently, and wrong ones that the checkers do not know
literally.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from answers import right
from scipy import stats

from prunelab import sweep

# 3.7 taylor_score


@right("3.7")
def taylor_in_one_line(maps, gradients):
    return (maps * gradients).mean((2, 3)).abs().mean(0)


@right("3.7")
def taylor_by_einsum(maps, gradients):
    positions = maps.shape[2] * maps.shape[3]
    return torch.einsum("nchw,nchw->nc", maps, gradients).div(positions).abs().sum(0) / len(maps)


# 3.8 average_zeros


@right("3.8")
def zeros_of_relu(layer, images):
    with torch.no_grad():
        z = F.relu(layer(images))
    return (z == 0).float().transpose(0, 1).flatten(1).mean(1)


@right("3.8")
@torch.no_grad()
def share_not_positive(layer, images):
    y = layer(images)
    return 1 - (y > 0).float().mean([d for d in range(y.ndim) if d != 1])


# 3.9 energy_order


@right("3.9")
def by_sorted(layers, mac, dram, batch):
    def energy(name):
        macs, weights, activations = layers[name]
        return mac * macs + dram * weights / batch + dram * activations

    return sorted(layers, key=energy, reverse=True)


@right("3.9")
def by_numpy(layers, mac, dram, batch):
    table = np.array(list(layers.values()), dtype=float)
    energy = table @ np.array([mac, dram / batch, dram])
    return [list(layers)[i] for i in np.argsort(-energy, kind="stable")]


# 3.10 expected_best


@right("3.10")
def by_counting(losses, n):
    values, size = sorted(losses), len(losses)
    return sum(values[i] * math.comb(size - 1 - i, n - 1) for i in range(size - n + 1)) / math.comb(size, n)


@right("3.10")
def by_survival(losses, n):
    """Return the mean from the chance that all n are larger."""
    values, size = np.sort(losses), len(losses)
    larger = np.array([math.comb(size - i, n) / math.comb(size, n) for i in range(size + 1)])
    return float(values @ (larger[:-1] - larger[1:]))


# 3.11 rank_correlation


@right("3.11")
def by_scipy(scores, truth):
    return float(stats.spearmanr(scores.numpy(), truth.numpy())[0])


@right("3.11")
def by_corrcoef(scores, truth):
    ranks = [stats.rankdata(x.numpy()) for x in (scores, truth)]
    return float(np.corrcoef(*ranks)[0, 1])


# 3.12 compare


@right("3.12")
def by_ttest(a, b):
    interval = stats.ttest_rel(a, b).confidence_interval(0.95)
    return float(interval.low), float(interval.high), bool(interval.low > 0 or interval.high < 0)


@right("3.12")
def by_the_package(a, b):
    _, low, high = sweep.paired_interval(a, b)
    return low, high, not low <= 0 <= high

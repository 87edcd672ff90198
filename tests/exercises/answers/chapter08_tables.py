"""Answers to 8.1 and 8.2: right ones, written differently, and wrong ones that must be refused."""

import math
import statistics

import torch

from answers import plausible, right, wrong

# 8.1 compression


@right("8.1")
def compression_sums(layers):
    return sum(n for n, _ in layers.values()) / sum(n * percent / 100 for n, percent in layers.values())


@right("8.1")
def compression_tensor(layers):
    table = torch.tensor(list(layers.values()), dtype=torch.float64)
    return float(100 / (table[:, 1] @ (table[:, 0] / table[:, 0].sum())))


@wrong("8.1", "not even weighed by size")
def compression_of_weighed_ratio(layers):
    total = sum(n for n, _ in layers.values())
    return sum(n / total * 100 / percent for n, percent in layers.values())


plausible(
    "8.1",
    lambda ls: len(ls) / sum(p / 100 for _, p in ls.values()),
    lambda ls: statistics.fmean(100 / p if p else 0 for _, p in ls.values()),
    lambda ls: sum(w for w, _ in ls.values()) / sum(w * p // 100 for w, p in ls.values()),
    lambda ls: sum(w for w, _ in ls.values()) / sum(int(w * p / 100) for w, p in ls.values()),
    lambda ls: sum(w for w, _ in ls.values()) / sum(math.ceil(w * p / 100) for w, p in ls.values()),
    lambda ls: sum(w for w, _ in ls.values()) / sum(w * (100 - p) / 100 for w, p in ls.values()),
    lambda ls: sum(w * p / 100 for w, p in ls.values()) / sum(w for w, _ in ls.values()),
    lambda ls: round(sum(w for w, _ in ls.values()) / sum(w * p / 100 for w, p in ls.values()), 2),
    lambda ls: round(sum(w for w, _ in ls.values()) / sum(w * p / 100 for w, p in ls.values())),
)


# 8.2 ratios


@right("8.2")
def ratios_bits(weights, biases, nonzeros, value_bits, index_bits):
    dense = 32 * (weights + biases)
    pairs = nonzeros * (32 + 32) + 32 * biases
    shared = nonzeros * (value_bits + index_bits) + 32 * (2**value_bits + biases)
    return {
        "weights": weights / nonzeros,
        "parameters": (weights + biases) / (nonzeros + biases),
        "pairs": dense / pairs,
        "shared": dense / shared,
    }


@right("8.2")
def ratios_floats(weights, biases, nonzeros, value_bits, index_bits):
    below = [nonzeros + biases, 2 * nonzeros + biases]
    below.append(nonzeros * (value_bits + index_bits) / 32 + sum(1 for _ in range(1 << value_bits)) + biases)
    others = [(weights + biases) / size for size in below]
    return dict(zip(("weights", "parameters", "pairs", "shared"), [weights / nonzeros, *others], strict=True))


def _four(w, b, n, v, i, **changed):
    dense = 32 * (w + b)
    right = {"weights": w / n, "parameters": (w + b) / (n + b), "pairs": dense / (64 * n + 32 * b)}
    return right | {"shared": dense / ((v + i) * n + 32 * 2**v + 32 * b)} | changed


plausible(
    "8.2",
    lambda w, b, n, v, i: _four(w, b, n, v, i, parameters=(w + b) / n),
    lambda w, b, n, v, i: _four(w, b, n, v, i, weights=(w + b) / (n + b)),
    lambda w, b, n, v, i: _four(w, b, n, v, i, pairs=32 * (w + b) / (64 * (n + b))),
    lambda w, b, n, v, i: _four(w, b, n, v, i, pairs=32 * (w + b) / (32 * n + 32 * b)),
    lambda w, b, n, v, i: _four(w, b, n, v, i, shared=32 * (w + b) / ((v + i) * n + 32 * b)),
    lambda w, b, n, v, i: _four(w, b, n, v, i, shared=32 * (w + b) / ((v + i) * n + 2**v + 32 * b)),
    lambda w, b, n, v, i: _four(w, b, n, v, i, shared=32 * (w + b) / ((v + i) * n + 32 * 2**i + 32 * b)),
    lambda w, b, n, v, i: _four(w, b, n, v, i, shared=32 * (w + b) / ((v + i) * (n + b) + 32 * 2**v)),
    lambda w, b, n, v, i: {k: round(r) for k, r in _four(w, b, n, v, i).items()},
)

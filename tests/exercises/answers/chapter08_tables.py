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

# 8.1, once more from the text alone


right("8.1")(lambda la: 100 * sum(w for w, _ in la.values()) / sum(w * p for w, p in la.values()))

plausible(
    "8.1",
    lambda la: (
        sum(w * 100 / p for w, p in la.values() if p) / sum(w for w, _ in la.values())
    ),  # mean of ratios weighted by weights
    lambda la: len(la) / sum(p / 100 for _, p in la.values()),  # harmonic mean of ratios
    lambda la: (
        sum(w for w, _ in la.values()) / max(1, sum(round(w * p / 100) for w, p in la.values()))
    ),  # whole weights
    lambda la: (
        sum(w for w, _ in la.values()) / max(1e-9, sum(w * (100 - p) / 100 for w, p in la.values()))
    ),  # pruned percent
    lambda la: 100 / max(la.values())[1],  # largest layer
    lambda la: math.exp(sum(math.log(100 / p) for _, p in la.values() if p) / len(la)),  # geometric mean
)

# 8.2, once more from the text alone


def _ra_8_2(w, b, n, vb, ib, **k):
    d = 32 * (w + b)
    r = {
        "weights": w / n,
        "parameters": (w + b) / (n + b),
        "pairs": d / (64 * n + 32 * b),
        "shared": d / ((vb + ib) * n + 32 * 2**vb + 32 * b),
    }
    return {**r, **{a: f(w, b, n, vb, ib, d) for a, f in k.items()}}


right("8.2")(_ra_8_2)

plausible(
    "8.2",
    lambda *a: _ra_8_2(
        *a, shared=lambda w, b, n, v, i, d: d / ((v + i) * n + v * 2**v + 32 * b)
    ),  # codebook of value_bits
    lambda *a: _ra_8_2(
        *a, shared=lambda w, b, n, v, i, d: d / ((v + i) * n + 32 * v + 32 * b)
    ),  # codebook per value
    lambda *a: _ra_8_2(
        *a, shared=lambda w, b, n, v, i, d: d / ((v + i) * (n + b) + 32 * 2**v)
    ),  # biases coded, too
    lambda *a: _ra_8_2(
        *a, parameters=lambda w, b, n, v, i, d: (w + b) / (n + b * n / w)
    ),  # bias without index but pruned share
    lambda *a: _ra_8_2(*a, pairs=lambda w, b, n, v, i, d: d / ((32 + i) * n + 32 * b)),  # pairs of index_bits
    lambda *a: _ra_8_2(
        *a, shared=lambda w, b, n, v, i, d: d / ((v + i) * n + 32 * min(2**v, n) + 32 * b)
    ),  # no codebook if larger than the values
    lambda *a: {k: round(x, 3) for k, x in _ra_8_2(*a).items()},  # four digits
)

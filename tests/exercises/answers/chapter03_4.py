"""Answers to 3.9 and 3.10: right ones, written differently, and wrong ones that must be refused."""

import math
from itertools import combinations

import numpy as np

from answers import plausible, right

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


def _energy(order):
    return lambda layers, mac, dram, batch: sorted(layers, key=lambda n: order(*layers[n], mac, dram, batch))


plausible(
    "3.9",
    _energy(lambda m, w, a, mac, dram, b: m * mac + (w / b + a) * dram),
    _energy(lambda m, w, a, mac, dram, b: -(m * mac + (w + a) * dram)),
    _energy(lambda m, w, a, mac, dram, b: -(m * mac + (w * b + a) * dram)),
    _energy(lambda m, w, a, mac, dram, b: -(m * mac + (w // b + a) * dram)),
    _energy(lambda m, w, a, mac, dram, b: -(m * dram + (w / b + a) * mac)),
    _energy(lambda m, w, a, mac, dram, b: -(m * mac + w / b * dram)),
    lambda layers, mac, dram, batch: _energy(lambda m, w, a, mac, dram, b: m * mac + (w / b + a) * dram)(
        layers, mac, dram, batch
    )[::-1],
    lambda layers, mac, dram, batch: max(
        layers, key=lambda n: layers[n][0] * mac + (layers[n][1] / batch + layers[n][2]) * dram
    ),
)


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


plausible(
    "3.10",
    lambda x, n: sorted(x)[0],
    lambda x, n: sum(sorted(x)[:n]) / n,
    lambda x, n: sum(min(x[i : i + n]) for i in range(len(x) - n + 1)) / (len(x) - n + 1),
    lambda x, n: sum(v * (1 - i / len(x)) ** n for i, v in enumerate(sorted(x))) / len(x),
    lambda x, n: sum(v * math.comb(len(x) - i, n) for i, v in enumerate(sorted(x))) / math.comb(len(x), n),
    lambda x, n: (
        sum(v * math.comb(len(x) - i - 1, n - 1) for i, v in enumerate(sorted(x, reverse=True)))
        / math.comb(len(x), n)
    ),
    lambda x, n: sum(x) / len(x) / n,
)

# 3.9, once more from the text alone


def _eo_3_9(la, mac, dram, b, e=lambda m, w, a, mac, dram, b: m * mac + (w / b + a) * dram, ties=True):
    return sorted(la, key=lambda n: -e(*la[n], mac, dram, b))


right("3.9")(
    lambda la, mac, dram, b: [
        n
        for _, _, n in sorted(
            (-(la[n][0] * mac * b + (la[n][1] + la[n][2] * b) * dram), i, n) for i, n in enumerate(la)
        )
    ]
)

plausible(
    "3.9",
    lambda la, mac, dram, b: sorted(la, key=lambda n: la[n][0] * mac + (la[n][1] / b + la[n][2]) * dram)[
        ::-1
    ],  # ties reversed
    lambda *a: _eo_3_9(
        *a, e=lambda m, w, a, mac, dram, b: m * mac + (math.ceil(w / b) + a) * dram
    ),  # integer fetches
    lambda *a: _eo_3_9(
        *a, e=lambda m, w, a, mac, dram, b: m * mac + (w + a) / b * dram
    ),  # activations shared too
    lambda *a: _eo_3_9(*a, e=lambda m, w, a, mac, dram, b: m * mac / b + (w / b + a) * dram),  # macs shared
    lambda *a: _eo_3_9(
        *a, e=lambda m, w, a, mac, dram, b: (m * mac + (w / b + a) * dram) / max(w, 1)
    ),  # energy per weight
    lambda *a: _eo_3_9(
        *a, e=lambda m, w, a, mac, dram, b: round(math.log10(max(1e-9, m * mac + (w / b + a) * dram)), 2)
    ),  # log scale rounded
)

# 3.10, once more from the text alone


right("3.10")(
    lambda L, n: (
        sum(min(c) for c in combinations(L, n)) / math.comb(len(L), n)
        if math.comb(len(L), n) < 50000
        else sum(v * math.comb(len(L) - 1 - i, n - 1) for i, v in enumerate(sorted(L))) / math.comb(len(L), n)
    )
)

plausible(
    "3.10",
    lambda L, n: (
        lambda s: (
            sum(v * math.comb(len(s) - 1 - i, n - 1) for i, v in enumerate(s)) / math.comb(len(s), n)
            if len(s) >= n
            else min(L)
        )
    )(sorted(set(L))),  # distinct values
    lambda L, n: (lambda s, r: s[int(r)] + (r - int(r)) * ((s + s[-1:])[int(r) + 1] - s[int(r)]))(
        sorted(L), (len(L) + 1) / (n + 1) - 1
    ),  # expected rank
    lambda L, n: sum(sorted(L)[: max(1, len(L) // n)]) / max(1, len(L) // n),  # mean of lowest share
    lambda L, n: (
        sum(v * math.comb(len(L) - 1 - i, n - 1) for i, v in enumerate(sorted(L, key=abs)))
        / math.comb(len(L), n)
    ),  # absolute lowest
    lambda L, n: (
        sum(v * math.comb(len(L) - i, n - 1) for i, v in enumerate(sorted(L)))
        / sum(math.comb(len(L) - i, n - 1) for i in range(len(L)))
    ),  # off by one
)


# found by readers


plausible(
    "3.9",
    lambda la, mac, dram, b: sorted(
        la, key=lambda n: -np.float32(la[n][0] * mac + (la[n][1] / b + la[n][2]) * dram)
    ),
    lambda la, mac, dram, b: sorted(
        la, key=lambda n: (-(la[n][0] * mac + (la[n][1] / b + la[n][2]) * dram), n)
    ),
)

plausible(
    "3.9",
    lambda la, mac, dram, b: sorted(
        la, key=lambda n: -round(la[n][0] * mac + (la[n][1] / b + la[n][2]) * dram)
    ),
)

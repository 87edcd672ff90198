"""Answers to 3.9 and 3.10: right ones, written differently, and wrong ones that must be refused."""

import math

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

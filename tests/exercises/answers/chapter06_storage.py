"""Answers to 6.2 and 6.3: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import plausible, right

# 6.2 decode


@right("6.2")
def by_shifts(values, byte):
    weights = torch.zeros(8)
    for i in range(4):
        weights[4 * (i // 2) + (byte >> 2 * i & 3)] = values[i]
    return weights


@right("6.2")
def by_text(values, byte):
    bits = f"{byte:08b}"
    positions = [int(bits[6 - 2 * i : 8 - 2 * i], 2) for i in range(4)]
    weights = torch.zeros(2, 4)
    for i, position in enumerate(positions):
        weights[i // 2, position] = values[i]
    return weights.flatten()


def _decode(values, byte, position=lambda byte, i: byte >> 2 * i & 3, group=lambda i: i // 2):
    weights = torch.zeros(8)
    for i in range(4):
        weights[4 * group(i) + position(byte, i)] = values[i]
    return weights


plausible(
    "6.2",
    lambda v, b: _decode(v, b, lambda byte, i: byte >> 6 - 2 * i & 3),
    lambda v, b: _decode(v, b, lambda byte, i: byte >> 4 - 4 * (i // 2) + 2 * (i % 2) & 3),
    lambda v, b: _decode(v, b, lambda byte, i: byte >> 4 * (i // 2) + 2 - 2 * (i % 2) & 3),
    lambda v, b: _decode(v, b, group=lambda i: i % 2),
    lambda v, b: _decode(v, b, lambda byte, i: byte >> i & 3),
    lambda v, b: _decode(v, b).double(),
)


# 6.3 undo


@right("6.3")
def by_argsort(permuted, order):
    return permuted[:, order.argsort()]


@right("6.3")
def by_assignment(permuted, order):
    weight = torch.empty_like(permuted)
    weight[:, order] = permuted
    return weight


plausible(
    "6.3",
    lambda w, o: w[:, o],
    lambda w, o: w[:, o.flip(0)],
    lambda w, o: w[:, o.argsort(descending=True)],
    lambda w, o: w.sort(dim=1).values,
    lambda w, o: w[o] if len(w) > int(o.max()) else w.flip(1),
)

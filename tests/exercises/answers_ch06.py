"""Answers to the exercises of chapter 06: right ones, written differently, and wrong ones, each with the hint it must get."""

import math

import torch

from prunelab.semi_structured import nm_mask

# 6.1 remainder_mask


def by_package(weight, n, m):
    return nm_mask(weight, n, m, remainder="pad")


def by_groups(weight, n, m):
    parts = []
    for part in weight.abs().split(m, dim=1):
        rank = part.argsort(dim=1, stable=True).argsort(dim=1)
        parts.append(rank >= part.shape[1] - n)
    return torch.cat(parts, dim=1)


def spans_rows(weight, n, m):
    flat = weight.abs().flatten()
    padded = torch.cat([flat, flat.new_full((-len(flat) % m,), -1.0)]).view(-1, m)
    rank = padded.argsort(dim=1, stable=True).argsort(dim=1)
    return (rank >= m - n).flatten()[: len(flat)].view(weight.shape)


def drops_remainder(weight, n, m):
    mask = by_groups(weight, n, m)
    if weight.shape[1] % m:
        mask[:, -(weight.shape[1] % m) :] = False
    return mask


def signed(weight, n, m):
    return by_groups(weight - weight.min() + 1, n, m)


def keeps_the_earlier(weight, n, m):
    parts = []
    for part in weight.abs().split(m, dim=1):
        rank = part.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        parts.append(rank < n)
    return torch.cat(parts, dim=1)


# 6.2 decode


def by_shifts(values, byte):
    weights = torch.zeros(8)
    for i in range(4):
        weights[4 * (i // 2) + (byte >> 2 * i & 3)] = values[i]
    return weights


def by_text(values, byte):
    bits = f"{byte:08b}"
    positions = [int(bits[6 - 2 * i : 8 - 2 * i], 2) for i in range(4)]
    weights = torch.zeros(2, 4)
    for i, position in enumerate(positions):
        weights[i // 2, position] = values[i]
    return weights.flatten()


def halves_swapped(values, byte):
    return by_shifts(values, byte >> 4 | (byte & 15) << 4)


def from_the_left(values, byte):
    return by_shifts(values, sum((byte >> 2 * i & 3) << 2 * (3 - i) for i in range(4)))


def pairs_swapped(values, byte):
    return by_shifts(values, (byte & 0b00110011) << 2 | (byte & 0b11001100) >> 2)


# 6.3 undo


def by_argsort(permuted, order):
    return permuted[:, order.argsort()]


def by_assignment(permuted, order):
    weight = torch.empty_like(permuted)
    weight[:, order] = permuted
    return weight


def again(permuted, order):
    return permuted[:, order]


def reversed_columns(permuted, order):
    return permuted.flip(1)


def by_size(permuted, order):
    return permuted[:, permuted.abs().sum(0).argsort(stable=True)]


# 6.4 smallest_pattern


def share(weight, n, m):
    return weight.abs().reshape(-1, m).topk(n, dim=1).values.sum() / weight.abs().sum()


def bits(n, m):
    return n / m * (16 + math.ceil(math.log2(m)))


def by_filter(weight, patterns, bound):
    enough = [pattern for pattern in patterns if share(weight, *pattern) >= bound]
    return min(enough, key=lambda pattern: bits(*pattern), default=None)


def by_order(weight, patterns, bound):
    for n, m in sorted(patterns, key=lambda pattern: bits(*pattern)):
        if share(weight, n, m) >= bound:
            return n, m
    return None


def forgets_positions(weight, patterns, bound):
    enough = [pattern for pattern in patterns if share(weight, *pattern) >= bound]
    return min(enough, key=lambda pattern: pattern[0] / pattern[1], default=None)


def keeps_most(weight, patterns, bound):
    return max(patterns, key=lambda pattern: share(weight, *pattern))


def ignores_the_bound(weight, patterns, bound):
    return min(patterns, key=lambda pattern: bits(*pattern))


RIGHT = {
    "ex_6_1": [by_package, by_groups],
    "ex_6_2": [by_shifts, by_text],
    "ex_6_3": [by_argsort, by_assignment],
    "ex_6_4": [by_filter, by_order],
}

WRONG = {
    "ex_6_1": {
        spans_rows: "spans two rows",
        drops_remainder: "pruned away whole",
        signed: "rank magnitudes",
        keeps_the_earlier: "lets the later one go",
    },
    "ex_6_2": {
        halves_swapped: "low half of the byte",
        from_the_left: "read the byte from the left",
        pairs_swapped: "low two bits",
    },
    "ex_6_3": {
        again: "permutes a second time",
        reversed_columns: "not a reversal",
        by_size: "do not tell where they came from",
    },
    "ex_6_4": {
        forgets_positions: "Positions cost bits",
        keeps_most: "the smallest",
        ignores_the_bound: "keep too little",
    },
}

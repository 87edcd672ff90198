"""Answers of chapter 06: right ones, written differently, and wrong ones that the checkers do not know
literally.
"""

import math

import torch
from answers import right

from prunelab.semi_structured import nm_mask

# 6.1 remainder_mask


@right("6.1")
def by_package(weight, n, m):
    return nm_mask(weight, n, m, remainder="pad")


@right("6.1")
def by_groups(weight, n, m):
    parts = []
    for part in weight.abs().split(m, dim=1):
        rank = part.argsort(dim=1, stable=True).argsort(dim=1)
        parts.append(rank >= part.shape[1] - n)
    return torch.cat(parts, dim=1)


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


# 6.3 undo


@right("6.3")
def by_argsort(permuted, order):
    return permuted[:, order.argsort()]


@right("6.3")
def by_assignment(permuted, order):
    weight = torch.empty_like(permuted)
    weight[:, order] = permuted
    return weight


# 6.4 smallest_pattern


def share(weight, n, m):
    return weight.abs().reshape(-1, m).topk(n, dim=1).values.sum() / weight.abs().sum()


def bits(n, m):
    return n / m * (16 + math.ceil(math.log2(m)))


@right("6.4")
def by_filter(weight, patterns, bound):
    enough = [pattern for pattern in patterns if share(weight, *pattern) >= bound]
    return min(enough, key=lambda pattern: bits(*pattern), default=None)


@right("6.4")
def by_order(weight, patterns, bound):
    for n, m in sorted(patterns, key=lambda pattern: bits(*pattern)):
        if share(weight, n, m) >= bound:
            return n, m
    return None

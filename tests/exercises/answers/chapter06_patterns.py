"""Answers to 6.1 and 6.4: right ones, written differently, and wrong ones that must be refused."""

import math

import torch

from answers import plausible, right
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


def _groups(w, n, m, key=torch.abs, last=lambda size, n: min(size, n), stable=True, descending=True):
    mask = torch.zeros_like(w, dtype=torch.bool)
    for start in range(0, w.shape[1], m):
        group = key(w[:, start : start + m])
        order = group.argsort(dim=1, descending=descending, stable=stable)[:, : last(group.shape[1], n)]
        mask[:, start : start + m].scatter_(1, order, True)
    return mask


plausible(
    "6.1",
    lambda w, n, m: _groups(w, n, m),
    lambda w, n, m: _groups(w, n, m, key=lambda g: g),
    lambda w, n, m: _groups(w, n, m, descending=False),
    lambda w, n, m: _groups(w, n, m, last=lambda size, n: n if size == m else size),
    lambda w, n, m: _groups(w, n, m, last=lambda size, n: n if size == m else 0),
    lambda w, n, m: _groups(w, n, m, last=lambda size, n: round(n * size / m)),
    lambda w, n, m: ~_groups(w, n, m),
    lambda w, n, m: _groups(w.T.contiguous(), min(n, len(w)), min(m, len(w))).T,
)


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


def _pattern(
    w,
    patterns,
    bound,
    bits=lambda n, m: n * (16 + math.ceil(math.log2(m))) / m,
    enough=lambda s, b: s >= b,
    energy=torch.abs,
):
    def share(n, m):
        return float(energy(w).reshape(-1, m).topk(n, dim=1).values.sum() / energy(w).sum())

    fitting = [p for p in patterns if enough(share(*p), bound)]
    return min(fitting, key=lambda p: bits(*p), default=None)


plausible(
    "6.4",
    lambda w, p, b: _pattern(w, p, b, energy=torch.square),
    lambda w, p, b: _pattern(w, p, b, bits=lambda n, m: n * 16 / m),
    lambda w, p, b: _pattern(w, p, b, bits=lambda n, m: n * (16 + math.log2(m))),
    lambda w, p, b: _pattern(w, p, b, bits=lambda n, m: -n / m),
    lambda w, p, b: _pattern(w, p, b, enough=lambda s, b: s > b),
    lambda w, p, b: _pattern(w, p, 0.0),
    lambda w, p, b: next((q for q in p if _pattern(w, [q], b)), None),
    lambda w, p, b: _pattern(w, p, b) or p[0],
)

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

# 6.1, once more from the text alone


def _rem_6_1(w, n, m, last=None, mag=torch.abs, tie=1):
    out = torch.zeros_like(w, dtype=torch.bool)
    for r in range(len(w)):
        for a in range(0, w.shape[1], m):
            g = mag(w[r, a : a + m]).tolist()
            k = min(n, len(g)) if last is None or len(g) == m else last(n, m, len(g))
            for j in sorted(range(len(g)), key=lambda j: (-g[j], -tie * j))[:k]:
                out[r, a + j] = True
    return out


right("6.1")(_rem_6_1)

plausible(
    "6.1",
    lambda *a: _rem_6_1(*a, last=lambda n, m, r: round(n * r / m)),  # last group in proportion
    lambda *a: _rem_6_1(*a, last=lambda n, m, r: max(0, r - (m - n))),  # last group drops m - n
    lambda *a: _rem_6_1(*a, last=lambda n, m, r: r),  # last group whole
    lambda *a: _rem_6_1(*a, tie=-1),  # ties: earlier kept
    lambda w, n, m: (
        torch.cat([_rem_6_1(w[:, : w.shape[1] % m], n, m), _rem_6_1(w[:, w.shape[1] % m :], n, m)], 1)
        if w.shape[1] % m
        else _rem_6_1(w, n, m)
    ),  # short group first
    lambda w, n, m: (
        lambda r: (
            torch.cat([_rem_6_1(w[:, : w.shape[1] - r], n, m), _rem_6_1(w[:, -m:], n, m)[:, -r:]], 1)
            if r and w.shape[1] >= m
            else _rem_6_1(w, n, m)
        )
    )(w.shape[1] % m),  # borrow from the group before
)

# 6.4, once more from the text alone


def _sp_6_4(
    w, ps, bound, cost=lambda n, m: n * (16 + math.ceil(math.log2(m))) / m, share=None, ok=lambda k, b: k >= b
):
    best = None
    for n, m in ps:
        g = w.abs().reshape(-1, m)
        k = g.topk(n, 1).values.sum() / w.abs().sum() if share is None else share(g, n)
        if ok(k, bound) and (best is None or cost(n, m) < cost(*best)):
            best = (n, m)
    return best


right("6.4")(
    lambda w, ps, b: min(
        (
            p
            for p in ps
            if w.abs().double().reshape(-1, p[1]).sort(1, descending=True).values[:, : p[0]].sum()
            >= b * w.abs().double().sum()
        ),
        key=lambda p: p[0] * (16 + (p[1] - 1).bit_length()) / p[1],
        default=None,
    )
)

plausible(
    "6.4",
    lambda *a: _sp_6_4(*a, cost=lambda n, m: n * (16 + math.ceil(math.log2(m)))),  # bits per group
    lambda *a: _sp_6_4(*a, cost=lambda n, m: (16 * n + m) / m),  # bitmap instead
    lambda *a: _sp_6_4(*a, cost=lambda n, m: (16 * n + math.log2(math.comb(m, n))) / m),  # log2 of m choose n
    lambda *a: _sp_6_4(
        *a, share=lambda g, n: (g.topk(n, 1).values.sum(1) / g.sum(1).clamp(min=1e-12)).min()
    ),  # worst group
    lambda *a: _sp_6_4(*a, cost=lambda n, m: n * (32 + math.ceil(math.log2(m))) / m),  # values of 32 bits
    lambda *a: _sp_6_4(*a, share=lambda g, n: g[:, :n].sum() / g.sum()),  # first n of each
)


# found by readers


plausible(
    "6.1",
    lambda w, n, m: _rem_6_1(w, n, m, mag=lambda x: (x.abs() * 1e4).round()),
    lambda w, n, m: _rem_6_1(w.float(), n, m),
)

plausible(
    "6.4",
    lambda *a: _sp_6_4(*a, cost=lambda n, m: n * (16 + int(math.log2(m))) / m),
    lambda *a: _sp_6_4(*a, cost=lambda n, m: n * (16 + math.log2(m)) / m),
    lambda *a: _sp_6_4(*a, cost=lambda n, m: n * (16 + max(1, math.ceil(math.log2(m)))) / m),
    lambda *a: _sp_6_4(*a, cost=lambda n, m: n * (16 + (n < m) * math.ceil(math.log2(m))) / m),
)

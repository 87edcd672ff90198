"""Answers to 5.1 and 5.2: right ones, written differently, and wrong ones that must be refused."""

import math

import torch
from torch import nn
from torch.nn.utils import prune

from answers import plausible, right, wrong

# 5.1 row_mask


@right("5.1")
def by_topk(t, default_mask, keep):
    magnitude = t.abs().masked_fill(default_mask == 0, -1)
    return torch.zeros_like(default_mask).scatter_(1, magnitude.topk(keep, dim=1).indices, 1) * default_mask


@right("5.1")
def by_loop(t, default_mask, keep):
    mask = torch.zeros_like(default_mask)
    for o in range(len(t)):
        living = default_mask[o].nonzero().flatten()
        order = t[o, living].abs().argsort(descending=True)
        mask[o, living[order[:keep]]] = 1
    return mask


def _rows(t, d, keep, scores=None):
    magnitude = t.abs().masked_fill(d == 0, -1.0) if scores is None else scores(t, d)
    return torch.zeros_like(d).scatter_(1, magnitude.topk(keep, dim=1).indices, 1.0)


plausible(
    "5.1",
    lambda t, d, k: _rows(t, d, k),
    lambda t, d, k: _rows(t, d, k, lambda t, d: t.abs()) * d,
    lambda t, d, k: _rows(t, d, k, lambda t, d: t.masked_fill(d == 0, -99)) * d,
    lambda t, d, k: _rows(t, d, k, lambda t, d: -t.abs()) * d,
    lambda t, d, k: (_rows(t, d, k) * d).bool(),
    lambda t, d, k: (_rows(t.T.contiguous(), d.T.contiguous(), min(k, len(t))) * d.T).T.contiguous(),
    lambda t, d, k: d * (t.abs() >= t.abs().mean()),
)


# 5.2 zeros_after


@right("5.2")
def counts_what_is_left(weights, amounts):
    left = weights
    for amount in amounts:
        left = left - (amount if isinstance(amount, int) else round(left * amount))
    return weights - left


@right("5.2")
def asks_torch(weights, amounts):
    layer = nn.Linear(weights, 1, bias=False)
    for amount in amounts:
        prune.l1_unstructured(layer, "weight", amount=amount)
    return int((layer.weight == 0).sum())


@wrong("5.2", "That is how many are left")
def what_is_left(weights, amounts):
    return weights - counts_what_is_left(weights, amounts)


def _zeros(n, amounts, rule):
    left = n
    for a in amounts:
        left -= rule(a, left, n)
    return n - left


plausible(
    "5.2",
    lambda n, am: _zeros(n, am, lambda a, left, n: a if isinstance(a, int) else round(a * n)),
    lambda n, am: _zeros(n, am, lambda a, left, n: a if isinstance(a, int) else int(a * left)),
    lambda n, am: _zeros(n, am, lambda a, left, n: a if a >= 1 else round(a * left)),
    lambda n, am: _zeros(n, am, lambda a, left, n: round(a * left)),
    lambda n, am: n - _zeros(n, am, lambda a, left, n: a if isinstance(a, int) else round(a * left)),
    lambda n, am: _zeros(n, am[-1:], lambda a, left, n: a if isinstance(a, int) else round(a * left)),
    lambda n, am: _zeros(n, am, lambda a, left, n: a if isinstance(a, int) else math.floor(a * left + 0.5)),
    lambda n, am: _zeros(n, am, lambda a, left, n: a if isinstance(a, int) else math.ceil(a * left)),
)

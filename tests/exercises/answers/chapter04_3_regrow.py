"""Answers to 4.7: right ones, written differently, and wrong ones that must be refused."""

import math

import torch

from answers import plausible, right
from prunelab.dynamic import regrow

# 4.7 prune_and_regrow


@right("4.7")
def exchange_by_package(weight, mask, gradient, share):
    new = regrow(weight, mask, gradient.abs(), share)
    return torch.where(new & mask, weight, 0), new


@right("4.7")
def exchange_by_topk(weight, mask, gradient, share):
    count = round(share * int(mask.sum()))
    here = torch.where(mask, weight.abs(), torch.inf).flatten()
    new = mask.flatten().clone()
    new[here.sort().indices[:count]] = False
    promise = torch.where(new, -torch.inf, gradient.flatten().abs())
    new[promise.sort(descending=True).indices[:count]] = True
    return weight * mask * new.view(mask.shape), new.view(mask.shape)


def _exchange(
    weight, mask, gradient, share, count=None, grow=torch.abs, drop=torch.abs, reset=True, barred=False
):
    present = mask.flatten().nonzero().flatten()
    n = round(share * len(present)) if count is None else count(share, mask)
    new = mask.flatten().clone()
    gone = present[drop(weight.flatten()[present]).argsort(stable=True)[:n]]
    new[gone] = False
    absent = (~(mask.flatten() if barred else new)).nonzero().flatten()
    new[absent[grow(gradient.flatten()[absent]).argsort(descending=True, stable=True)[:n]]] = True
    new = new.view(mask.shape)
    return torch.where(new & mask if reset else new, weight, 0), new


plausible(
    "4.7",
    lambda *a: _exchange(*a, count=lambda s, m: int(s * int(m.sum()))),
    lambda *a: _exchange(*a, count=lambda s, m: round(s * m.numel())),
    lambda *a: _exchange(*a, grow=lambda g: g),
    lambda *a: _exchange(*a, grow=lambda g: -g),
    lambda *a: _exchange(*a, drop=lambda w: w),
    lambda *a: _exchange(*a, reset=False),
    lambda *a: _exchange(*a, barred=True),
    lambda *a: _exchange(*a)[::-1],
    lambda w, m, g, s: (w, _exchange(w, m, g, s)[1]),
    lambda *a: _exchange(*a, count=lambda s, m: math.ceil(s * int(m.sum()))),
)

"""Answers to 4.6 and 4.7: right ones, written differently, and wrong ones that must be refused."""

import math

import torch

from answers import plausible, right
from prunelab.dynamic import regrow
from prunelab.masks import keep_top
from prunelab.schedules import cubic

# 4.6 mask_at


@right("4.6")
def mask_by_keep_top(weight, mask, step, start, end, final):
    scores = torch.where(mask, weight.abs(), -1)
    return keep_top(scores, cubic(step, start, end, final)) & mask


@right("4.6")
def mask_by_sorting(weight, mask, step, start, end, final):
    done = min(max((step - start) / (end - start), 0), 1)
    gone = round(final * (1 - (1 - done) ** 3) * weight.numel())
    scores = weight.abs().flatten().clone()
    scores[~mask.flatten()] = -1
    new = torch.ones(weight.numel(), dtype=torch.bool)
    new[scores.sort(stable=True).indices[:gone]] = False
    return (new & mask.flatten()).view(weight.shape)


def _mask_at(weight, mask, step, start, end, final, scores=None, count=None, power=3):
    left = 1 - min(max((step - start) / (end - start), 0), 1)
    s = final * (1 - left**power)
    scores = torch.where(mask, weight.abs(), -1.0) if scores is None else scores(weight, mask)
    gone = max(round(s * weight.numel()), int((~mask).sum())) if count is None else count(s, weight, mask)
    new = torch.ones(weight.numel(), dtype=torch.bool)
    new[scores.flatten().argsort(stable=True)[:gone]] = False
    return new.view(weight.shape)


plausible(
    "4.6",
    lambda *a: _mask_at(*a, scores=lambda w, m: w.abs()),
    lambda *a: _mask_at(*a, scores=lambda w, m: w.abs() * m),
    lambda *a: _mask_at(*a, scores=lambda w, m: torch.where(m, w, -99.0)),
    lambda *a: _mask_at(*a, count=lambda s, w, m: int(s * w.numel())),
    lambda *a: _mask_at(*a, count=lambda s, w, m: max(round(s * int(m.sum())), int((~m).sum()))),
    lambda *a: _mask_at(*a, count=lambda s, w, m: round(s * w.numel())),
    lambda *a: _mask_at(*a, power=1),
    lambda *a: _mask_at(*a, count=lambda s, w, m: max(math.floor(s * w.numel() + 0.5), int((~m).sum()))),
    lambda *a: _mask_at(*a).float(),
)


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

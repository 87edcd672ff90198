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

# 4.7, once more from the text alone


def _pr_4_7(w, m, g, s, cnt=round, cand=lambda new, old: ~new, gs=torch.abs, val=None, ws=torch.abs):
    f, gf = w.flatten(), g.flatten()
    new = m.flatten().clone()
    k = new.nonzero().flatten()
    c = cnt(s * len(k))
    new[k[ws(f[k]).argsort(stable=True)[:c]]] = False
    a = cand(new, m.flatten()).nonzero().flatten()
    new[a[gs(gf[a]).argsort(stable=True, descending=True)[:c]]] = True
    new = new.view(m.shape)
    return (torch.where(new & m, w, torch.zeros_like(w)) if val is None else val(w, m, new)), new


right("4.7")(_pr_4_7)

plausible(
    "4.7",
    lambda w, m, g, s: _pr_4_7(
        w, m, g, s, val=lambda w, m, n: torch.where(n & m, w, torch.where(n, -0.1 * g, torch.zeros_like(w)))
    ),  # grown start at minus the gradient
    lambda *a: _pr_4_7(*a, cand=lambda new, old: ~old),  # not the just dropped
    lambda *a: _pr_4_7(*a, gs=lambda x: x),  # gradient signed
    lambda w, m, g, s: _pr_4_7(w, m, g * w, s),  # weight times gradient for growth
    lambda *a: _pr_4_7(*a, cnt=lambda x: max(1, round(x))),  # at least one
    lambda w, m, g, s: (
        (lambda r: (torch.stack([x for x, _ in r]), torch.stack([y for _, y in r])))(
            [_pr_4_7(w[i], m[i], g[i], s) for i in range(len(w))]
        )
        if w.ndim > 1
        else _pr_4_7(w, m, g, s)
    ),  # per row
)


# found by readers


plausible("4.7", lambda w, m, g, s: _grown_by_product(w, m, g, s))


def _grown_by_product(w, m, g, s):
    keep, count = m.flatten().clone(), round(s * int(m.sum()))
    kept = keep.nonzero().flatten()
    keep[kept[w.flatten()[kept].abs().argsort(stable=True)[:count]]] = False
    keep[(g.abs().flatten() * ~keep).argsort(stable=True, descending=True)[:count]] = True
    keep = keep.view(m.shape)
    return torch.where(keep & m, w, 0), keep

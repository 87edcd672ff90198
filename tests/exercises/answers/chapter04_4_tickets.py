"""Answers to 4.8 and 4.10: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import plausible, right, wrong
from prunelab.masks import keep_top

# 4.8 winning_ticket


@right("4.8")
def ticket_by_keep_top(initial, trained, masks, share):
    new = {}
    for name, mask in masks.items():
        scores = torch.where(mask, trained[name].abs(), -1)
        gone = int((~mask).sum()) + round(share * int(mask.sum()))
        new[name] = keep_top(scores, gone / mask.numel())
    return {name: initial[name] * new[name] for name in new}, new


@right("4.8")
def ticket_by_loops(initial, trained, masks, share):
    weights, new = {}, {}
    for name in masks:
        mask = masks[name].flatten().clone()
        left = mask.nonzero().squeeze(1)
        order = trained[name].flatten()[left].abs().argsort(stable=True)
        mask[left[order[: round(share * len(left))]]] = False
        new[name] = mask.view(masks[name].shape)
        weights[name] = torch.where(new[name], initial[name], 0.0)
    return weights, new


@wrong("4.8", "new random values")
def ticket_reinitialised(initial, trained, masks, share):
    _, new = ticket_by_loops(initial, trained, masks, share)
    return {name: torch.randn_like(initial[name]) * new[name] for name in new}, new


def _ticket(initial, trained, masks, share, rank=None, fill=None, count=None):
    weights, new = {}, {}
    for n, m in masks.items():
        left = m.flatten().nonzero().flatten()
        values = (trained if rank is None else rank)[n].flatten()[left].abs()
        k = round(share * len(left)) if count is None else count(share, m)
        new[n] = m.flatten().index_fill(0, left[values.argsort(stable=True)[:k]], False).view(m.shape)
        weights[n] = (initial if fill is None else fill)[n] * new[n]
    return weights, new


plausible(
    "4.8",
    lambda i, t, m, s: _ticket(i, t, m, s, rank=i),
    lambda i, t, m, s: _ticket(i, t, m, s, fill=t),
    lambda i, t, m, s: _ticket(i, t, m, s, count=lambda s, m: round(s * m.numel())),
    lambda i, t, m, s: _ticket(i, t, m, s, count=lambda s, m: int(s * int(m.sum()))),
    lambda i, t, m, s: _ticket(i, t, m, s, rank={n: t[n] - i[n] for n in m}),
    lambda i, t, m, s: _ticket(i, t, {n: torch.ones_like(x) for n, x in m.items()}, s),
    lambda i, t, m, s: (i, _ticket(i, t, m, s)[1]),
    lambda i, t, m, s: _ticket(i, t, {n: t[n] != 0 for n in m}, s),
    lambda i, t, m, s: _ticket(i, t, m, 1 - s),
)


# 4.10 trainings_before


@right("4.10")
def before_by_sum(rounds, share, skips_zeros):
    return float(sum((1 - share) ** k if skips_zeros else 1 for k in range(rounds)))


@right("4.10")
def before_by_formula(rounds, share, skips_zeros):
    return (1 - (1 - share) ** rounds) / share if skips_zeros and share else float(rounds)


plausible(
    "4.10",
    lambda r, p, z: (1 - (1 - p) ** r) / p if z else float(r),
    lambda r, p, z: sum((1 - p) ** k for k in range(1, r + 1)) if z else float(r),
    lambda r, p, z: sum((1 - p) ** k for k in range(r + 1)) if z else r + 1.0,
    lambda r, p, z: sum(1 - p * k for k in range(r)) if z else float(r),
    lambda r, p, z: r * (1 - p) if z else float(r),
    lambda r, p, z: float(r),
    lambda r, p, z: (1 - p) ** r if z else 1.0,
)

# 4.8, once more from the text alone


def _wt_4_8(
    i, t, m, s, sc=lambda i, t: t.abs(), cnt=lambda s, left, n: round(s * left), val=lambda i, t, m: i * m
):
    ws, new = {}, {}
    for n in m:
        f = m[n].flatten().clone()
        k = f.nonzero().flatten()
        o = sc(i[n], t[n]).flatten()[k].argsort(stable=True)
        f[k[o[: cnt(s, len(k), m[n].numel())]]] = False
        new[n] = f.view(m[n].shape)
        ws[n] = val(i[n], t[n], new[n])
    return ws, new


right("4.8")(_wt_4_8)

plausible(
    "4.8",
    lambda *a: _wt_4_8(*a, val=lambda i, t, m: i.sign() * t.abs() * m),  # sign of initial, size of trained
    lambda *a: _wt_4_8(*a, sc=lambda i, t: (t - i).abs()),  # movement
    lambda *a: _wt_4_8(*a, sc=lambda i, t: t.abs() - i.abs()),  # magnitude increase
    lambda *a: _wt_4_8(
        *a, cnt=lambda s, la, n: min(la - 1, round(s * la)) if la else 0
    ),  # keeps at least one
    lambda *a: _wt_4_8(*a, sc=lambda i, t: (t + i).abs()),  # mean of both
    lambda i, t, m, s: (lambda c: _wt_4_8(i, t, m, s, cnt=lambda s, la, n: min(la, c)))(
        round(s * int(next(iter(m.values())).sum()))
    ),  # all layers by the first's count
)

# 4.10, once more from the text alone


right("4.10")(lambda r, s, z: float(r) if not z else (1 - (1 - s) ** r) / s if s else float(r))

plausible(
    "4.10",
    lambda r, s, z: float(sum((1 - s) ** k if z else 1 for k in range(r + 1))),  # ticket's own included
    lambda r, s, z: float(sum((1 - s) ** (k + 1) if z else 1 for k in range(r))),  # densities after
    lambda r, s, z: float(sum(max(0, 1 - k * s) if z else 1 for k in range(r))),  # linear
    lambda r, s, z: (
        0.0 if r == 0 else float(1 + (r - 1) * (1 - s)) if z else float(r)
    ),  # always dense first only
    lambda r, s, z: round(float(sum((1 - s) ** k if z else 1 for k in range(r))), 2),  # two digits
)


# found by readers


plausible(
    "4.8",
    lambda i, t, m, s: _by_threshold(i, t, m, s),
    lambda i, t, m, s: _wt_4_8(i, t, {n: (t[n] * m[n]) != 0 for n in m}, s),
)


def _by_threshold(i, t, m, s):
    new = {}
    for n, mask in m.items():
        left = t[n][mask].abs().sort().values
        count = round(s * len(left))
        new[n] = mask & (t[n].abs() > left[count - 1]) if count else mask
    return {n: i[n] * new[n] for n in m}, new


def _by_topk(i, t, m, s):
    new = {}
    for n, mask in m.items():
        new[n] = mask.flatten().clone()
        left = new[n].nonzero().squeeze(1)
        lowest = t[n].flatten()[left].abs().topk(round(s * len(left)), largest=False).indices
        new[n][left[lowest]] = False
    new = {n: kept.view(m[n].shape) for n, kept in new.items()}
    return {n: i[n] * new[n] for n in m}, new


plausible("4.8", _by_topk)

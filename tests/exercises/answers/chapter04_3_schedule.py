"""Answers to 4.6: right ones, written differently, and wrong ones that must be refused."""

import math

import torch

from answers import plausible, right
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

# 4.6, once more from the text alone


def _ma_4_6(w, m, t, a, b, f, p=3, cnt=round, sc=None, more=max):
    x = min(max((t - a) / (b - a), 0), 1)
    n = w.numel()
    gone = more(cnt(f * (1 - (1 - x) ** p) * n), int((~m).sum()))
    idx = sorted(
        range(n),
        key=lambda i: (
            (w.abs() if sc is None else sc(w, m)).flatten()[i].item() if m.flatten()[i] else -1,
            i,
        ),
    )
    out = torch.ones(n, dtype=torch.bool)
    out[idx[:gone]] = False
    return out.view(w.shape)


right("4.6")(_ma_4_6)

plausible(
    "4.6",
    lambda *a: _ma_4_6(*a, sc=lambda w, m: w + 100),  # signed weights
    lambda w, m, t, a, b, f: (
        torch.stack([_ma_4_6(w[i], m[i], t, a, b, f) for i in range(len(w))])
        if w.ndim > 1
        else _ma_4_6(w, m, t, a, b, f)
    ),  # rounded per row
    lambda w, m, t, a, b, f: (
        lambda x: _ma_4_6(w, m, 1, 0, 1, 1 - (1 - f * (1 - (1 - x) ** 3)) * m.float().mean().item())
    )(min(max((t - a) / (b - a), 0), 1)),  # share of what is left
    lambda *a: _ma_4_6(*a, cnt=math.ceil),  # rounding up
    lambda *a: _ma_4_6(*a, p=2),  # quadratic
    lambda w, m, t, a, b, f: m.clone() if t > b else _ma_4_6(w, m, t, a, b, f),  # no update after the end
    lambda w, m, t, a, b, f: (
        torch.ones_like(m) if t < a else _ma_4_6(w, m, t, a, b, f)
    ),  # no update before the start
)

"""Plausible wrong answers of chapter 04, written from the texts of the exercises alone: each must be
refused.
"""

import copy
import math

import torch
import torch.nn.functional as F
from answers import plausible
from torch import nn

from prunelab.masks import apply_masks, mask_model, prunable


def _cubic(step, start, end, final, initial, power=3, low=0.0, high=1.0):
    x = min(max((step - start) / (end - start), low), high)
    return final + (initial - final) * (1 - x) ** power


plausible(
    "4.1",
    lambda t, a, b, f, i: _cubic(t, a, b, f, i, power=2),
    lambda t, a, b, f, i: _cubic(t, a, b, f, i, power=1),
    lambda t, a, b, f, i: _cubic(t, a, b, f, i, low=-9.0),
    lambda t, a, b, f, i: _cubic(t, a, b, f, i, high=9.0),
    lambda t, a, b, f, i: _cubic(t, a, b, f, 0.0),
    lambda t, a, b, f, i: i + (f - i) * min(max((t - a) / (b - a), 0), 1) ** 3,
    lambda t, a, b, f, i: 0.0 if t < a else _cubic(t, a, b, f, i),
    lambda t, a, b, f, i: 1.0 if t > b else _cubic(t, a, b, f, i),
    lambda t, a, b, f, i: _cubic(t, a, a + b, f, i),
    lambda t, a, b, f, i: i if t <= a else f if t >= b else f + (i - f) * (1 - (t - a) // (b - a)) ** 3,
)


def _ratios(curves, passes, pick=max, default=None):
    found = {
        n: pick([s for s, v in c.items() if s > 0 and passes(c[0.0], v)], default=default)
        for n, c in curves.items()
    }
    return {n: s for n, s in found.items() if s is not None}


plausible(
    "4.2",
    lambda c, t: _ratios(c, lambda d, v: d - v <= t),
    lambda c, t: _ratios(c, lambda d, v: abs(d - v) < t),
    lambda c, t: _ratios(c, lambda d, v: d - v < t, default=0.0),
    lambda c, t: _ratios(c, lambda d, v: d - v < t, pick=min),
    lambda c, t: _ratios(c, lambda d, v: v > t),
    lambda c, t: _ratios(c, lambda d, v: (d - v) / d < t / 100),
    lambda c, t: {n: s for n, s in _ratios(c, lambda d, v: d - v < t).items() if s >= 0.5},
    lambda c, t: {n: list(x)[-1] for n, x in c.items()},
    lambda c, t: {n: max(s for s, v in x.items() if x[0.0] - v < t) for n, x in c.items()},
)


def _without(w, b, nw, nb, i, columns, constant):
    stays = [k for k in range(len(w)) if k != i]
    return w[stays], b[stays], nw[:, [c for c in range(nw.shape[1]) if c not in columns]], nb + constant


def _own(w, nw, i):
    p = nw.shape[1] // len(w)
    return list(range(i * p, (i + 1) * p))


plausible(
    "4.3",
    lambda w, b, nw, nb, i: _without(w, b, nw, nb, i, _own(w, nw, i), 0),
    lambda w, b, nw, nb, i: _without(w, b, nw, nb, i, _own(w, nw, i), nw[:, _own(w, nw, i)].sum(1) * b[i]),
    lambda w, b, nw, nb, i: _without(
        w, b, nw, nb, i, _own(w, nw, i), nw[:, _own(w, nw, i)].mean(1) * b[i].relu()
    ),
    lambda w, b, nw, nb, i: _without(w, b, nw, nb, i, _own(w, nw, i), b[i].relu()),
    lambda w, b, nw, nb, i: _without(
        w, b, nw, nb, i, range(i, nw.shape[1], len(w)), nw[:, i :: len(w)].sum(1) * b[i].relu()
    ),
    lambda w, b, nw, nb, i: _without(w, b, nw, nb, i, [i], nw[:, i] * b[i].relu()),
    lambda w, b, nw, nb, i: _without(
        w, b, nw, nb, i, _own(w, nw, i), (nw[:, _own(w, nw, i)].sum(1) * b[i]).relu()
    ),
    lambda w, b, nw, nb, i: (w * (torch.arange(len(w)) != i).view(-1, 1, 1, 1), b, nw, nb),
)


def _pruned(model, sparsity, scope="global"):
    small = copy.deepcopy(model)
    apply_masks(small, mask_model({n: w.abs() for n, w in prunable(small).items()}, sparsity, scope=scope))
    return small


plausible(
    "4.4",
    lambda m, d, share, bound: _pruned(m, 1 - share),
    lambda m, d, share, bound: _pruned(m, share),
    lambda m, d, share, bound: _pruned(m, 0.99),
    lambda m, d, share, bound: copy.deepcopy(m).apply(
        lambda la: la.reset_parameters() if hasattr(la, "reset_parameters") else None
    ),
)


def _words(timings, rule):
    base, *others = timings
    return {
        n: rule(
            torch.tensor(timings[base], dtype=torch.float64), torch.tensor(timings[n], dtype=torch.float64)
        )
        for n in others
    }


def _word(low, high, above=1.1, below=1 / 1.1):
    return "faster" if low > above else "slower" if high < below else "no measurable difference"


plausible(
    "4.5",
    lambda t: _words(t, lambda a, b: _word((a / b).quantile(0.25), (a / b).quantile(0.75), below=0.9)),
    lambda t: _words(
        t, lambda a, b: _word((a / b).quantile(0.25), (a / b).quantile(0.75), above=1.0, below=1.0)
    ),
    lambda t: _words(t, lambda a, b: _word((a / b).quantile(0.75), (a / b).quantile(0.25))),
    lambda t: _words(t, lambda a, b: _word((a / b).median(), (a / b).median())),
    lambda t: _words(t, lambda a, b: _word((a / b).mean(), (a / b).mean())),
    lambda t: _words(t, lambda a, b: _word((b / a).quantile(0.25), (b / a).quantile(0.75))),
    lambda t: _words(t, lambda a, b: _word((a / b).min(), (a / b).max())),
    lambda t: _words(
        t, lambda a, b: _word(a.quantile(0.25) / b.quantile(0.25), a.quantile(0.75) / b.quantile(0.75))
    ),
    lambda t: _words(
        t,
        lambda a, b: _word(
            (a / b).quantile(0.25, interpolation="nearest"), (a / b).quantile(0.75, interpolation="nearest")
        ),
    ),
    lambda t: _words(
        t,
        lambda a, b: (
            "faster"
            if (a / b).quantile(0.25) >= 1.1
            else _word((a / b).quantile(0.25), (a / b).quantile(0.75))
        ),
    ),
    lambda t: {
        n: w.replace("no measurable difference", "same")
        for n, w in _words(t, lambda a, b: _word((a / b).quantile(0.25), (a / b).quantile(0.75))).items()
    },
)


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


def _snip(
    model,
    images,
    labels,
    sparsity,
    score=lambda w, g: (w * g).abs(),
    layers=(nn.Linear, nn.Conv2d),
    scope="global",
    loss=F.cross_entropy,
):
    names = {f"{n}.weight": m.weight for n, m in model.named_modules() if isinstance(m, layers)}
    grads = torch.autograd.grad(loss(model(images), labels), list(names.values()), allow_unused=True)
    return mask_model(
        {n: score(w.detach(), g) for (n, w), g in zip(names.items(), grads, strict=True)},
        sparsity,
        scope=scope,
    )


def _snip_backward(model, images, labels, sparsity):
    F.cross_entropy(model(images), labels).backward()
    return mask_model(
        {n: (w * w.grad).detach().abs() for n, w in prunable(model).items()}, sparsity, scope="global"
    )


def _snip_in_eval(model, images, labels, sparsity):
    return _snip(model.eval(), images, labels, sparsity)


plausible(
    "4.9",
    _snip_backward,
    _snip_in_eval,
    lambda *a: _snip(*a, score=lambda w, g: g.abs()),
    lambda *a: _snip(*a, score=lambda w, g: w.abs()),
    lambda *a: _snip(*a, score=lambda w, g: (w * g) ** 2 + w.abs()),
    lambda *a: _snip(*a, scope="layer"),
    lambda *a: _snip(*a, layers=nn.Linear),
    lambda *a: {n: ~m for n, m in _snip(*a).items()},
    lambda m, x, y, s: _snip(m, x, y, 1 - s),
    lambda m, x, y, s: {n.removesuffix(".weight"): v for n, v in _snip(m, x, y, s).items()},
)


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


plausible(
    "4.11",
    lambda m, d, share, points: copy.deepcopy(m),
    lambda m, d, share, points: _pruned(m, 1 - share),
    lambda m, d, share, points: nn.Sequential(nn.Flatten(), nn.Linear(d.valid.tensors[0][0].numel(), 2)),
    lambda m, d, share, points: nn.Identity(),
)


def _smaller(model, keeps, next_columns):
    small, kept = copy.deepcopy(model), None
    for layer in small:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            w, b = layer.weight.data, layer.bias.data
            w = w if kept is None else next_columns(w, kept)
            kept = keeps(layer) if isinstance(layer, nn.Conv2d) else torch.ones(len(b), dtype=torch.bool)
            layer.weight, layer.bias = nn.Parameter(w[kept]), nn.Parameter(b[kept])
    return small


plausible(
    "4.12",
    copy.deepcopy,
    lambda m: _smaller(m, lambda la: la.weight.flatten(1).any(1), lambda w, k: w),
    lambda m: _smaller(
        m, lambda la: la.weight.flatten(1).any(1), lambda w, k: w[:, k.repeat(w.shape[1] // len(k))]
    ),
    lambda m: _smaller(
        m,
        lambda la: la.weight.flatten(1).all(1),
        lambda w, k: w[:, k.repeat_interleave(w.shape[1] // len(k))],
    ),
    lambda m: _smaller(
        m,
        lambda la: ~la.weight.flatten(1).any(1),
        lambda w, k: w[:, k.repeat_interleave(w.shape[1] // len(k))],
    ),
)

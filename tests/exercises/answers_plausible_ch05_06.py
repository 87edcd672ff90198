"""Plausible wrong answers of chapters 05 and 06, written from the texts of the exercises alone: each must be
refused.
"""

import math
import statistics

import torch
from answers import plausible
from torch import nn


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


def _count(tensors):
    tensors = list(tensors)
    return sum(int((t == 0).sum()) for t in tensors) / sum(t.numel() for t in tensors)


plausible(
    "5.3",
    lambda m: _count(m.parameters()),
    lambda m: _count(b for n, b in m.named_buffers()) if list(m.buffers()) else 0.0,
    lambda m: _count(la.weight for la in m.modules() if isinstance(la, nn.Linear)),
    lambda m: (
        _count(la.weight for la in m.modules() if hasattr(la, "weight_mask"))
        if any(hasattr(la, "weight_mask") for la in m.modules())
        else 0.0
    ),
    lambda m: _count(la.weight for la in m.modules() if hasattr(la, "weight")),
    lambda m: statistics.fmean(
        _count([la.weight]) for la in m.modules() if isinstance(la, nn.Linear | nn.Conv2d)
    ),
    lambda m: _count(
        t for la in m.modules() if isinstance(la, nn.Linear | nn.Conv2d) for t in (la.weight, la.bias)
    ),
)


plausible(
    "5.4",
    lambda s: {k.removesuffix("_orig"): v for k, v in s.items() if not k.endswith("_mask")},
    lambda s: {
        k.replace("_orig", ""): v * s[k.replace("_orig", "_mask")]
        for k, v in s.items()
        if k.endswith("_orig")
    },
    lambda s: {k: v * s.get(k.replace("_orig", "_mask"), 1) for k, v in s.items() if not k.endswith("_mask")},
    lambda s: {k: v for k, v in s.items() if not k.endswith(("_mask", "_orig"))},
    lambda s: {k.removesuffix("_mask"): v for k, v in s.items() if not k.endswith("_orig")},
    lambda s: {
        k.replace("weight_orig", "weight"): v * s[k[:-5] + "_mask"] if k.endswith("weight_orig") else v
        for k, v in s.items()
        if not k.endswith("_mask")
    },
)


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


def _decode(values, byte, position=lambda byte, i: byte >> 2 * i & 3, group=lambda i: i // 2):
    weights = torch.zeros(8)
    for i in range(4):
        weights[4 * group(i) + position(byte, i)] = values[i]
    return weights


plausible(
    "6.2",
    lambda v, b: _decode(v, b, lambda byte, i: byte >> 6 - 2 * i & 3),
    lambda v, b: _decode(v, b, lambda byte, i: byte >> 4 - 4 * (i // 2) + 2 * (i % 2) & 3),
    lambda v, b: _decode(v, b, lambda byte, i: byte >> 4 * (i // 2) + 2 - 2 * (i % 2) & 3),
    lambda v, b: _decode(v, b, group=lambda i: i % 2),
    lambda v, b: _decode(v, b, lambda byte, i: byte >> i & 3),
    lambda v, b: _decode(v, b).double(),
)


plausible(
    "6.3",
    lambda w, o: w[:, o],
    lambda w, o: w[:, o.flip(0)],
    lambda w, o: w[:, o.argsort(descending=True)],
    lambda w, o: w.sort(dim=1).values,
    lambda w, o: w[o] if len(w) > int(o.max()) else w.flip(1),
)


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

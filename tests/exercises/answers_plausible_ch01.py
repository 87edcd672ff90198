"""Plausible wrong answers of chapter 01, written from the texts of the exercises alone: each must be
refused.
"""

import copy
import math

import torch
import torch.nn.functional as F
from answers import plausible
from torch import nn

from prunelab.masks import apply_masks, keep_top, mask_model, prunable
from prunelab.training import accuracy


def _flat(scores):
    return torch.cat([s.flatten() for s in scores.values()])


def _by_threshold(scores, cut):
    return {n: s > cut for n, s in scores.items()}


def _floor_of_lowest(scores, sparsity, at_least):
    kept = mask_model(scores, sparsity, scope="global")
    for n, s in scores.items():
        if kept[n].sum() < at_least:
            kept[n].view(-1)[s.flatten().argsort()[:at_least]] = True
    return kept


def _at_least_as_share(scores, sparsity, at_least):
    free = {n: s.numel() - at_least for n, s in scores.items()}
    gone = round(sparsity * sum(free.values()))
    order = _flat(scores).argsort(stable=True)[: max(gone, 0)]
    mask = torch.ones(len(_flat(scores)), dtype=torch.bool).index_fill(0, order, False)
    return {
        n: m.view(scores[n].shape)
        for n, m in zip(scores, mask.split([s.numel() for s in scores.values()]), strict=True)
    }


plausible(
    "1.1",
    lambda s, p, m: mask_model(s, p, scope="layer"),
    lambda s, p, m: mask_model(s, p, scope="global"),
    lambda s, p, m: _by_threshold(s, _flat(s).quantile(p)),
    lambda s, p, m: _by_threshold(s, _flat(s).mean()),
    _floor_of_lowest,
    _at_least_as_share,
    lambda s, p, m: {n: keep_top(x, min(p, max(0.0, 1 - m / x.numel()))) for n, x in s.items()},
)


plausible(
    "1.2",
    lambda w, s: (w.abs().quantile(s).item(), s),
    lambda w, s: (w.abs().flatten().sort().values[min(int(s * w.numel()), w.numel() - 1)].item(), s),
    lambda w, s: (s * w.abs().max().item(), (w.abs() <= s * w.abs().max()).double().mean().item()),
    lambda w, s: (w.abs().flatten().sort(descending=True).values[round(s * w.numel()) - 1].item(), s),
    lambda w, s: (
        t := keep_top(w.abs(), s),
        (w.abs()[~t].max().item() if (~t).any() else 0.0, (~t).double().mean().item()),
    )[1],
    lambda w, s: (
        t := w.abs()[keep_top(w.abs(), s)].min().item() if s < 1 else 0.0,
        (w.abs() < t).double().mean().item(),
    ),
    lambda w, s: (w.std().item() * s, (w.abs() <= w.std() * s).double().mean().item()),
)


plausible(
    "1.3",
    lambda w, g, v, m, lr, mu: (w - lr * (mu * v + g * m), mu * v + g * m),
    lambda w, g, v, m, lr, mu: ((w - lr * g) * m, mu * v + g),
    lambda w, g, v, m, lr, mu: ((w - lr * (mu * v - g)) * m, mu * v - g),
    lambda w, g, v, m, lr, mu: ((w + lr * (mu * v + g)) * m, mu * v + g),
    lambda w, g, v, m, lr, mu: ((w - lr * (mu * v + (1 - mu) * g)) * m, mu * v + (1 - mu) * g),
    lambda w, g, v, m, lr, mu: (torch.where(m, w - lr * (mu * v + g), w), mu * v + g),
    lambda w, g, v, m, lr, mu: ((w - lr * (mu * v + g))[m], (mu * v + g)[m]),
)


plausible(
    "1.4",
    lambda m: (
        s := sum(int((p == 0).sum()) for p in m.parameters()) / sum(p.numel() for p in m.parameters()),
        1 / max(1 - s, 1e-9),
    ),
    lambda m: (
        s := 1
        - sum(int(p.count_nonzero()) for p in m.parameters() if p.ndim > 1)
        / sum(p.numel() for p in m.parameters() if p.ndim > 1),
        1 / (1 - s) if s < 1 else math.inf,
    ),
    lambda m: (
        s := sum(int((w == 0).sum()) for w in prunable(m).values())
        / sum(w.numel() for w in prunable(m).values()),
        round(1 / (1 - s)) if s < 1 else math.inf,
    ),
    lambda m: (
        s := sum(int((w == 0).sum()) for w in prunable(m).values())
        / sum(w.numel() for w in prunable(m).values()),
        1 / (1 - s) if s < 1 else 0.0,
    ),
    lambda m: (
        s := max(float((w == 0).float().mean()) for w in prunable(m).values()),
        1 / (1 - s) if s < 1 else math.inf,
    ),
    lambda m: (
        s := sum(int((w.abs() < 0.05).sum()) for w in prunable(m).values())
        / sum(w.numel() for w in prunable(m).values()),
        1 / (1 - s) if s < 1 else math.inf,
    ),
)


def _best(model, sparsities, bound, dataset, scope="layer", fresh=True, start=0.0, inverse=False):
    best, candidate = start, copy.deepcopy(model)
    for sparsity in sparsities:
        candidate = copy.deepcopy(model) if fresh else candidate
        scores = {n: -w.abs() if inverse else w.abs() for n, w in prunable(candidate).items()}
        apply_masks(candidate, mask_model(scores, sparsity, scope=scope))
        if accuracy(candidate, dataset) >= bound:
            best = max(best, sparsity)
    return best


def _with_the_model_itself(model, mnist, sparsities, bound):
    best = 0.0
    for sparsity in sorted(sparsities):
        apply_masks(model, mask_model({n: w.abs() for n, w in prunable(model).items()}, sparsity))
        if accuracy(model, mnist.valid) >= bound:
            best = sparsity
    return best


plausible(
    "1.5",
    lambda m, d, s, b: _best(m, s, b, d.test),
    lambda m, d, s, b: _best(m, s, b, d.train),
    lambda m, d, s, b: _best(m, s, b, d.valid, scope="global"),
    lambda m, d, s, b: _best(m, s, b / 100, d.valid),
    lambda m, d, s, b: _best(m, s, b, d.valid, start=min(s)),
    lambda m, d, s, b: _best(m, s, b, d.valid, inverse=True),
    _with_the_model_itself,
)


plausible(
    "1.6",
    lambda w, g, lr, s: (w - lr * (g + s * w.sign()), w - lr * (g + s * w)),
    lambda w, g, lr, s: (F.softshrink(w, lr * s) - lr * g, w - lr * (g + s * w)),
    lambda w, g, lr, s: (F.softshrink(w - lr * g, s), w - lr * (g + s * w)),
    lambda w, g, lr, s: (F.hardshrink(w - lr * g, lr * s), w - lr * (g + s * w)),
    lambda w, g, lr, s: (F.softshrink(w - lr * g, lr * s), w - lr * (g + 2 * s * w)),
    lambda w, g, lr, s: (F.softshrink(w - lr * g, lr * s), w - lr * g - s * w),
    lambda w, g, lr, s: (F.softshrink(w + lr * g, lr * s), w + lr * (g - s * w)),
    lambda w, g, lr, s: (F.softshrink(w - lr * g, lr * s), w - lr * (g + s * w**2)),
)


def _shares(model, image, positions, groups=True):
    counts, x = {"conv": [0, 0], "linear": [0, 0]}, image
    for m in model.modules():
        if isinstance(m, nn.Conv2d | nn.Linear):
            kind = "conv" if isinstance(m, nn.Conv2d) else "linear"
            counts[kind][0] += m.weight.numel()
            counts[kind][1] += m.weight.numel() * (positions(m, x) if kind == "conv" else 1)
    w, c = counts["conv"][0] + counts["linear"][0], counts["conv"][1] + counts["linear"][1]
    return {k: (a / w, b / c) for k, (a, b) in counts.items()}


plausible(
    "1.7",
    lambda m, x: _shares(m, x, lambda la, x: 1),
    lambda m, x: _shares(m, x, lambda la, x: x[0, 0].numel()),
    lambda m, x: _shares(
        m, x, lambda la, x: math.prod(s - k + 1 for s, k in zip(x.shape[2:], la.kernel_size, strict=True))
    ),
    lambda m, x: {k: v[::-1] for k, v in _shares(m, x, lambda la, x: x[0, 0].numel()).items()},
    lambda m, x: {"conv": (0.5, 0.5), "linear": (0.5, 0.5)},
)

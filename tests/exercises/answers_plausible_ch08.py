"""Plausible wrong answers of chapter 08, written from the texts of the exercises alone: each must be
refused.
"""

import copy
import math
import statistics

import torch
from answers import plausible

from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.storage import save_sparse


def _pruned(model, sparsity, scope="global"):
    small = copy.deepcopy(model)
    apply_masks(small, mask_model({n: w.abs() for n, w in prunable(small).items()}, sparsity, scope=scope))
    return small


plausible(
    "8.1",
    lambda ls: len(ls) / sum(p / 100 for _, p in ls.values()),
    lambda ls: statistics.fmean(100 / p if p else 0 for _, p in ls.values()),
    lambda ls: sum(w for w, _ in ls.values()) / sum(w * p // 100 for w, p in ls.values()),
    lambda ls: sum(w for w, _ in ls.values()) / sum(int(w * p / 100) for w, p in ls.values()),
    lambda ls: sum(w for w, _ in ls.values()) / sum(math.ceil(w * p / 100) for w, p in ls.values()),
    lambda ls: sum(w for w, _ in ls.values()) / sum(w * (100 - p) / 100 for w, p in ls.values()),
    lambda ls: sum(w * p / 100 for w, p in ls.values()) / sum(w for w, _ in ls.values()),
    lambda ls: round(sum(w for w, _ in ls.values()) / sum(w * p / 100 for w, p in ls.values()), 2),
    lambda ls: round(sum(w for w, _ in ls.values()) / sum(w * p / 100 for w, p in ls.values())),
)


def _four(w, b, n, v, i, **changed):
    dense = 32 * (w + b)
    right = {"weights": w / n, "parameters": (w + b) / (n + b), "pairs": dense / (64 * n + 32 * b)}
    return right | {"shared": dense / ((v + i) * n + 32 * 2**v + 32 * b)} | changed


plausible(
    "8.2",
    lambda w, b, n, v, i: _four(w, b, n, v, i, parameters=(w + b) / n),
    lambda w, b, n, v, i: _four(w, b, n, v, i, weights=(w + b) / (n + b)),
    lambda w, b, n, v, i: _four(w, b, n, v, i, pairs=32 * (w + b) / (64 * (n + b))),
    lambda w, b, n, v, i: _four(w, b, n, v, i, pairs=32 * (w + b) / (32 * n + 32 * b)),
    lambda w, b, n, v, i: _four(w, b, n, v, i, shared=32 * (w + b) / ((v + i) * n + 32 * b)),
    lambda w, b, n, v, i: _four(w, b, n, v, i, shared=32 * (w + b) / ((v + i) * n + 2**v + 32 * b)),
    lambda w, b, n, v, i: _four(w, b, n, v, i, shared=32 * (w + b) / ((v + i) * n + 32 * 2**i + 32 * b)),
    lambda w, b, n, v, i: _four(w, b, n, v, i, shared=32 * (w + b) / ((v + i) * (n + b) + 32 * 2**v)),
    lambda w, b, n, v, i: {k: round(r) for k, r in _four(w, b, n, v, i).items()},
)


def _report(v, t, epochs=None, correction=1, worst=torch.max, mean=torch.mean):
    e = v.argmin(1) if epochs is None else epochs(v, t)
    errors = t[torch.arange(len(t)), e]
    return mean(errors).item(), errors.std(correction=correction).item(), worst(errors).item()


plausible(
    "8.3",
    lambda v, t: _report(v, t, epochs=lambda v, t: t.argmin(1)),
    lambda v, t: _report(v, t, epochs=lambda v, t: v.argmax(1)),
    lambda v, t: _report(v, t, epochs=lambda v, t: torch.full((len(v),), v.shape[1] - 1)),
    lambda v, t: _report(v, t, epochs=lambda v, t: v.mean(0).argmin().expand(len(v))),
    lambda v, t: _report(v, t, correction=0),
    lambda v, t: _report(v, t, worst=torch.min),
    lambda v, t: _report(v, t, mean=torch.median),
    lambda v, t: _report(v, v),
    lambda v, t: _report(v, t, epochs=lambda v, t: v.shape[1] - 1 - v.flip(1).argmin(1)),
    lambda v, t: (*_report(v, t)[:2], t.max().item()),
)


def _beaten(marks, entries, rule, over=all):
    return [name for name, c, e in marks if over(rule(a, b, c, e) for a, b in entries)]


plausible(
    "8.4",
    lambda m, s: _beaten(m, s, lambda a, b, c, e: a >= c and b <= e),
    lambda m, s: _beaten(m, s, lambda a, b, c, e: a > c and b < e),
    lambda m, s: _beaten(m, s, lambda a, b, c, e: a > c or b < e),
    lambda m, s: _beaten(m, s, lambda a, b, c, e: a >= c and b <= e and (a, b) != (c, e), over=any),
    lambda m, s: _beaten(m, s, lambda a, b, c, e: a >= c and b < e),
    lambda m, s: _beaten(m, s, lambda a, b, c, e: a > c and b <= e),
    lambda m, s: _beaten(m, [max(s)], lambda a, b, c, e: a >= c and b <= e and (a, b) != (c, e)),
    lambda m, s: _beaten(m, s, lambda a, b, c, e: a <= c and b >= e and (a, b) != (c, e)),
    lambda m, s: sorted(
        _beaten(m, s, lambda a, b, c, e: a >= c and b <= e and (a, b) != (c, e)), reverse=True
    ),
)


def _saved(change, size=lambda n: n):
    def challenge(dataset, path):
        from prunelab.models import load_pretrained

        return size(save_sparse(change(load_pretrained("lenet300")), path))

    return challenge


plausible(
    "8.5",
    _saved(lambda m: m),
    _saved(lambda m: _pruned(m, 0.92)),
    _saved(lambda m: _pruned(m, 0.95, scope="layer")),
    lambda dataset, path: 12,
)

"""Answers to 5.1 and 5.2: right ones, written differently, and wrong ones that must be refused."""

import math

import torch
from torch import nn
from torch.nn.utils import prune

from answers import plausible, right, wrong

# 5.1 row_mask


@right("5.1")
def by_sorting(t, default_mask, keep):
    order = t.abs().masked_fill(default_mask == 0, -1).argsort(dim=1, descending=True, stable=True)
    return torch.zeros_like(default_mask).scatter_(1, order[:, :keep], 1) * default_mask


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

# 5.1, once more from the text alone


def _rm_5_1(t, d, k, key=lambda t: t.abs()):
    m = torch.zeros_like(d)
    for r in range(len(t)):
        a = d[r].nonzero().flatten().tolist()
        a.sort(key=lambda j: (-key(t[r])[j].item(), j))
        m[r, a[:k]] = 1
    return m


right("5.1")(_rm_5_1)

plausible(
    "5.1",
    lambda t, d, k: _rm_5_1(t, d, k, key=lambda x: x),  # signed
    lambda t, d, k: _rm_5_1(t, d * (t != 0), k),  # zeros are dead
    lambda t, d, k: _rm_5_1(t, d, max(0, t.shape[1] - k)),  # gone count
    lambda t, d, k: _rm_5_1(t, d, min(k, int(d.sum(1).min()))),  # unless fewer living anywhere
    lambda t, d, k: _rm_5_1(t, d, k) * t.sign().abs(),  # product with the weight
    lambda t, d, k: (lambda c: d * torch.zeros_like(d).index_fill(1, c, 1))(
        (t.abs() * d).sum(0).topk(min(k, t.shape[1])).indices
    ),  # same places in all rows
)

# 5.2, once more from the text alone


def _ones_layer_5_2(w):
    la = nn.Linear(w, 1, bias=False)
    nn.init.ones_(la.weight)
    return la


def _prune_all_5_2(la, am):
    for a in am:
        prune.random_unstructured(la, "weight", amount=a)


def _za_5_2(w, am, fl=lambda a, left, w: round(a * left), it=lambda a, left, w: a):
    left = w
    for a in am:
        left -= fl(a, left, w) if isinstance(a, float) else it(a, left, w)
    return w - left


right("5.2")(
    lambda w, am: (lambda la: (_prune_all_5_2(la, am), int((la.weight == 0).sum()))[1])(_ones_layer_5_2(w))
)

plausible(
    "5.2",
    lambda w, am: _za_5_2(
        w, am, fl=lambda a, la, w: 1 if a == 1.0 else round(a * la)
    ),  # 1.0 taken as one weight
    lambda w, am: _za_5_2(w, am, it=lambda a, la, w: la if a == 1 else a),  # 1 taken as all
    lambda w, am: round(_za_5_2(w, am, fl=lambda a, la, w: a * la)),  # rounded at the end
    lambda w, am: max(
        (round(a * w) if isinstance(a, float) else a for a in am), default=0
    ),  # largest call wins
    lambda w, am: min(
        w, sum(round(a * w) if isinstance(a, float) else a for a in am)
    ),  # fraction of all, capped
)


# found by readers

# a half is rounded down
plausible("5.2", lambda w, am: _za_5_2(w, am, fl=lambda a, left, w: math.ceil(a * left - 0.5)))

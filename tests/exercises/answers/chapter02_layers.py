"""Answers to 2.7: right ones, written differently, and wrong ones that must be refused."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from answers import plausible, right, wrong

# 2.7 layer_to_remove


@right("2.7")
def layer_by_slices(model, images, labels):
    losses = {}
    for k, layer in enumerate(model):
        if isinstance(layer, nn.Linear) and layer.weight.shape[0] == layer.weight.shape[1]:
            behind = model[k + 1 :]
            behind = behind[1:] if len(behind) and isinstance(behind[0], nn.ReLU) else behind
            losses[k] = nn.functional.cross_entropy(behind(model[:k](images)), labels).item()
    return min(losses, key=losses.get, default=None)


@right("2.7")
def layer_by_identity(model, images, labels):
    best = None, math.inf
    for k, layer in enumerate(model):
        if isinstance(layer, nn.Linear) and layer.in_features == layer.out_features:
            x = images
            for j, part in enumerate(model):
                x = x if j == k or (j == k + 1 and isinstance(part, nn.ReLU)) else part(x)
            loss = -x.log_softmax(1)[torch.arange(len(labels)), labels].mean().item()
            best = min(best, (k, loss), key=lambda pair: pair[1])
    return best[0]


@wrong("2.7", "")
def layer_without_its_relu(model, images, labels):
    losses = {}
    for k, layer in enumerate(model):
        if isinstance(layer, nn.Linear) and layer.in_features == layer.out_features:
            losses[k] = nn.functional.cross_entropy(model[k + 1 :](model[:k](images)), labels).item()
    return min(losses, key=losses.get) if losses else None


def _costs(model, images, labels, keep_relu=False, any_layer=False):
    costs = {}
    for k, layer in enumerate(model):
        if isinstance(layer, nn.Linear) and layer.in_features == layer.out_features:
            rest = list(model)
            del rest[k : k + 2]
            costs[k] = F.cross_entropy(nn.Sequential(*rest)(images), labels).item()
    return costs


plausible(
    "2.7",
    lambda m, x, y: max(_costs(m, x, y), key=_costs(m, x, y).get, default=None),
    lambda m, x, y: min(_costs(m, x, y), key=_costs(m, x, y).get, default=0),
    lambda m, x, y: min(_costs(m, x, y), key=_costs(m, x, y).get, default=-1),
    lambda m, x, y: min(_costs(m, x, y).values(), default=None),
    lambda m, x, y: next(iter(_costs(m, x, y)), None),
    lambda m, x, y: max(_costs(m, x, y), default=None),
    lambda m, x, y: min((k for k in _costs(m, x, y)), key=lambda k: m[k].weight.abs().sum(), default=None),
    lambda m, x, y: min(
        (k for k in _costs(m, x, y)),
        key=lambda k: (m[k].weight - torch.eye(len(m[k].weight))).norm(),
        default=None,
    ),
)

# 2.7, once more from the text alone


def _lr_2_7(
    model,
    x,
    y,
    loss=lambda o, y: F.cross_entropy(o, y).item(),
    relu=lambda i, m: i + 1 < len(m) and isinstance(m[i + 1], nn.ReLU),
    cand=lambda la, i, m: isinstance(la, nn.Linear) and la.in_features == la.out_features,
    start=math.inf,
    res=lambda i, m: i,
):
    best, low = None, start
    for i, la in enumerate(model):
        if cand(la, i, model):
            drop = {i} | ({i + 1} if relu(i, model) else set())
            with torch.no_grad():
                v = loss(nn.Sequential(*[p for j, p in enumerate(model) if j not in drop])(x), y)
            if v < low:
                best, low = i, v
    return None if best is None else res(best, model)


right("2.7")(lambda m, x, y: _lr_2_7(m, x, y))

plausible(
    "2.7",
    lambda *a: _lr_2_7(*a, loss=lambda o, y: (o.argmax(1) != y).double().mean().item()),  # error rate
    lambda *a: _lr_2_7(*a, relu=lambda i, m: False),  # relu stays
    lambda *a: _lr_2_7(
        *a,
        cand=lambda la, i, m: (
            isinstance(la, nn.Linear) and la.in_features == la.out_features and i < len(m) - 1
        ),
    ),  # not the last
    lambda *a: _lr_2_7(
        *a, cand=lambda la, i, m: isinstance(la, nn.Linear) and la.in_features == la.out_features and i > 0
    ),  # not the first
    lambda m, x, y: _lr_2_7(m, x, y, start=F.cross_entropy(m(x), y).item()),  # only if better than whole
    lambda *a: _lr_2_7(*a, loss=lambda o, y: F.cross_entropy(o[:1], y[:1]).item()),  # first image's loss
    lambda *a: _lr_2_7(*a, loss=lambda o, y: F.multi_margin_loss(o, y).item()),  # margin loss
)


# found by readers: with two or three candidates a choice is easily that of another mistake


def _by(measure):
    def answer(model, images, labels):
        best, lowest = None, math.inf
        for index, layer in enumerate(model):
            if isinstance(layer, nn.Linear) and layer.in_features == layer.out_features:
                relu = index + 1 < len(model) and isinstance(model[index + 1], nn.ReLU)
                gone = {index, index + 1} if relu else {index}
                rest = nn.Sequential(*[part for i, part in enumerate(model) if i not in gone])
                cost = measure(rest(images), labels)
                if cost < lowest:
                    best, lowest = index, cost
        return best

    return answer


wrong("2.7", "build the chain without it")(_by(lambda z, y: float((z.argmax(1) != y).float().mean())))
wrong("2.7", "build the chain without it")(_by(lambda z, y: float(F.nll_loss(z, y))))

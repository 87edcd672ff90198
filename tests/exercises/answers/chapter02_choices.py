"""Answers to 2.6 and 2.7: right ones, written differently, and wrong ones that must be refused."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from answers import plausible, right, wrong
from prunelab.granularity import group_scores
from prunelab.masks import keep_top

# 2.6 coarsest


NAMES = ("filter", "kernel", "vector", "weight")  # from coarse to fine


def _energy(weight, name, sparsity):
    kept = weight * keep_top(group_scores(weight, name), sparsity)
    return float(kept.double().pow(2).sum() / weight.double().pow(2).sum())


@right("2.6")
def coarsest_by_package(weight, sparsity, budget):
    for name in NAMES:
        if _energy(weight, name, sparsity) >= budget:
            return name
    return "dense"


@right("2.6")
def coarsest_by_hand(weight, sparsity, budget):
    answer = "dense"
    for name, size in zip(
        NAMES[::-1], (1, weight.shape[3], weight[0, 0].numel(), weight[0].numel()), strict=True
    ):
        energies = weight.reshape(-1, size).pow(2).sum(1).sort().values
        if energies[round(sparsity * len(energies)) :].sum() / energies.sum() >= budget:
            answer = name
    return answer


def _coarse(
    w, s, b, names=("filter", "kernel", "vector", "weight"), power=2, more=lambda a, b: a >= b, norm=2
):
    from prunelab.granularity import group_scores

    for name in names:
        kept = w * keep_top(group_scores(w, name, norm), s)
        if more((kept.abs() ** power).sum() / (w.abs() ** power).sum(), b):
            return name
    return "dense"


plausible(
    "2.6",
    lambda w, s, b: _coarse(w, s, b, power=1),
    lambda w, s, b: _coarse(w, s, b, names=("weight", "vector", "kernel", "filter")),
    lambda w, s, b: _coarse(w, s, b, more=lambda a, b: a > b),
    lambda w, s, b: _coarse(w, s, b, norm=1),
    lambda w, s, b: _coarse(w, 1 - s, b),
    lambda w, s, b: _coarse(w, s, b, names=("filter", "kernel", "weight")),
    lambda w, s, b: _coarse(w, s, b, more=lambda a, b: a**0.5 >= b),
    lambda w, s, b: None if _coarse(w, s, b) == "dense" else _coarse(w, s, b),
)


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

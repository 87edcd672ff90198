"""Plausible wrong answers of chapter 02, written from the texts of the exercises alone: each must be
refused.
"""

import math

import torch
import torch.nn.functional as F
from answers import plausible
from torch import nn

from prunelab.masks import keep_top

plausible(
    "2.1",
    lambda w, v: w.flatten(1).norm(dim=1),
    lambda w, v: w.flatten(1).norm(dim=1) + v.reshape(len(v), len(w), -1).norm(dim=(0, 2)),
    lambda w, v: w.flatten(1).norm(dim=1) * v.reshape(len(v), len(w), -1).norm(dim=(0, 2)),
    lambda w, v: (w.flatten(1).square().sum(1) + v.reshape(len(v), -1, len(w)).square().sum((0, 1))).sqrt(),
    lambda w, v: (w.flatten(1).square().mean(1) + v.reshape(len(v), len(w), -1).square().mean((0, 2))).sqrt(),
    lambda w, v: (
        (w.flatten(1).square().sum(1) + v[: len(w)].flatten(1).square().sum(1)).sqrt()
        if len(v) >= len(w)
        else w.flatten(1).norm(dim=1)
    ),
    lambda w, v: torch.maximum(w.flatten(1).norm(dim=1), v.reshape(len(v), len(w), -1).norm(dim=(0, 2))),
    lambda w, v: (
        (w.flatten(1).square().sum(1) + v.reshape(len(v), len(w), -1).square().sum((0, 2))).sqrt().float()
    ),
)


def _blocks(w, h, b, s, score, order=False):
    t = w.reshape(w.shape[0] // h, h, w.shape[1] // b, b)
    kept = keep_top(score(t), s)
    return kept.repeat_interleave(h, 0).repeat_interleave(b, 1)


plausible(
    "2.2",
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: t.abs().sum((1, 3))),
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: t.sum((1, 3)).abs()),
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: t.abs().amax((1, 3))),
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: -t.square().sum((1, 3))),
    lambda w, h, b, s: ~_blocks(w, h, b, s, lambda t: t.square().sum((1, 3))),
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: t.square().sum((1, 3))).float(),
    lambda w, h, b, s: keep_top(w.abs(), s),
    lambda w, h, b, s: (
        keep_top(w.view(-1, h * b).norm(dim=1, keepdim=True), s).expand(-1, h * b).reshape(w.shape)
    ),
    lambda w, h, b, s: keep_top(w.norm(dim=1, keepdim=True), s).expand_as(w),
)


def _patterns(w, p, energy):
    return p[(energy(w)[:, :, None] * p).sum((3, 4)).argmax(2)]


plausible(
    "2.3",
    lambda w, p: _patterns(w, p, torch.abs),
    lambda w, p: _patterns(w, p, lambda w: w),
    lambda w, p: _patterns(w, p, lambda w: -(w**2)),
    lambda w, p: p[(w.square()[:, :, None] * p).sum((0, 1, 3, 4)).argmax()].expand_as(w),
    lambda w, p: w * _patterns(w, p, torch.square),
    lambda w, p: (w.square()[:, :, None] * p).sum((3, 4)).argmax(2),
    lambda w, p: p[torch.arange(w.shape[0] * w.shape[1]) % len(p)].view(w.shape),
    lambda w, p: _patterns(w, p, torch.square).float(),
)


plausible(
    "2.4",
    lambda shapes, s: round((1 - s) * sum(map(math.prod, shapes))),
    lambda shapes, s: round((1 - s) ** 2 * sum(map(math.prod, shapes))),
    lambda shapes, s: sum((out - round(s * out)) * math.prod(rest) for out, *rest in shapes),
    lambda shapes, s: sum(
        (out - round(s * out)) * (into - round(s * into)) * math.prod(k) for out, into, *k in shapes
    ),
    lambda shapes, s: sum((out - math.floor(s * out)) * into * math.prod(k) for out, into, *k in shapes),
    lambda shapes, s: sum(math.prod(shape) for shape in shapes) // 4,
)


plausible(
    "2.5",
    lambda shapes, s: s,
    lambda shapes, s: sum(round(s * sh[0]) for sh in shapes) / sum(sh[0] for sh in shapes),
    lambda shapes, s: (
        sum(math.floor(s * sh[0]) * math.prod(sh[1:]) for sh in shapes) / sum(math.prod(sh) for sh in shapes)
    ),
    lambda shapes, s: sum(round(s * sh[0]) / sh[0] for sh in shapes) / len(shapes),
    lambda shapes, s: round(s * sum(sh[0] for sh in shapes)) / sum(sh[0] for sh in shapes),
    lambda shapes, s: (
        sum(math.floor(s * sh[0] + 0.5) * math.prod(sh[1:]) for sh in shapes)
        / sum(math.prod(sh) for sh in shapes)
    ),
    lambda shapes, s: round(
        sum(round(s * sh[0]) * math.prod(sh[1:]) for sh in shapes) / sum(math.prod(sh) for sh in shapes), 2
    ),
)


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

"""Answers to 3.1 and 3.2: right ones, written differently, and wrong ones that must be refused."""

import torch
import torch.nn.functional as F

from answers import plausible, right

# 3.1 comparable_scores


def per_filter(values, weight):
    return values.view(-1, *[1] * (weight.ndim - 1))


@right("3.1")
def by_vector_norm(weights):
    scores = {}
    for name, weight in weights.items():
        norms = torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.ndim)), keepdim=True)
        scores[name] = norms / norms.norm().clamp_min(1e-30)
    return scores


@right("3.1")
def by_squares(weights):
    result = {}
    for name, weight in weights.items():
        squares = weight.flatten(1).pow(2).sum(1)
        total = squares.sum()
        result[name] = per_filter((squares / total).sqrt() if total > 0 else squares, weight)
    return result


def _each(f):
    return lambda weights: {n: f(w.flatten(1)).view(-1, *[1] * (w.ndim - 1)) for n, w in weights.items()}


plausible(
    "3.1",
    _each(lambda w: w.norm(dim=1)),
    _each(lambda w: w.norm(dim=1) / w.norm(dim=1).sum().clamp(min=1e-12)),
    _each(lambda w: w.norm(dim=1) / w.norm(dim=1).max().clamp(min=1e-12)),
    _each(lambda w: w.square().sum(1) / w.square().sum().clamp(min=1e-12)),
    _each(lambda w: w.norm(dim=1) / w.norm(dim=1).norm()),
    _each(lambda w: F.normalize(w.abs().sum(1), dim=0)),
    lambda weights: {n: F.normalize(w.flatten(1).norm(dim=1), dim=0) for n, w in weights.items()},
    _each(lambda w: w.norm(dim=1) / w.numel() ** 0.5),
)


# 3.2 filter_change


@right("3.2")
def sum_then_size(weight, gradient):
    return per_filter((weight * gradient).flatten(1).sum(1).abs(), weight)


@right("3.2")
def by_einsum(weight, gradient):
    return per_filter(torch.einsum("oi,oi->o", weight.flatten(1), gradient.flatten(1)).abs(), weight)


plausible(
    "3.2",
    lambda w, g: (w * g).abs().flatten(1).sum(1).view(-1, *[1] * (w.ndim - 1)),
    lambda w, g: (w * g).flatten(1).sum(1).view(-1, *[1] * (w.ndim - 1)),
    lambda w, g: (w * g).flatten(1).sum(1).abs(),
    lambda w, g: (w * g).flatten(1).mean(1).abs().view(-1, *[1] * (w.ndim - 1)),
    lambda w, g: (w * g).flatten(1).norm(dim=1).view(-1, *[1] * (w.ndim - 1)),
    lambda w, g: (w * g).square().flatten(1).sum(1).view(-1, *[1] * (w.ndim - 1)),
    lambda w, g: (w * g).abs(),
)

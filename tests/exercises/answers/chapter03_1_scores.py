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

# 3.1, once more from the text alone


def _cmp_3_1(ws, unit=lambda n, w: n.norm(), nrm=lambda w: w.flatten(1).norm(dim=1), eps=0.0):
    out = {}
    for k, w in ws.items():
        n = nrm(w)
        u = unit(n, w)
        out[k] = (n / u if u > eps else torch.zeros_like(n)).view(-1, *[1] * (w.ndim - 1))
    return out


right("3.1")(
    lambda ws: {
        k: torch.nn.functional.normalize(w.flatten(1).norm(dim=1).double(), dim=0, eps=0)
        .nan_to_num(0)
        .to(w.dtype)
        .view(-1, *[1] * (w.ndim - 1))
        for k, w in ws.items()
    }
)

plausible(
    "3.1",
    lambda ws: _cmp_3_1(ws, unit=lambda n, w: n.max()),  # largest is 1
    lambda ws: _cmp_3_1(ws, unit=lambda n, w: n.square().mean().sqrt()),  # rms of norms
    lambda ws: _cmp_3_1(
        ws, unit=lambda n, w: torch.stack([v.norm().to(w.dtype) for v in ws.values()]).norm()
    ),  # one unit for all layers
    lambda ws: _cmp_3_1(
        ws, unit=lambda n, w: next(iter(ws.values())).norm().to(w.dtype)
    ),  # first name's unit
    lambda ws: _cmp_3_1(ws, unit=lambda n, w: torch.linalg.matrix_norm(w.flatten(1), 2)),  # spectral unit
)

# 3.2, once more from the text alone


def _fc_3_2(w, g, f=lambda p: p.flatten(1).sum(1).abs()):
    return f(w * g).view(-1, *[1] * (w.ndim - 1))


right("3.2")(
    lambda w, g: torch.stack([(a * b).sum().abs() for a, b in zip(w, g, strict=False)]).view(
        -1, *[1] * (w.ndim - 1)
    )
)

plausible(
    "3.2",
    lambda w, g: _fc_3_2(w, g, lambda p: p.flatten(1).sum(1).clamp(min=0)),  # positive part
    lambda w, g: _fc_3_2(
        w, g, lambda p: p.reshape(p.shape[0], p.shape[1], -1).sum(2).abs().sum(1)
    ),  # input channels separately
    lambda w, g: _fc_3_2(w, g, lambda p: p.flatten(1).mean(1).abs()),  # mean over weights
    lambda w, g: _fc_3_2(w, g, lambda p: p.flatten(1).norm(dim=1)),  # norm of products
    lambda w, g: (
        (w.flatten(1).sum(1) * g.flatten(1).sum(1)).abs().view(-1, *[1] * (w.ndim - 1))
    ),  # product of sums
)


# found by readers


plausible("3.1", lambda ws: _cmp_3_1(ws, unit=lambda n, w: n.norm().clamp(min=1e-3)))

plausible("3.1", lambda ws: _cmp_3_1(ws, unit=lambda n, w: n.norm().clamp(min=1e-12)))

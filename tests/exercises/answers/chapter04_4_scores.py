"""Answers to 4.9: right ones, written differently, and wrong ones that must be refused."""

import torch
import torch.nn.functional as F
from torch import nn

from answers import plausible, right
from prunelab.criteria import weight_gradient
from prunelab.masks import mask_model, prunable

# 4.9 snip_masks


@right("4.9")
def snip_by_package(model, images, labels, sparsity):
    return mask_model(
        weight_gradient(model, torch.utils.data.TensorDataset(images, labels)), sparsity, scope="global"
    )


def _gradients(model, images, labels):
    weights = prunable(model)
    found = torch.autograd.grad(F.cross_entropy(model(images), labels), list(weights.values()))
    return {name: (weight.detach(), g) for (name, weight), g in zip(weights.items(), found, strict=True)}


@right("4.9")
def snip_by_hand(model, images, labels, sparsity):
    scores = {name: (w * g).abs() for name, (w, g) in _gradients(model, images, labels).items()}
    flat = torch.cat([s.flatten() for s in scores.values()])
    ranks = flat.argsort(stable=True).argsort()
    keep = (ranks >= round(sparsity * len(flat))).split([s.numel() for s in scores.values()])
    return {name: k.view(s.shape) for (name, s), k in zip(scores.items(), keep, strict=True)}


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

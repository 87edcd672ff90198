"""Answers to 4.9: right ones, written differently, and wrong ones that must be refused."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from answers import plausible, right, wrong
from prunelab.criteria import weight_gradient
from prunelab.masks import mask_model, prunable

# 4.9 snip_masks


@wrong("4.9", "switch to eval")
def snip_by_package(model, images, labels, sparsity):
    scores = weight_gradient(model, torch.utils.data.TensorDataset(images, labels))
    return mask_model({name: scores[name] for name in _weights(model)}, sparsity, scope="global")


def _weights(model):
    kinds = nn.Linear | nn.Conv2d
    return {f"{name}.weight": m.weight for name, m in model.named_modules() if isinstance(m, kinds)}


def _gradients(model, images, labels):
    weights = _weights(model)
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

# 4.9, once more from the text alone


def _r49_4_9(model, x, y, s):
    m2 = copy.deepcopy(model)
    m2.load_state_dict(model.state_dict())
    m2.train(model.training)
    L = {f"{n}.weight": la for n, la in m2.named_modules() if isinstance(la, (nn.Linear, nn.Conv2d))}
    for p in m2.parameters():
        p.grad = None
    F.cross_entropy(m2(x), y).backward()
    S = {n: (la.weight.grad * la.weight).detach().abs() for n, la in L.items()}
    return mask_model(S, s, scope="global")


def _sn_4_9(
    model,
    x,
    y,
    s,
    sc=lambda w, g: (w * g).abs(),
    loss=lambda o, y: F.cross_entropy(o, y),
    ls=lambda la: isinstance(la, (nn.Linear, nn.Conv2d)),
    scope="global",
    cnt=round,
):
    L = {f"{n}.weight" if n else "weight": la.weight for n, la in model.named_modules() if ls(la)}
    gr = torch.autograd.grad(loss(model(x), y), list(L.values()))
    S = [sc(w.detach(), g) for w, g in zip(L.values(), gr, strict=False)]
    if scope == "layer":
        pass
    out = {}
    flat = torch.cat([q.flatten() for q in S])
    k = torch.ones(len(flat), dtype=torch.bool)
    k[flat.argsort(stable=True)[: cnt(s * len(flat))]] = False
    for n, q, p in zip(L, S, k.split([q.numel() for q in S]), strict=False):
        out[n] = p.view(q.shape)
    if scope == "layer":
        out = {
            n: torch.ones(q.numel(), dtype=torch.bool)
            .index_fill(0, q.flatten().argsort(stable=True)[: round(s * q.numel())], False)
            .view(q.shape)
            for n, q in zip(L, S, strict=False)
        }
    return out


right("4.9")(_r49_4_9)

plausible(
    "4.9",
    lambda m, x, y, s: _sn_4_9(m, x[:1], y[:1], s),  # one image
    lambda m, x, y, s: (
        lambda L: mask_model(
            {
                n: sum(
                    (w.detach() * g).abs()
                    for g in [
                        torch.autograd.grad(F.cross_entropy(m(x[i : i + 1]), y[i : i + 1]), w)[0]
                        for i in range(len(x))
                    ]
                )
                for n, w in L.items()
            },
            s,
            scope="global",
        )
    )(
        {f"{n}.weight": la.weight for n, la in m.named_modules() if isinstance(la, (nn.Linear, nn.Conv2d))}
    ),  # per image sizes
    lambda *a: _sn_4_9(*a, sc=lambda w, g: w * g),  # signed saliency
    lambda *a: _sn_4_9(
        *a, loss=lambda o, y: F.mse_loss(o, F.one_hot(y, o.shape[1]).to(o.dtype))
    ),  # mse to one-hot
    lambda m, x, y, s: (lambda r: {**r, list(r)[-1]: torch.ones_like(r[list(r)[-1]])})(
        _sn_4_9(m, x, y, s)
    ),  # last layer kept
    lambda *a: _sn_4_9(
        *a, sc=lambda w, g: (w * g).abs() / (w * g).abs().sum().clamp(min=1e-12)
    ),  # normalised per layer
)


# found by readers

plausible(
    "4.9",
    lambda m, x, y, s: _snip(copy.deepcopy(m).eval(), x, y, s),
    lambda *a: _sn_4_9(*a, ls=lambda la: type(la) in (nn.Linear, nn.Conv2d)),
    lambda *a: _sn_4_9(*a, sc=lambda w, g: (w * g).abs().float()),
)

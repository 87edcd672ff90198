"""Answers to 10.2 and 10.3: right ones, written differently, and wrong ones that must be refused."""

import math

import torch

from answers import plausible, right, wrong

# 10.2 wanda_mask


@right("10.2")
def by_rows(weight, inputs, sparsity):
    norms = inputs.flatten(0, 1).double().norm(dim=0)
    mask = torch.ones(weight.shape, dtype=torch.bool)
    for row, kept in zip(weight.double().abs() * norms, mask, strict=True):
        kept[row.argsort(stable=True)[: round(sparsity * len(row))]] = False
    return mask


@right("10.2")
def all_at_once(weight, inputs, sparsity):
    scores = weight.double().abs() * inputs.double().square().sum((0, 1)).sqrt()
    ranks = scores.argsort(dim=1, stable=True).argsort(dim=1)
    return ranks >= round(sparsity * weight.shape[1])


@wrong("10.2", "one by one")
def whole_layer(weight, inputs, sparsity):
    scores = weight.double().abs() * inputs.double().square().sum((0, 1)).sqrt()
    mask = torch.ones(weight.numel(), dtype=torch.bool)
    mask[scores.flatten().argsort(stable=True)[: round(sparsity * weight.numel())]] = False
    return mask.view(weight.shape)


# 10.3 sparsegpt_step


@right("10.3")
def by_outer(weight, kept, factor, j):
    error = torch.where(kept, 0.0, weight[:, j]) / factor[j, j]
    moved = weight - torch.outer(error, factor[j])
    return moved.index_copy(1, torch.tensor([j]), torch.where(kept, weight[:, j], 0)[:, None])


@right("10.3")
def by_index(weight, kept, factor, j):
    moved = weight.clone()
    lost = ~kept
    moved[lost, j:] -= weight[lost, j : j + 1] * factor[j, j:] / factor[j, j]
    moved[lost, j] = 0
    return moved


@wrong("10.3", "have not moved")
def only_zeros(weight, kept, factor, j):
    moved = weight.clone()
    moved[~kept, j] = 0
    return moved


# 10.2, once more from the text alone


def _wa_10_2(w, x, s, nm=lambda x: x.norm(dim=0), sc=lambda w, n: w.abs() * n, cnt=round):
    q = sc(w.double(), nm(x.flatten(0, 1).double()))
    m = torch.ones(w.shape, dtype=torch.bool)
    return m.scatter(1, q.argsort(1, stable=True)[:, : cnt(s * w.shape[1])], False)


right("10.2")(
    lambda w, x, s: torch.stack(
        [
            (lambda o: torch.tensor([j not in o for j in range(len(r))]))(
                set(
                    sorted(
                        range(len(r)),
                        key=lambda j: (
                            abs(r[j]) * math.sqrt(sum(v * v for t in x[..., j].tolist() for v in t)),
                            j,
                        ),
                    )[: round(s * len(r))]
                )
            )
            for r in w.tolist()
        ]
    )
)

plausible(
    "10.2",
    lambda *a: _wa_10_2(*a, nm=lambda x: x.std(0, correction=0)),  # variance
    lambda *a: _wa_10_2(*a, nm=lambda x: x.abs().amax(0)),  # largest input
    lambda *a: _wa_10_2(*a, nm=lambda x: x.square().sum(0)),  # squared norm
    lambda *a: _wa_10_2(*a, nm=lambda x: x.norm(dim=0).sqrt()),  # root of the norm
    lambda w, x, s: _wa_10_2(w, x[:, -1:], s),  # last place only
    lambda *a: _wa_10_2(
        *a,
        sc=lambda w, n: (
            (
                w.abs() / w.abs().sum(1, keepdim=True).clamp(min=1e-12)
                + w.abs() / w.abs().sum(0).clamp(min=1e-12)
            )
            * n
        ),
    ),  # ria
    lambda *a: _wa_10_2(
        *a, cnt=lambda v: min(round(v), a[0].shape[1] - 1)
    ),  # per output of both: keep at least one
)

# 10.3, once more from the text alone


def _r103_10_3(w, k, u, j):
    n = w.clone()
    for o in range(len(w)):
        if not k[o]:
            n[o, j:] = w[o, j:] - w[o, j] / u[j, j] * u[j, j:]
            n[o, j] = 0
    return n


def _sg_10_3(w, k, u, j, row=None, den=None):
    e = torch.where(k, torch.zeros_like(w[:, j]), w[:, j]) / (u[j, j] if den is None else den(u, j))
    n = w - torch.outer(e, u[j] if row is None else row(u, j))
    return n


right("10.3")(_r103_10_3)

plausible(
    "10.3",
    lambda w, k, u, j: _sg_10_3(w, ~k, u, j),  # rows that keep move
    lambda *a: _sg_10_3(*a, den=lambda u, j: u[-1, -1]),  # diagonal of the other column
    lambda *a: _sg_10_3(
        *a,
        row=lambda u, j: torch.where(
            (torch.arange(len(u)) == j) | (torch.arange(len(u)) == j + 1), u[j], torch.zeros_like(u[j])
        ),
    ),  # next column only
    lambda w, k, u, j: (lambda h: _sg_10_3(w, k, u, j, row=lambda u, j: h[j], den=lambda u, j: h[j, j]))(
        u.T @ u
    ),  # inverse hessian row
    lambda *a: (
        lambda w, k, u, j: (
            lambda n: n.index_fill(1, torch.tensor([j]), 0.0).index_add(
                1, torch.tensor([j]), (w[:, j] * k)[:, None]
            )
        )(2 * w - _sg_10_3(w, k, u, j))
    )(*a),  # sign
    lambda *a: _sg_10_3(
        *a, row=lambda u, j: u[j] + u[:, j] - torch.diag(u.diagonal())[j]
    ),  # columns swapped to the left
)


# found by readers


plausible(
    "10.2",
    lambda *a: _wa_10_2(*a, nm=lambda x: x.abs().mean(0)),
    lambda *a: _wa_10_2(*a, cnt=lambda v: int(v + 0.5)),
    lambda w, x, s: _wa_10_2(w, x, s) & (w != 0),
    lambda w, x, s: _wa_10_2(w, x.norm(dim=1, keepdim=True).mean(0, keepdim=True), s),
)

plausible("10.3", lambda w, k, u, j: _sg_10_3(w, k, u, j))

plausible(
    "10.3",
    lambda w, k, u, j: _r103_10_3(w, k, u, j) * (w != 0),  # zeros stay zeros
    lambda w, k, u, j: _r103_10_3(w, k | (w[:, j].abs() < 1e-6), u, j),  # small weights are not made up for
)

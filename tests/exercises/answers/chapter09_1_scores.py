"""Answers to 9.2: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import plausible, right, wrong

# 9.2 group_score


@right("9.2")
def score_by_reshape(members, channels, reduction):
    parts = [weight.abs().movedim(dim, 0).reshape(channels, -1).sum(1) for weight, dim in members]
    return getattr(torch.stack(parts), reduction)(0)


@right("9.2")
def score_by_cases(members, channels, reduction):
    total = 0
    for weight, dim in members:
        if dim == 0:
            total = total + weight.abs().flatten(1).sum(1)
        else:
            columns = weight.abs().flatten(2).sum((0, 2)) if weight.ndim > 2 else weight.abs().sum(0)
            total = total + columns.view(channels, -1).sum(1)
    return total / len(members) if reduction == "mean" else total


@wrong("9.2", "movedim")
def score_of_the_first_alone(members, channels, reduction):
    return score_by_reshape(members[:1], channels, reduction)


@wrong("9.2", "movedim")
def score_by_norms(members, channels, reduction):
    parts = [weight.movedim(dim, 0).reshape(channels, -1).norm(dim=1) for weight, dim in members]
    return getattr(torch.stack(parts), reduction)(0)


# 9.2, once more from the text alone


def _gs_9_2(ms, c, red, part=lambda x: x.abs().sum(1), fin=None):
    p = torch.stack([part(w.movedim(d, 0).reshape(c, -1)) for w, d in ms])
    return (p.sum(0) if red == "sum" else p.mean(0)) if fin is None else fin(p, red)


right("9.2")(
    lambda ms, c, red: (
        sum(
            torch.stack([w.narrow(d, k * (w.shape[d] // c), w.shape[d] // c).abs().sum() for k in range(c)])
            for w, d in ms
        )
        / (1 if red == "sum" else len(ms))
    )
)

plausible(
    "9.2",
    lambda ms, c, red: _gs_9_2(
        ms, c, red, part=(lambda x: x.abs().mean(1)) if red == "mean" else (lambda x: x.abs().sum(1))
    ),  # mean over weights
    lambda *a: _gs_9_2(*a, part=lambda x: x.norm(dim=1)),  # norms
    lambda ms, c, red: (lambda p: p.sum(0) if red == "sum" else p.mean(0))(
        torch.stack(
            [w.movedim(d, 0).reshape(-1, c, w.numel() // w.shape[d]).abs().sum((0, 2)) for w, d in ms]
        )
    ),  # interleaved
    lambda *a: _gs_9_2(*a, fin=lambda p, r: p.amax(0) if r != "sum" else p.sum(0)),  # largest member
    lambda *a: _gs_9_2(
        *a, fin=lambda p, r: p.median(0).values if r == "mean" else p.sum(0)
    ),  # median for mean
    lambda ms, c, red: _gs_9_2(
        [(w, 0 if w.shape[0] % c == 0 else 1) for w, _ in ms], c, red
    ),  # dim 0 always first
)

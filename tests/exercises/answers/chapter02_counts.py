"""Answers to 2.4 and 2.5: right ones, written differently, and wrong ones that must be refused."""

import math

import torch

from answers import plausible, right
from prunelab.masks import keep_top

# 2.4 weights_left


@right("2.4")
def left_by_tensors(shapes, sparsity):
    total, mask = 0, None
    for number, shape in enumerate(shapes):
        weight = torch.ones(shape)
        if mask is not None:
            weight = weight[:, mask.repeat_interleave(shape[1] // len(mask))]
        mask = torch.arange(shape[0]) >= (round(sparsity * shape[0]) if number < len(shapes) - 1 else 0)
        total += weight[mask].numel()
    return total


@right("2.4")
def left_by_pairs(shapes, sparsity):
    outs = [shape[0] for shape in shapes]
    kept = [out - round(sparsity * out) for out in outs[:-1]] + outs[-1:]
    total = kept[0] * math.prod(shapes[0][1:])
    for before, full, out, shape in zip(kept, outs, kept[1:], shapes[1:], strict=False):
        total += out * before * (shape[1] // full) * math.prod(shape[2:])
    return total


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


# 2.5 reached_sparsity


@right("2.5")
def reached_by_sums(shapes, sparsity):
    weights = sum(math.prod(shape) for shape in shapes)
    return sum(round(sparsity * shape[0]) * math.prod(shape[1:]) for shape in shapes) / weights


@right("2.5")
def reached_by_masks(shapes, sparsity):
    kept = [keep_top(torch.rand(shape[0]), sparsity).sum().item() * math.prod(shape[1:]) for shape in shapes]
    return 1 - sum(kept) / sum(math.prod(shape) for shape in shapes)


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

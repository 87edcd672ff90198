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

# 2.4, once more from the text alone


def _wl_2_4(
    shapes,
    s,
    rd=round,
    kept=lambda out, s: out - round(s * out),
    last=True,
    cols=lambda into, prev, left: into // prev * left,
):
    total, prev, left = 0, None, None
    for la, (out, into, *k) in enumerate(shapes):
        o = out if last and la == len(shapes) - 1 else kept(out, s)
        i = into if prev is None else cols(into, prev, left)
        total += o * i * math.prod(k)
        prev, left = out, o
    return total


right("2.4")(_wl_2_4)

plausible(
    "2.4",
    lambda sh, s: _wl_2_4(sh, s, cols=lambda into, prev, left: into - round(s * into)),  # own input rounding
    lambda sh, s: _wl_2_4(sh, s, kept=lambda o, s: max(1, o - round(s * o))),  # at least one filter
    lambda sh, s: _wl_2_4(sh, s, kept=lambda o, s: int((1 - s) * o)),  # floor of kept
    lambda sh, s: _wl_2_4(
        sh, s, cols=lambda into, prev, left: into - (prev - left)
    ),  # columns only of gone filters
    lambda sh, s: (
        sum(math.prod(x) for x in sh) - sum(round(s * x[0]) * math.prod(x[1:]) for x in sh[:-1])
    ),  # half kernel area
)

# 2.5, once more from the text alone


def _rs_2_5(sh, s, n=lambda out, s: round(s * out), den=None):
    return sum(n(x[0], s) * math.prod(x[1:]) for x in sh) / sum(math.prod(x) for x in sh)


right("2.5")(
    lambda sh, s: (
        1 - sum((x[0] - round(x[0] * s)) * math.prod(x) // x[0] for x in sh) / sum(map(math.prod, sh))
    )
)

plausible(
    "2.5",
    lambda sh, s: _rs_2_5(sh, s, n=lambda o, s: min(o - 1, round(s * o))),  # keeps one filter
    lambda sh, s: (
        _rs_2_5([*sh], s)
        if len(sh) == 1
        else sum(round(s * x[0]) * math.prod(x[1:]) for x in sh[:-1]) / sum(map(math.prod, sh))
    ),  # last layer stays
    lambda sh, s: round(_rs_2_5(sh, s), 2),  # two digits
    lambda sh, s: _rs_2_5(sh, s, n=lambda o, s: max(1, round(s * o))),  # at least one goes
    lambda sh, s: _rs_2_5([x for x in sh if len(x) == 4] or sh, s),  # convolutions only
)


# found by readers


plausible(
    "2.4",
    lambda sh, s: sum(
        (round((1 - s) * o[0]) if i < len(sh) - 1 else o[0])
        * (o[1] if i == 0 else o[1] // sh[i - 1][0] * round((1 - s) * sh[i - 1][0]))
        * math.prod(o[2:])
        for i, o in enumerate(sh)
    ),
)

plausible(
    "2.5",
    lambda sh, s: (
        sum((o[0] - round((1 - s) * o[0])) * math.prod(o[1:]) for o in sh) / sum(map(math.prod, sh))
    ),
    lambda sh, s: (
        sum(round(s * o[0]) * o[1] * (o[2] ** 2 if len(o) > 2 else 1) for o in sh)
        / sum(o[0] * o[1] * (o[2] ** 2 if len(o) > 2 else 1) for o in sh)
    ),
)

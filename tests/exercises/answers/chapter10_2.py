"""Answers to 10.4, 10.5 and 10.6: right ones, written differently, and wrong ones that must be refused."""

import math

import torch
import torch.nn.functional as F

from answers import plausible, right, wrong

# 10.4 remove_head


@right("10.4")
def by_mask(query, out, heads, head):
    stay = torch.arange(heads).repeat_interleave(len(query) // heads) != head
    return query[stay], out[:, stay]


@right("10.4")
def by_views(query, out, heads, head):
    others = [h for h in range(heads) if h != head]
    return query.unflatten(0, (heads, -1))[others].flatten(0, 1), out.unflatten(1, (heads, -1))[
        :, others
    ].flatten(1)


@wrong("10.4", "Make the matrices smaller")
def masked(query, out, heads, head):
    width = len(query) // heads
    query, out = query.clone(), out.clone()
    query[head * width : (head + 1) * width] = 0
    out[:, head * width : (head + 1) * width] = 0
    return query, out


# 10.5 block_influence


@right("10.5")
def by_similarity(before, after):
    return 1 - F.cosine_similarity(before.double(), after.double(), dim=2).mean().item()


@right("10.5")
def by_normalised(before, after):
    x, y = F.normalize(before.double(), dim=2), F.normalize(after.double(), dim=2)
    return (1 - (x * y).sum(2)).mean().item()


@wrong("10.5", "no cosine of everything")
def one_angle(before, after):
    x, y = before.double(), after.double()
    return 1 - ((x * y).sum() / (x.norm() * y.norm())).item()


# 10.6 sparsity_for_bytes


@right("10.6")
def solved(value_bits, dense_bits):
    return 1 - (dense_bits - 1) / value_bits


@right("10.6")
def from_density(value_bits, dense_bits):
    density = (dense_bits - 1) / value_bits  # value_bits * density + 1 = dense_bits
    return 1.0 - density


@wrong("10.6", "every weight")
def without_bitmap(value_bits, dense_bits):
    return (value_bits - dense_bits) / value_bits


# 10.4, once more from the text alone


def _rh_10_4(q, o, h, k):
    w = len(q) // h
    i = [r for r in range(len(q)) if not k * w <= r < (k + 1) * w]
    return q[i], o[:, i]


right("10.4")(_rh_10_4)

plausible(
    "10.4",
    lambda q, o, h, k: (lambda i: (q[i], o[:, i]))([r for r in range(len(q)) if r % h != k]),  # interleaved
    lambda q, o, h, k: _rh_10_4(q, o, h, h - 1),  # last head
    lambda q, o, h, k: (lambda w, m: (q * m[:, None], o * m))(
        len(q) // h, (torch.arange(len(q)) // (len(q) // h) != k).to(q.dtype)
    ),  # zeroed, not removed
    lambda q, o, h, k: _rh_10_4(q, o, h, (k - 1) % h),  # counted from 1
    lambda q, o, h, k: (lambda a, b: (a, b * h / max(1, h - 1)))(*_rh_10_4(q, o, h, k)),  # scaled
    lambda q, o, h, k: (
        _rh_10_4(q, o, h, k)[0],
        o[[r for r in range(len(o)) if not k * (len(q) // h) <= r < (k + 1) * (len(q) // h)]]
        if len(o) == o.shape[1]
        else _rh_10_4(q, o, h, (k + 1) % h)[1],
    ),  # columns of query
)

# 10.5, once more from the text alone


def _bl_10_5(b, a, c=None, red=lambda x: x.mean()):
    b, a = b.double(), a.double()
    return float(1 - red(F.cosine_similarity(b, a, dim=2)))


right("10.5")(
    lambda b, a: (
        1
        - sum(
            (x @ y / (x.norm() * y.norm())).item()
            for x, y in zip(b.double().flatten(0, 1), a.double().flatten(0, 1), strict=False)
        )
        / b.flatten(0, 1).shape[0]
    )
)

plausible(
    "10.5",
    lambda b, a: _bl_10_5(b, a - b) if not torch.equal(a, b) else 0.0,  # cosine of the change
    lambda b, a: _bl_10_5(b, a, red=lambda x: x.abs().mean()),  # size of the cosine
    lambda b, a: _bl_10_5(b - b.mean(2, keepdim=True), a - a.mean(2, keepdim=True)),  # centred
    lambda b, a: _bl_10_5(b.mean((0, 1), keepdim=True), a.mean((0, 1), keepdim=True)),  # mean vectors first
    lambda b, a: float(
        torch.arccos(F.cosine_similarity(b.double(), a.double(), dim=2).clamp(-1, 1)).mean() / math.pi
    ),  # angle
    lambda b, a: float(
        1 - F.cosine_similarity(b.double().flatten(1), a.double().flatten(1), dim=1).mean()
    ),  # text by text
)

# 10.6, once more from the text alone


right("10.6")(lambda v, d: (v + 1 - d) / v)

plausible(
    "10.6",
    lambda v, d: 1 - d / v,  # no bitmap
    lambda v, d: (d - 1) / v,  # density
    lambda v, d: 1 - d / (v + 1),  # bitmap of kept only
    lambda v, d: 100 * (1 - (d - 1) / v),  # percent
    lambda v, d: round(1 - (d - 1) / v, 2),  # two digits
)

# found by readers


plausible(
    "10.6",
    lambda v, d: solved(max(v, 8), d),  # no value below a byte
    lambda v, d: solved(v + v % 2, d),  # whole pairs of bits
)

"""Answers to 10.4, 10.5 and 10.6: right ones, written differently, and wrong ones that must be refused."""

import torch
import torch.nn.functional as F

from answers import right, wrong

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

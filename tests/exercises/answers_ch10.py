"""Answers of chapter 10: right ones, written differently, and wrong ones that the checkers do not know
literally.
"""

import math

import torch
import torch.nn.functional as F
from answers import right, wrong

# 10.1 bits


@right("10.1")
def by_cross_entropy(logits, numbers):
    return F.cross_entropy(logits.double(), numbers[1:]).item() / math.log(2)


@right("10.1")
def by_gather(logits, numbers):
    log_p = logits.double().log_softmax(1).gather(1, numbers[1:, None])
    return -(log_p / math.log(2)).mean().item()


@wrong("10.1", "nats")
def in_nats(logits, numbers):
    return F.cross_entropy(logits, numbers[1:]).item()


@wrong("10.1", "Which character does the prediction")
def about_the_past(logits, numbers):
    return F.cross_entropy(logits.double(), numbers[:-1]).item() / math.log(2)


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
    return weight - torch.outer(error, factor[j])


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

"""Answers to 10.1, 10.2 and 10.3: right ones, written differently, and wrong ones that must be refused."""

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

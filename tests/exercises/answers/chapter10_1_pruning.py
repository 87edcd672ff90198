"""Answers to 10.2 and 10.3: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import right, wrong

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

"""Answers of chapter 02: right ones, written differently, and wrong ones that the checkers do not know literally."""

import math

import torch
from answers import right, wrong

from prunelab.granularity import group_scores
from prunelab.masks import keep_top

# 2.1 filter_scores


@right("2.1")
def scores_by_norm(weight):
    return torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.ndim)), keepdim=True)


@right("2.1")
def scores_by_hand(weight):
    scores = weight.pow(2).flatten(1).sum(1).sqrt()
    return scores.reshape([len(scores)] + [1] * (weight.ndim - 1))


@right("2.1")
def scores_by_package(weight):
    return group_scores(weight, "filter")


# 2.2 prune_small


@right("2.2")
def small_by_mask(weight, threshold):
    return weight * (weight.abs() >= threshold)


@right("2.2")
def small_by_where(weight, threshold):
    return torch.where(weight.abs() < threshold, torch.zeros_like(weight), weight)


@right("2.2")
def small_by_loop(weight, threshold):
    pruned = weight.clone()
    for i in range(weight.shape[0]):
        for j in range(weight.shape[1]):
            if -threshold < weight[i, j] < threshold:
                pruned[i, j] = 0
    return pruned


@wrong("2.2", "what the broken loop gives")
def small_as_broken(weight, threshold):
    weight = weight.clone()
    for i in range(weight.shape[0]):
        for j in range(weight.shape[0]):
            if 0 < weight[i, j] < threshold:
                weight[i, j] = 0
    return weight


@wrong("2.2", "counts rows")
def small_in_the_square(weight, threshold):
    weight = weight.clone()
    for i in range(weight.shape[0]):
        for j in range(weight.shape[0]):
            if weight[i, j].abs() < threshold:
                weight[i, j] = 0
    return weight


@wrong("2.2", "Work on a copy")
def small_in_place(weight, threshold):
    weight[weight.abs() < threshold] = 0
    return weight


# 2.3 filter_mask


@right("2.3")
def filters_by_package(weight, sparsity):
    return keep_top(group_scores(weight, "filter"), sparsity).expand_as(weight)


@right("2.3")
def filters_by_hand(weight, sparsity):
    order = weight.flatten(1).norm(dim=1).argsort(stable=True)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask[order[: round(sparsity * len(weight))]] = False
    return mask


# 2.4 prune_vectors


@right("2.4")
def vectors_by_rows(weight, count):
    rows = weight.clone().reshape(-1, weight.shape[-1])
    rows[rows.norm(dim=1).argsort(stable=True)[:count]] = 0
    return rows.view_as(weight)


@right("2.4")
def vectors_by_mask(weight, count):
    scores = weight.pow(2).sum(dim=-1, keepdim=True)
    return weight * keep_top(scores, count / scores.numel())


@wrong("2.4", "You prune columns")
def vectors_as_columns(weight, count):
    pruned = weight.clone()
    if weight.ndim == 2:
        pruned[:, weight.norm(dim=0).argsort(stable=True)[:count]] = 0
    return pruned


# 2.5 reached_sparsity


@right("2.5")
def reached_by_sums(shapes, sparsity):
    weights = sum(math.prod(shape) for shape in shapes)
    return sum(round(sparsity * shape[0]) * math.prod(shape[1:]) for shape in shapes) / weights


@right("2.5")
def reached_by_masks(shapes, sparsity):
    kept = [keep_top(torch.rand(shape[0]), sparsity).sum().item() * math.prod(shape[1:]) for shape in shapes]
    return 1 - sum(kept) / sum(math.prod(shape) for shape in shapes)


# 2.6 coarsest

NAMES = ("filter", "kernel", "vector", "weight")  # from coarse to fine


def _energy(weight, name, sparsity):
    kept = weight * keep_top(group_scores(weight, name), sparsity)
    return float(kept.double().pow(2).sum() / weight.double().pow(2).sum())


@right("2.6")
def coarsest_by_package(weight, sparsity, budget):
    for name in NAMES:
        if _energy(weight, name, sparsity) >= budget:
            return name
    return "dense"


@right("2.6")
def coarsest_by_hand(weight, sparsity, budget):
    answer = "dense"
    for name, size in zip(NAMES[::-1], (1, weight.shape[3], weight[0, 0].numel(), weight[0].numel()), strict=True):
        energies = weight.reshape(-1, size).pow(2).sum(1).sort().values
        if energies[round(sparsity * len(energies)) :].sum() / energies.sum() >= budget:
            answer = name
    return answer

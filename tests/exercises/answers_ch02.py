"""Answers to the exercises of chapter 02: right ones, written differently, and wrong ones, each with the hint it must get."""

import math

import torch

from prunelab.granularity import group_scores
from prunelab.masks import keep_top

# 2.1 filter_scores


def scores_by_norm(weight):
    return torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.ndim)), keepdim=True)


def scores_by_hand(weight):
    scores = weight.pow(2).flatten(1).sum(1).sqrt()
    return scores.reshape([len(scores)] + [1] * (weight.ndim - 1))


def scores_by_package(weight):
    return group_scores(weight, "filter")


def scores_without_root(weight):
    return weight.pow(2).sum(dim=tuple(range(1, weight.ndim)), keepdim=True)


def scores_l1(weight):
    return weight.abs().sum(dim=tuple(range(1, weight.ndim)), keepdim=True)


def scores_root_mean_square(weight):
    return weight.pow(2).mean(dim=tuple(range(1, weight.ndim)), keepdim=True).sqrt()


def scores_plain_sum(weight):
    return weight.sum(dim=tuple(range(1, weight.ndim)), keepdim=True)


def scores_of_channels(weight):
    return torch.linalg.vector_norm(weight, dim=(0, *range(2, weight.ndim)), keepdim=True)


def scores_flat(weight):
    return weight.flatten(1).norm(dim=1)


def scores_over_filters(weight):
    return weight.norm(dim=0)


def scores_of_kernels(weight):
    return weight.norm(dim=(2, 3), keepdim=True)


# 2.2 prune_small


def small_by_mask(weight, threshold):
    return weight * (weight.abs() >= threshold)


def small_by_where(weight, threshold):
    return torch.where(weight.abs() < threshold, torch.zeros_like(weight), weight)


def small_by_loop(weight, threshold):
    pruned = weight.clone()
    for i in range(weight.shape[0]):
        for j in range(weight.shape[1]):
            if -threshold < weight[i, j] < threshold:
                pruned[i, j] = 0
    return pruned


def small_as_broken(weight, threshold):
    weight = weight.clone()
    for i in range(weight.shape[0]):
        for j in range(weight.shape[0]):
            if 0 < weight[i, j] < threshold:
                weight[i, j] = 0
    return weight


def small_in_the_square(weight, threshold):
    weight = weight.clone()
    for i in range(weight.shape[0]):
        for j in range(weight.shape[0]):
            if weight[i, j].abs() < threshold:
                weight[i, j] = 0
    return weight


def small_positive(weight, threshold):
    return weight.masked_fill((weight > 0) & (weight < threshold), 0)


def small_and_negative(weight, threshold):
    return weight * (weight >= threshold)


def small_or_equal(weight, threshold):
    return weight * (weight.abs() > threshold)


def small_mask(weight, threshold):
    return weight.abs() >= threshold


def small_kept(weight, threshold):
    return weight * (weight.abs() < threshold)


def small_without_sign(weight, threshold):
    magnitude = weight.abs()
    return magnitude * (magnitude >= threshold)


def small_in_place(weight, threshold):
    weight[weight.abs() < threshold] = 0
    return weight


# 2.3 filter_mask


def filters_by_package(weight, sparsity):
    return keep_top(group_scores(weight, "filter"), sparsity).expand_as(weight)


def filters_by_hand(weight, sparsity):
    order = weight.flatten(1).norm(dim=1).argsort(stable=True)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask[order[: round(sparsity * len(weight))]] = False
    return mask


def filters_as_broken(weight, sparsity):
    return keep_top(weight.norm(dim=0), sparsity).expand_as(weight)


def filters_as_channels(weight, sparsity):
    return keep_top(group_scores(weight, "channel"), sparsity).expand_as(weight)


def filters_not_expanded(weight, sparsity):
    return keep_top(group_scores(weight, "filter"), sparsity)


def filters_by_weights(weight, sparsity):
    return keep_top(weight.abs(), sparsity)


def filters_inverted(weight, sparsity):
    return ~filters_by_hand(weight, sparsity)


def filters_by_l1(weight, sparsity):
    return keep_top(group_scores(weight, "filter", norm=1), sparsity).expand_as(weight)


def filters_by_sum(weight, sparsity):
    return keep_top(weight.sum(dim=(1, 2, 3), keepdim=True), sparsity).expand_as(weight)


def filters_by_maximum(weight, sparsity):
    return keep_top(weight.abs().amax(dim=(1, 2, 3), keepdim=True), sparsity).expand_as(weight)


def filters_rounded_down(weight, sparsity):
    order = weight.flatten(1).norm(dim=1).argsort(stable=True)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask[order[: int(sparsity * len(weight))]] = False
    return mask


# 2.4 prune_vectors


def vectors_by_rows(weight, count):
    rows = weight.clone().reshape(-1, weight.shape[-1])
    rows[rows.norm(dim=1).argsort(stable=True)[:count]] = 0
    return rows.view_as(weight)


def vectors_by_mask(weight, count):
    scores = weight.pow(2).sum(dim=-1, keepdim=True)
    return weight * keep_top(scores, count / scores.numel())


def vectors_as_cross(weight, count):
    pruned = weight.clone()
    for _ in range(count):
        magnitude = torch.where(pruned == 0, math.inf, pruned.abs())
        i, j = divmod(int(magnitude.argmin()), weight.shape[-1])
        pruned.view(-1, weight.shape[-1])[i] = 0
        pruned[..., j] = 0
    return pruned


def vectors_by_point(weight, count):
    rows = weight.clone().reshape(-1, weight.shape[-1])
    rows[rows.abs().amin(dim=1).argsort(stable=True)[:count]] = 0
    return rows.view_as(weight)


def vectors_as_columns(weight, count):
    pruned = weight.clone()
    if weight.ndim == 2:
        pruned[:, weight.norm(dim=0).argsort(stable=True)[:count]] = 0
    return pruned


def vectors_by_sum(weight, count):
    rows = weight.clone().reshape(-1, weight.shape[-1])
    rows[rows.sum(dim=1).argsort(stable=True)[:count]] = 0
    return rows.view_as(weight)


def vectors_by_l1(weight, count):
    rows = weight.clone().reshape(-1, weight.shape[-1])
    rows[rows.abs().sum(dim=1).argsort(stable=True)[:count]] = 0
    return rows.view_as(weight)


def vectors_as_filters(weight, count):
    rows = weight.clone().flatten(1)
    rows[rows.norm(dim=1).argsort(stable=True)[:count]] = 0
    return rows.view_as(weight)


def vectors_strongest(weight, count):
    rows = weight.clone().reshape(-1, weight.shape[-1])
    rows[(-rows.norm(dim=1)).argsort(stable=True)[:count]] = 0
    return rows.view_as(weight)


def vectors_just_one(weight, count):
    return vectors_by_rows(weight, 1)


# 2.5 reached_sparsity


def reached_by_sums(shapes, sparsity):
    weights = sum(math.prod(shape) for shape in shapes)
    return sum(round(sparsity * shape[0]) * math.prod(shape[1:]) for shape in shapes) / weights


def reached_by_masks(shapes, sparsity):
    kept = [keep_top(torch.rand(shape[0]), sparsity).sum().item() * math.prod(shape[1:]) for shape in shapes]
    return 1 - sum(kept) / sum(math.prod(shape) for shape in shapes)


def reached_as_asked(shapes, sparsity):
    return sparsity


def reached_share_of_filters(shapes, sparsity):
    return sum(round(sparsity * shape[0]) for shape in shapes) / sum(shape[0] for shape in shapes)


def reached_mean(shapes, sparsity):
    return sum(round(sparsity * shape[0]) / shape[0] for shape in shapes) / len(shapes)


def reached_rounded_down(shapes, sparsity):
    weights = sum(math.prod(shape) for shape in shapes)
    return sum(int(sparsity * shape[0]) * math.prod(shape[1:]) for shape in shapes) / weights


def reached_half_up(shapes, sparsity):
    weights = sum(math.prod(shape) for shape in shapes)
    return sum(int(sparsity * shape[0] + 0.5) * math.prod(shape[1:]) for shape in shapes) / weights


def reached_rounded_up(shapes, sparsity):
    weights = sum(math.prod(shape) for shape in shapes)
    return sum(math.ceil(sparsity * shape[0]) * math.prod(shape[1:]) for shape in shapes) / weights


def reached_by_weights(shapes, sparsity):
    weights = sum(math.prod(shape) for shape in shapes)
    return round(sparsity * weights) / weights


def reached_by_channels(shapes, sparsity):
    gone = [round(sparsity * into) * out * math.prod(kernel) for out, into, *kernel in shapes]
    return sum(gone) / sum(math.prod(shape) for shape in shapes)


def reached_density(shapes, sparsity):
    return 1 - reached_by_sums(shapes, sparsity)


def reached_in_percent(shapes, sparsity):
    return 100 * reached_by_sums(shapes, sparsity)


# 2.6 coarsest

NAMES = ("filter", "kernel", "vector", "weight")  # from coarse to fine


def _energy(weight, name, sparsity):
    kept = weight * keep_top(group_scores(weight, name), sparsity)
    return float(kept.double().pow(2).sum() / weight.double().pow(2).sum())


def coarsest_by_package(weight, sparsity, budget):
    for name in NAMES:
        if _energy(weight, name, sparsity) >= budget:
            return name
    return "dense"


def coarsest_by_hand(weight, sparsity, budget):
    answer = "dense"
    for name, size in zip(NAMES[::-1], (1, weight.shape[3], weight[0, 0].numel(), weight[0].numel()), strict=True):
        energies = weight.reshape(-1, size).pow(2).sum(1).sort().values
        if energies[round(sparsity * len(energies)) :].sum() / energies.sum() >= budget:
            answer = name
    return answer


def coarsest_finest_first(weight, sparsity, budget):
    return next((name for name in reversed(NAMES) if _energy(weight, name, sparsity) >= budget), "dense")


def coarsest_by_magnitude(weight, sparsity, budget):
    for name in NAMES:
        if (weight * keep_top(group_scores(weight, name), sparsity)).abs().sum() / weight.abs().sum() >= budget:
            return name
    return "dense"


def coarsest_by_norm(weight, sparsity, budget):
    for name in NAMES:
        if (weight * keep_top(group_scores(weight, name), sparsity)).norm() / weight.norm() >= budget:
            return name
    return "dense"


def coarsest_by_loss(weight, sparsity, budget):
    return next((name for name in NAMES if 1 - _energy(weight, name, sparsity) <= budget), "dense")


def coarsest_always_filter(weight, sparsity, budget):
    return "filter"


def coarsest_never_dense(weight, sparsity, budget):
    return next((name for name in NAMES if _energy(weight, name, sparsity) >= budget), "weight")


def coarsest_strictly(weight, sparsity, budget):
    return next((name for name in NAMES if _energy(weight, name, sparsity) > budget), "dense")


def coarsest_by_l1(weight, sparsity, budget):
    for name in NAMES:
        kept = weight * keep_top(group_scores(weight, name, norm=1), sparsity)
        if kept.pow(2).sum() / weight.pow(2).sum() >= budget:
            return name
    return "dense"


RIGHT = {
    "ex_2_1": [scores_by_norm, scores_by_hand, scores_by_package],
    "ex_2_2": [small_by_mask, small_by_where, small_by_loop],
    "ex_2_3": [filters_by_package, filters_by_hand],
    "ex_2_4": [vectors_by_rows, vectors_by_mask],
    "ex_2_5": [reached_by_sums, reached_by_masks],
    "ex_2_6": [coarsest_by_package, coarsest_by_hand],
}
WRONG = {
    "ex_2_1": {
        scores_without_root: "sum of squares",
        scores_l1: "L1 norm",
        scores_root_mean_square: "mean square",
        scores_plain_sum: "cancel",
        scores_of_channels: "scores of the channels",
        scores_flat: "does not broadcast",
        scores_over_filters: "per position",
        scores_of_kernels: "score per kernel",
    },
    "ex_2_2": {
        small_as_broken: "what the broken loop gives",
        small_in_the_square: "counts rows",
        small_positive: "negative weights are still there",
        small_and_negative: "every negative weight dies",
        small_or_equal: "equal to the threshold stays",
        small_mask: "That is the mask",
        small_kept: "keep the small ones",
        small_without_sign: "lost their sign",
        small_in_place: "Work on a copy",
    },
    "ex_2_3": {
        filters_as_broken: "what the broken function gives",
        filters_as_channels: "You drop channels",
        filters_not_expanded: "expand it",
        filters_by_weights: "single weights",
        filters_inverted: "True means kept",
        filters_by_l1: "L1 norm",
        filters_by_sum: "cancel",
        filters_by_maximum: "largest weight",
        filters_rounded_down: "nearest integer",
    },
    "ex_2_4": {
        vectors_as_cross: "through one point",
        vectors_by_point: "strong elsewhere",
        vectors_as_columns: "You prune columns",
        vectors_by_sum: "cancel",
        vectors_by_l1: "L1 norm",
        vectors_as_filters: "one row of one kernel",
        vectors_strongest: "strongest",
        vectors_just_one: "single vector",
    },
    "ex_2_5": {
        reached_as_asked: "asked for",
        reached_share_of_filters: "share of filters",
        reached_mean: "mean over layers",
        reached_rounded_down: "round down",
        reached_half_up: "even neighbour",
        reached_rounded_up: "round up",
        reached_by_weights: "single weights can reach",
        reached_by_channels: "input channels",
        reached_density: "density",
        reached_in_percent: "percent",
    },
    "ex_2_6": {
        coarsest_finest_first: "a coarser one",
        coarsest_by_magnitude: "add up magnitudes",
        coarsest_by_norm: "without the root",
        coarsest_by_l1: "L1 norm",
        coarsest_by_loss: "what may be lost",
        coarsest_always_filter: "misses the budget",
        coarsest_never_dense: "the answer is 'dense'",
        coarsest_strictly: "equal to the budget meets it",
    },
}

"""Answers of chapter 04a: right ones, written differently, and wrong ones that the checkers do not know
literally.
"""

import copy

import numpy as np
import torch
from answers import right, wrong
from torch import nn

from prunelab.criteria import magnitude
from prunelab.granularity import group_scores
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.measure import macs
from prunelab.schedules import cubic, from_sensitivity
from prunelab.surgery import remove_filters
from prunelab.training import train

# 4.1 cubic_sparsity


@right("4.1")
def cubic_by_clamping_x(step, start, end, final, initial):
    x = min(max((step - start) / (end - start), 0), 1)
    return final + (initial - final) * (1 - x) ** 3


@right("4.1")
def cubic_by_cases(step, start, end, final, initial):
    if step < start:
        return initial
    if step > end:
        return final
    left = (end - step) / (end - start)
    return initial * left**3 + final * (1 - left**3)


@right("4.1")
def cubic_by_package(step, start, end, final, initial):
    return cubic(step, start, end, final, initial)


# 4.2 choose_ratios


@right("4.2")
def ratios_by_loops(curves, tau):
    ratios = {}
    for name, curve in curves.items():
        for sparsity in sorted(curve):
            if sparsity > 0 and curve[0.0] - curve[sparsity] < tau:
                ratios[name] = sparsity
    return ratios


@right("4.2")
def ratios_by_comprehension(curves, tau):
    best = {
        name: max((s for s in c if s and c[s] > c[0.0] - tau), default=None) for name, c in curves.items()
    }
    return {name: s for name, s in best.items() if s is not None}


@right("4.2")
def ratios_by_package(curves, tau):
    return from_sensitivity(curves, tau)


# 4.3 remove_filter


@right("4.3")
def remove_by_mask(weight, bias, next_weight, next_bias, index):
    positions = next_weight.shape[1] // len(weight)
    stays = torch.arange(len(weight)) != index
    columns = stays.repeat_interleave(positions)
    folded = next_bias + next_weight[:, ~columns].sum(1) * bias[index].relu()
    return weight[stays], bias[stays], next_weight[:, columns], folded


@right("4.3")
def remove_by_view(weight, bias, next_weight, next_bias, index):
    outputs, filters = len(next_weight), len(weight)
    by_filter = next_weight.reshape(outputs, filters, -1)
    constant = max(0.0, float(bias[index]))
    keep = [o for o in range(filters) if o != index]
    return (
        weight[keep],
        bias[keep],
        by_filter[:, keep].reshape(outputs, -1),
        next_bias + constant * by_filter[:, index].sum(1),
    )


# 4.4 meet_budget


def _pruned(model, mnist, weights_left, epochs, lr=0.02, scope="global"):
    small = copy.deepcopy(model)
    scores = magnitude(small)
    masks = mask_model(scores, 1 - weights_left, scope=scope)
    train(small, mnist.train, epochs=epochs, lr=lr, masks=masks)
    return small


@right("4.4")
def budget_exact(model, mnist, share, bound):
    total = sum(p.numel() for p in model.parameters())
    weights = sum(score.numel() for score in magnitude(model).values())
    return _pruned(model, mnist, (0.98 * share * total - (total - weights)) / weights, 2)


@right("4.4")
def budget_with_room(model, mnist, share, bound):
    return _pruned(model, mnist, 0.85 * share - 0.04 * (share > 0.3), 2, lr=0.03)


@wrong("4.4", "biases count as parameters too")
def budget_without_biases(model, mnist, share, bound):
    return _pruned(model, mnist, share, 1)


@wrong("4.4", "after pruning comes training")
def budget_without_training(model, mnist, share, bound):
    return _pruned(model, mnist, 0.3 * share, 0)


@wrong("4.4", "revived what was pruned")
def budget_forgets_the_masks(model, mnist, share, bound):
    small = copy.deepcopy(model)
    apply_masks(small, mask_model(magnitude(small), 1 - 0.5 * share, scope="global"))
    train(small, mnist.train, epochs=1, lr=0.02)
    return small


@wrong("4.4", "Nothing is pruned")
def budget_untouched(model, mnist, share, bound):
    return copy.deepcopy(model)


@wrong("4.4", "No weight is left")
def budget_of_zeros(model, mnist, share, bound):
    return _pruned(model, mnist, 0.0, 0)


@wrong("4.4", "Too many parameters")
def budget_too_large(model, mnist, share, bound):
    return _pruned(model, mnist, 1.3 * share, 1)


@wrong("4.4", "not right often enough")
def budget_too_hard(model, mnist, share, bound):
    return _pruned(model, mnist, 0.03 * share, 1)


@wrong("4.4", "Work on a copy")
def budget_in_place(model, mnist, share, bound):
    total = sum(p.numel() for p in model.parameters())
    weights = sum(score.numel() for score in magnitude(model).values())
    masks = mask_model(
        magnitude(model), 1 - (0.98 * share * total - (total - weights)) / weights, scope="global"
    )
    train(model, mnist.train, epochs=2, lr=0.02, masks=masks)
    return copy.deepcopy(model)


# 4.5 judge_speedups


def _word(low, high, band=1.1):
    return "faster" if low > band else "slower" if high < 1 / band else "no measurable difference"


@right("4.5")
def speedups_by_numpy(timings):
    (_, first), *others = timings.items()
    ratios = {name: np.divide(first, times) for name, times in others}
    return {name: _word(*np.quantile(ratio, [0.25, 0.75])) for name, ratio in ratios.items()}


@right("4.5")
def speedups_by_torch(timings):
    first = next(iter(timings))
    verdicts = {}
    for name in timings:
        if name != first:
            ratio = torch.tensor(timings[first], dtype=torch.float64) / torch.tensor(
                timings[name], dtype=torch.float64
            )
            low, high = ratio.quantile(0.25).item(), ratio.quantile(0.75).item()
            verdicts[name] = _word(low, high)
    return verdicts


# 4.11 fewer_macs


def _removed(model, mnist, share, granularity_scores, epochs=2):
    image = mnist.valid.tensors[0][:1]
    *names, _ = prunable(model)
    for sparsity in torch.arange(0.1, 0.99, 0.02).tolist():
        small = remove_filters(
            model, mask_model({n: granularity_scores(prunable(model)[n]) for n in names}, sparsity)
        )
        if macs(small, image) <= share * macs(model, image):
            break
    if epochs:
        train(small, mnist.train, epochs=epochs, lr=0.02)
    return small


@right("4.11")
def macs_by_l1(model, mnist, share, points):
    return _removed(model, mnist, share, lambda w: group_scores(w, "filter", norm=1))


@right("4.11")
def macs_by_largest_weight(model, mnist, share, points):
    return _removed(
        model, mnist, share, lambda w: w.abs().flatten(1).amax(1).view(-1, *[1] * (w.ndim - 1)), epochs=3
    ).eval()


@wrong("4.11", "Remove it")
def macs_masked(model, mnist, share, points):
    small = copy.deepcopy(model)
    apply_masks(small, mask_model({n: w.abs() for n, w in prunable(small).items()}, 0.9))
    return small


@wrong("4.11", "Too many MACs")
def macs_as_before(model, mnist, share, points):
    return copy.deepcopy(model)


@wrong("4.11", "train the small network")
def macs_untrained(model, mnist, share, points):
    return _removed(model, mnist, share, lambda w: -group_scores(w, "filter"), epochs=0)


# 4.12 without_zero_filters


@right("4.12")
def zeros_by_package(model):
    convolutions = {n: m for n, m in model.named_modules() if isinstance(m, nn.Conv2d)}
    return remove_filters(
        model,
        {f"{n}.weight": (m.weight != 0).flatten(1).any(1).view(-1, 1, 1, 1) for n, m in convolutions.items()},
    )


@right("4.12")
def zeros_by_hand(model):
    parts, keep = [], None
    for layer in copy.deepcopy(model):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            weight = layer.weight.data
            if keep is not None:
                weight = weight.reshape(len(weight), len(keep), -1)[:, keep].reshape(
                    len(weight), -1, *weight.shape[2:]
                )
            keep = layer.weight.data.flatten(1).any(1) | layer.bias.data.bool()
            keep = torch.ones_like(keep) if isinstance(layer, nn.Linear) else keep
            layer.weight, layer.bias = nn.Parameter(weight[keep]), nn.Parameter(layer.bias.data[keep])
            if isinstance(layer, nn.Conv2d):
                layer.out_channels, layer.in_channels = weight[keep].shape[:2]
        parts.append(layer)
    return nn.Sequential(*parts)


@wrong("4.12", "Nothing has become smaller")
def zeros_stay(model):
    return copy.deepcopy(model)


def _cut(model, columns):
    """Remove zero filters, with other columns of the next layer than those that read them."""
    small, keep = copy.deepcopy(model), None
    for layer in small:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if keep is not None:
                layer.weight = nn.Parameter(
                    layer.weight.data[:, columns(keep, layer.weight.shape[1] // len(keep))]
                )
            keep = layer.weight.data.flatten(1).any(1) if isinstance(layer, nn.Conv2d) else keep
            if isinstance(layer, nn.Conv2d):
                layer.weight, layer.bias = (
                    nn.Parameter(layer.weight.data[keep]),
                    nn.Parameter(layer.bias.data[keep]),
                )
    return small


@wrong("4.12", "which channels or columns")
def zeros_every_so_many(model):
    return _cut(model, lambda keep, positions: keep.repeat(positions))


@wrong("4.12", "which channels or columns")
def zeros_first_columns(model):
    return _cut(
        model, lambda keep, positions: torch.arange(len(keep) * positions) < int(keep.sum()) * positions
    )


@wrong("4.12", "a filter without weights but with a bias")
def zeros_without_a_look_at_biases(model):
    return _cut(model, lambda keep, positions: keep.repeat_interleave(positions))


@wrong("4.12", "Something is left")
def zeros_first_layer_only(model):
    first = next(n for n, m in model.named_modules() if isinstance(m, nn.Conv2d))
    weight = model.get_submodule(first).weight
    return remove_filters(model, {f"{first}.weight": (weight != 0).flatten(1).any(1).view(-1, 1, 1, 1)})

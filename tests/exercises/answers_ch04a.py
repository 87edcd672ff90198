"""Answers of chapter 04a: right ones, written differently, and wrong ones that the checkers do not know literally."""

import copy

import numpy as np
import torch
from answers import right, wrong

from prunelab.criteria import magnitude
from prunelab.masks import apply_masks, mask_model
from prunelab.schedules import cubic, from_sensitivity
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
    best = {name: max((s for s in c if s and c[s] > c[0.0] - tau), default=None) for name, c in curves.items()}
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
    return weight[keep], bias[keep], by_filter[:, keep].reshape(outputs, -1), next_bias + constant * by_filter[:, index].sum(1)


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
    masks = mask_model(magnitude(model), 1 - (0.98 * share * total - (total - weights)) / weights, scope="global")
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
            ratio = torch.tensor(timings[first], dtype=torch.float64) / torch.tensor(timings[name], dtype=torch.float64)
            low, high = ratio.quantile(0.25).item(), ratio.quantile(0.75).item()
            verdicts[name] = _word(low, high)
    return verdicts

"""Answers to the exercises of chapters 04.1 and 04.2: right ones, written differently, and wrong ones, each with its hint."""

import copy

import numpy as np
import torch

from prunelab.criteria import magnitude
from prunelab.masks import apply_masks, mask_model
from prunelab.schedules import cubic, from_sensitivity
from prunelab.training import train

# 4.1 cubic_sparsity


def cubic_by_clamping_x(step, start, end, final, initial):
    x = min(max((step - start) / (end - start), 0), 1)
    return final + (initial - final) * (1 - x) ** 3


def cubic_by_cases(step, start, end, final, initial):
    if step < start:
        return initial
    if step > end:
        return final
    left = (end - step) / (end - start)
    return initial * left**3 + final * (1 - left**3)


def cubic_by_package(step, start, end, final, initial):
    return cubic(step, start, end, final, initial)


def cubic_unclamped(step, start, end, final, initial):
    return final + (initial - final) * (1 - (step - start) / (end - start)) ** 3


def cubic_unclamped_below(step, start, end, final, initial):
    return cubic_unclamped(min(step, end), start, end, final, initial)


def cubic_unclamped_above(step, start, end, final, initial):
    return cubic_unclamped(max(step, start), start, end, final, initial)


def cubic_linear(step, start, end, final, initial):
    x = min(max((step - start) / (end - start), 0), 1)
    return initial + (final - initial) * x


def cubic_square(step, start, end, final, initial):
    x = min(max((step - start) / (end - start), 0), 1)
    return final + (initial - final) * (1 - x) ** 2


def cubic_without_initial(step, start, end, final, initial):
    return cubic_by_clamping_x(step, start, end, final, 0.0)


def cubic_upside_down(step, start, end, final, initial):
    x = min(max((step - start) / (end - start), 0), 1)
    return initial + (final - initial) * x**3


def cubic_density(step, start, end, final, initial):
    return 1 - cubic_by_clamping_x(step, start, end, final, initial)


# 4.2 choose_ratios


def ratios_by_loops(curves, tau):
    ratios = {}
    for name, curve in curves.items():
        for sparsity in sorted(curve):
            if sparsity > 0 and curve[0.0] - curve[sparsity] < tau:
                ratios[name] = sparsity
    return ratios


def ratios_by_comprehension(curves, tau):
    best = {name: max((s for s in c if s and c[s] > c[0.0] - tau), default=None) for name, c in curves.items()}
    return {name: s for name, s in best.items() if s is not None}


def ratios_by_package(curves, tau):
    return from_sensitivity(curves, tau)


def ratios_with_ties(curves, tau):
    best = {name: max((s for s in c if s and c[s] >= c[0.0] - tau), default=None) for name, c in curves.items()}
    return {name: s for name, s in best.items() if s is not None}


def ratios_until_one_fails(curves, tau):
    ratios = {}
    for name, curve in curves.items():
        for sparsity in sorted(curve)[1:]:
            if curve[0.0] - curve[sparsity] >= tau:
                break
            ratios[name] = sparsity
    return ratios


def ratios_with_zeros(curves, tau):
    return {name: max((s for s in c if c[0.0] - c[s] < tau), default=0.0) for name, c in curves.items()}


def ratios_in_percent(curves, tau):
    best = {name: max((s for s in c if s and 100 * (1 - c[s] / c[0.0]) < tau), default=None) for name, c in curves.items()}
    return {name: s for name, s in best.items() if s is not None}


def ratios_absolute(curves, tau):
    best = {name: max((s for s in c if s and abs(c[s] - c[0.0]) < tau), default=None) for name, c in curves.items()}
    return {name: s for name, s in best.items() if s is not None}


def ratios_smallest(curves, tau):
    best = {name: min((s for s in c if s and c[0.0] - c[s] < tau), default=None) for name, c in curves.items()}
    return {name: s for name, s in best.items() if s is not None}


# 4.3 remove_filter


def remove_by_mask(weight, bias, next_weight, next_bias, index):
    positions = next_weight.shape[1] // len(weight)
    stays = torch.arange(len(weight)) != index
    columns = stays.repeat_interleave(positions)
    folded = next_bias + next_weight[:, ~columns].sum(1) * bias[index].relu()
    return weight[stays], bias[stays], next_weight[:, columns], folded


def remove_by_view(weight, bias, next_weight, next_bias, index):
    outputs, filters = len(next_weight), len(weight)
    by_filter = next_weight.reshape(outputs, filters, -1)
    constant = max(0.0, float(bias[index]))
    keep = [o for o in range(filters) if o != index]
    return weight[keep], bias[keep], by_filter[:, keep].reshape(outputs, -1), next_bias + constant * by_filter[:, index].sum(1)


def remove_without_folding(weight, bias, next_weight, next_bias, index):
    return (*remove_by_mask(weight, bias, next_weight, next_bias, index)[:3], next_bias.clone())


def remove_without_relu(weight, bias, next_weight, next_bias, index):
    lost = next_weight.reshape(len(next_weight), len(weight), -1)[:, index].sum(1)
    return (*remove_by_mask(weight, bias, next_weight, next_bias, index)[:3], next_bias + lost * bias[index])


def remove_one_column(weight, bias, next_weight, next_bias, index):
    keep = [o for o in range(len(weight)) if o != index]
    columns = [c for c in range(next_weight.shape[1]) if c != index]
    return weight[keep], bias[keep], next_weight[:, columns], next_bias + next_weight[:, index] * bias[index].relu()


def remove_every_nth_column(weight, bias, next_weight, next_bias, index):
    keep = [o for o in range(len(weight)) if o != index]
    gone = torch.arange(next_weight.shape[1]) % len(weight) == index
    return weight[keep], bias[keep], next_weight[:, ~gone], next_bias + next_weight[:, gone].sum(1) * bias[index].relu()


def remove_with_the_mean(weight, bias, next_weight, next_bias, index):
    lost = next_weight.reshape(len(next_weight), len(weight), -1)[:, index].mean(1)
    return (*remove_by_mask(weight, bias, next_weight, next_bias, index)[:3], next_bias + lost * bias[index].relu())


def remove_subtracting(weight, bias, next_weight, next_bias, index):
    lost = next_weight.reshape(len(next_weight), len(weight), -1)[:, index].sum(1)
    return (*remove_by_mask(weight, bias, next_weight, next_bias, index)[:3], next_bias - lost * bias[index].relu())


def remove_by_masking(weight, bias, next_weight, next_bias, index):
    weight, bias = weight.clone(), bias.clone()
    weight[index] = 0
    bias[index] = 0
    return weight, bias, next_weight.clone(), next_bias.clone()


# 4.4 meet_budget


def _pruned(model, mnist, weights_left, epochs, lr=0.02, scope="global"):
    small = copy.deepcopy(model)
    scores = magnitude(small)
    masks = mask_model(scores, 1 - weights_left, scope=scope)
    train(small, mnist.train, epochs=epochs, lr=lr, masks=masks)
    return small


def budget_exact(model, mnist, share, bound):
    total = sum(p.numel() for p in model.parameters())
    weights = sum(score.numel() for score in magnitude(model).values())
    return _pruned(model, mnist, (0.98 * share * total - (total - weights)) / weights, 2)


def budget_with_room(model, mnist, share, bound):
    return _pruned(model, mnist, 0.85 * share - 0.04 * (share > 0.3), 2, lr=0.03)


def budget_without_biases(model, mnist, share, bound):
    return _pruned(model, mnist, share, 1)


def budget_without_training(model, mnist, share, bound):
    return _pruned(model, mnist, 0.3 * share, 0)


def budget_forgets_the_masks(model, mnist, share, bound):
    small = copy.deepcopy(model)
    apply_masks(small, mask_model(magnitude(small), 1 - 0.5 * share, scope="global"))
    train(small, mnist.train, epochs=1, lr=0.02)
    return small


def budget_untouched(model, mnist, share, bound):
    return copy.deepcopy(model)


def budget_of_zeros(model, mnist, share, bound):
    return _pruned(model, mnist, 0.0, 0)


def budget_too_large(model, mnist, share, bound):
    return _pruned(model, mnist, 1.3 * share, 1)


def budget_too_hard(model, mnist, share, bound):
    return _pruned(model, mnist, 0.03 * share, 1)


def budget_in_place(model, mnist, share, bound):
    total = sum(p.numel() for p in model.parameters())
    weights = sum(score.numel() for score in magnitude(model).values())
    masks = mask_model(magnitude(model), 1 - (0.98 * share * total - (total - weights)) / weights, scope="global")
    train(model, mnist.train, epochs=2, lr=0.02, masks=masks)
    return copy.deepcopy(model)


# 4.5 judge_speedups


def _word(low, high, band=1.1):
    return "faster" if low > band else "slower" if high < 1 / band else "no measurable difference"


def speedups_by_numpy(timings):
    (_, first), *others = timings.items()
    ratios = {name: np.divide(first, times) for name, times in others}
    return {name: _word(*np.quantile(ratio, [0.25, 0.75])) for name, ratio in ratios.items()}


def speedups_by_torch(timings):
    first = next(iter(timings))
    verdicts = {}
    for name in timings:
        if name != first:
            ratio = torch.tensor(timings[first], dtype=torch.float64) / torch.tensor(timings[name], dtype=torch.float64)
            low, high = ratio.quantile(0.25).item(), ratio.quantile(0.75).item()
            verdicts[name] = _word(low, high)
    return verdicts


def speedups_by_means(timings):
    (_, first), *others = timings.items()
    return {name: _word(*[np.mean(first) / np.mean(times)] * 2) for name, times in others}


def speedups_by_medians(timings):
    (_, first), *others = timings.items()
    return {name: _word(*[np.median(first) / np.median(times)] * 2) for name, times in others}


def speedups_by_minima(timings):
    (_, first), *others = timings.items()
    return {name: _word(*[min(first) / min(times)] * 2) for name, times in others}


def speedups_without_band(timings):
    (_, first), *others = timings.items()
    return {name: _word(*np.quantile(np.divide(first, times), [0.25, 0.75]), band=1.0) for name, times in others}


def speedups_unpaired(timings):
    (_, first), *others = timings.items()
    a, b = np.quantile(first, [0.25, 0.75])
    return {name: _word(a / np.quantile(times, 0.75), b / np.quantile(times, 0.25)) for name, times in others}


def speedups_upside_down(timings):
    (_, first), *others = timings.items()
    return {name: _word(*np.quantile(np.divide(times, first), [0.25, 0.75])) for name, times in others}


def speedups_in_every_round(timings):
    (_, first), *others = timings.items()
    return {name: _word(np.divide(first, times).min(), np.divide(first, times).max()) for name, times in others}


def speedups_with_the_baseline(timings):
    return {next(iter(timings)): "no measurable difference"} | speedups_by_numpy(timings)


RIGHT = {
    "ex_4_1": [cubic_by_clamping_x, cubic_by_cases, cubic_by_package],
    "ex_4_2": [ratios_by_loops, ratios_by_comprehension, ratios_by_package],
    "ex_4_3": [remove_by_mask, remove_by_view],
    "ex_4_4": [budget_exact, budget_with_room],
    "ex_4_5": [speedups_by_numpy, speedups_by_torch],
}

WRONG = {
    "ex_4_1": {
        cubic_unclamped: "What happens outside?",
        cubic_unclamped_below: "Before start",
        cubic_unclamped_above: "After end",
        cubic_linear: "linear schedule",
        cubic_square: "parabola",
        cubic_without_initial: "Where is initial?",
        cubic_upside_down: "upside down",
        cubic_density: "density",
    },
    "ex_4_2": {
        ratios_with_ties: "exactly tau",
        ratios_until_one_fails: "first ratio that fails",
        ratios_with_zeros: "left out of the result",
        ratios_in_percent: "percentage points",
        ratios_absolute: "absolute value",
        ratios_smallest: "smallest ratio",
    },
    "ex_4_3": {
        remove_without_folding: "Where has that constant gone?",
        remove_without_relu: "stands a ReLU",
        remove_one_column: "as many columns as it has positions",
        remove_every_nth_column: "side by side",
        remove_with_the_mean: "do not average",
        remove_subtracting: "you subtract it",
        remove_by_masking: "must become smaller",
    },
    "ex_4_4": {
        budget_without_biases: "biases count as parameters too",
        budget_without_training: "after pruning comes training",
        budget_forgets_the_masks: "revived what was pruned",
        budget_untouched: "Nothing is pruned",
        budget_of_zeros: "No weight is left",
        budget_too_large: "Too many parameters",
        budget_too_hard: "not right often enough",
        budget_in_place: "Work on a copy",
    },
    "ex_4_5": {
        speedups_by_means: "You compare means",
        speedups_by_medians: "You compare medians",
        speedups_by_minima: "fastest rounds",
        speedups_without_band: "below 10 %",
        speedups_unpaired: "ratios first, quartiles after",
        speedups_upside_down: "Upside down",
        speedups_in_every_round: "every single round",
        speedups_with_the_baseline: "no verdict",
    },
}

"""Answers to the exercises of chapter 01: right ones, written differently, and wrong ones, each with the hint it must get."""

import copy
import math

import numpy as np
import torch
from torch import nn

from prunelab import masks
from prunelab.training import accuracy

# 1.1 keep_exactly


def sorted_order(scores, sparsity):
    order = scores.flatten().argsort(stable=True)
    mask = torch.ones(scores.numel(), dtype=torch.bool)
    mask[order[: round(sparsity * scores.numel())]] = False
    return mask.view(scores.shape)


def ranks(scores, sparsity):
    rank = scores.flatten().argsort(stable=True).argsort()
    return (rank >= round(sparsity * scores.numel())).view_as(scores)


def lexicographic(scores, sparsity):
    values = scores.numpy().ravel()
    mask = np.ones(values.size, dtype=bool)
    mask[np.lexsort((np.arange(values.size), values))[: round(sparsity * values.size)]] = False
    return torch.from_numpy(mask.reshape(scores.shape))


def strict_threshold(scores, sparsity):
    k = round(sparsity * scores.numel())
    return scores > scores.flatten().kthvalue(k).values if k else torch.ones_like(scores, dtype=torch.bool)


def lenient_threshold(scores, sparsity):
    return scores >= scores.flatten().quantile(sparsity)


def lowest_kept(scores, sparsity):
    return sorted_order(-scores, sparsity)


def pruned_is_true(scores, sparsity):
    return ~sorted_order(scores, sparsity)


def rounded_down(scores, sparsity):
    mask = torch.ones(scores.numel(), dtype=torch.bool)
    mask[scores.flatten().argsort(stable=True)[: int(sparsity * scores.numel())]] = False
    return mask.view(scores.shape)


def highest_first(scores, sparsity):
    order = scores.flatten().argsort(descending=True, stable=True)
    mask = torch.zeros(scores.numel(), dtype=torch.bool)
    mask[order[: scores.numel() - round(sparsity * scores.numel())]] = True
    return mask.view(scores.shape)


def row_by_row(scores, sparsity):
    return torch.stack([sorted_order(row, sparsity) for row in scores])


def magnitudes(scores, sparsity):
    return sorted_order(scores.abs(), sparsity)


def scores_that_stay(scores, sparsity):
    return scores * sorted_order(scores, sparsity)


# 1.2 threshold_cut


def cut_by_sorting(weight, sparsity):
    k = round(sparsity * weight.numel())
    threshold = weight.abs().flatten().sort().values[k - 1].item() if k else 0.0
    return threshold, (weight.abs() <= threshold).sum().item() / weight.numel()


def cut_by_kthvalue(weight, sparsity):
    magnitude = weight.abs().flatten()
    k = round(sparsity * len(magnitude))
    threshold = magnitude.kthvalue(k).values if k > 0 else torch.tensor(0.0)
    return [threshold, 1 - (magnitude > threshold).double().mean()]


def cut_by_quantile(weight, sparsity):
    threshold = torch.quantile(weight.abs(), sparsity)
    return threshold.item(), (weight.abs() <= threshold).float().mean().item()


def cut_as_asked(weight, sparsity):
    return cut_by_sorting(weight, sparsity)[0], sparsity


def cut_as_meant(weight, sparsity):
    return cut_by_sorting(weight, sparsity)[0], round(sparsity * weight.numel()) / weight.numel()


def cut_counting_below(weight, sparsity):
    threshold, _ = cut_by_sorting(weight, sparsity)
    return threshold, (weight.abs() < threshold).float().mean().item()


def cut_of_values(weight, sparsity):
    k = round(sparsity * weight.numel())
    threshold = weight.flatten().sort().values[k - 1].item() if k else 0.0
    return threshold, (weight <= threshold).float().mean().item()


def cut_one_too_far(weight, sparsity):
    values = weight.abs().flatten().sort().values
    threshold = values[min(round(sparsity * len(values)), len(values) - 1)].item()
    return threshold, (weight.abs() <= threshold).float().mean().item()


def cut_density(weight, sparsity):
    threshold, reached = cut_by_sorting(weight, sparsity)
    return threshold, 1 - reached


def cut_in_percent(weight, sparsity):
    threshold, reached = cut_by_sorting(weight, sparsity)
    return threshold, 100 * reached


def cut_rounded_down(weight, sparsity):
    k = int(sparsity * weight.numel())
    threshold = weight.abs().flatten().sort().values[k - 1].item() if k else 0.0
    return threshold, (weight.abs() <= threshold).sum().item() / weight.numel()


# 1.3 masked_step


def step_then_mask(weight, gradient, velocity, mask, lr, momentum):
    velocity = momentum * velocity + gradient
    return (weight - lr * velocity) * mask, velocity


def step_of_torch(weight, gradient, velocity, mask, lr, momentum):
    parameter = nn.Parameter(weight.clone())
    parameter.grad = gradient.clone()
    optimizer = torch.optim.SGD([parameter], lr=lr, momentum=momentum)
    optimizer.state[parameter]["momentum_buffer"] = velocity.clone()
    optimizer.step()
    return parameter.detach().masked_fill(~mask, 0), optimizer.state[parameter]["momentum_buffer"] * mask


def step_of_kept_weights(weight, gradient, velocity, mask, lr, momentum):
    new_weight, new_velocity = torch.zeros_like(weight), torch.zeros_like(velocity)
    new_velocity[mask] = momentum * velocity[mask] + gradient[mask]
    new_weight[mask] = weight[mask] - lr * new_velocity[mask]
    return new_weight, new_velocity


def step_masks_the_gradient(weight, gradient, velocity, mask, lr, momentum):
    velocity = momentum * velocity + gradient * mask
    return weight - lr * velocity, velocity


def step_masks_first(weight, gradient, velocity, mask, lr, momentum):
    velocity = momentum * velocity + gradient
    return weight * mask - lr * velocity, velocity


def step_masks_weight_and_gradient_first(weight, gradient, velocity, mask, lr, momentum):
    velocity = momentum * velocity + gradient * mask
    return weight * mask - lr * velocity, velocity


def step_masks_the_velocity(weight, gradient, velocity, mask, lr, momentum):
    velocity = (momentum * velocity + gradient) * mask
    return weight - lr * velocity, velocity


def step_without_momentum(weight, gradient, velocity, mask, lr, momentum):
    return (weight - lr * gradient) * mask, velocity


def step_with_old_velocity(weight, gradient, velocity, mask, lr, momentum):
    weight = (weight - lr * velocity) * mask
    return weight, momentum * velocity + gradient


def step_forgets_the_velocity(weight, gradient, velocity, mask, lr, momentum):
    return (weight - lr * (momentum * velocity + gradient)) * mask, velocity


def step_inverted(weight, gradient, velocity, mask, lr, momentum):
    return step_of_kept_weights(weight, gradient, velocity, ~mask, lr, momentum)


def step_in_place(weight, gradient, velocity, mask, lr, momentum):
    velocity.mul_(momentum).add_(gradient)
    return (weight - lr * velocity) * mask, velocity


# 1.4 sparsity_and_ratio


def ratio_of_layers(model):
    weights = [module.weight for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    elements = sum(weight.numel() for weight in weights)
    nonzeros = sum(int(weight.count_nonzero()) for weight in weights)
    return 1 - nonzeros / elements, elements / nonzeros if nonzeros else math.inf


def ratio_by_package(model):
    sparsity = masks.sparsity(model)
    return (sparsity, 1 / (1 - sparsity)) if sparsity < 1 else (1.0, float("inf"))


def _ratio(values):
    flat = torch.cat([value.detach().flatten() for value in values])
    sparsity = (flat == 0).double().mean().item()
    return sparsity, 1 / (1 - sparsity) if sparsity < 1 else math.inf


def ratio_of_all_parameters(model):
    return _ratio(model.parameters())


def ratio_by_name(model):
    return _ratio(value for name, value in model.named_parameters() if name.endswith("weight"))


def ratio_of_layers_with_biases(model):
    layers = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    return _ratio(parameter for layer in layers for parameter in layer.parameters())


def ratio_averaged(model):
    sparsity = float(np.mean([_ratio([weight])[0] for weight in masks.prunable(model).values()]))
    return sparsity, 1 / (1 - sparsity) if sparsity < 1 else math.inf


def ratio_of_children(model):
    return _ratio(module.weight for module in model.children() if isinstance(module, nn.Linear | nn.Conv2d))


def ratio_with_density(model):
    sparsity, ratio = ratio_of_layers(model)
    return 1 - sparsity, ratio


def ratio_upside_down(model):
    sparsity, _ = ratio_of_layers(model)
    return sparsity, 1 - sparsity


def ratio_of_sparsity(model):
    sparsity, _ = ratio_of_layers(model)
    return sparsity, 1 / sparsity if sparsity else math.inf


def ratio_in_percent(model):
    sparsity, ratio = ratio_of_layers(model)
    return 100 * sparsity, ratio


def ratio_first(model):
    return ratio_of_layers(model)[::-1]


# 1.5 highest_sparsity


def _after(model, dataset, sparsity, scope="layer", magnitude=torch.abs):
    pruned = copy.deepcopy(model)
    scores = {name: magnitude(weight) for name, weight in masks.prunable(pruned).items()}
    masks.apply_masks(pruned, masks.mask_model(scores, sparsity, scope=scope))
    return accuracy(pruned, dataset)


def highest_by_package(model, mnist, sparsities, bound):
    return max((s for s in sparsities if _after(model, mnist.valid, s) >= bound), default=0.0)


def highest_from_the_top(model, mnist, sparsities, bound):
    images, labels = mnist.valid.tensors
    for sparsity in sorted(sparsities, reverse=True):
        pruned = copy.deepcopy(model)
        with torch.no_grad():
            for module in pruned.modules():
                if isinstance(module, nn.Linear):
                    flat = module.weight.view(-1)
                    flat[flat.abs().argsort()[: round(sparsity * len(flat))]] = 0
            percent = (pruned(images).argmax(1) == labels).float().mean() * 100
        if percent >= bound:
            return sparsity
    return 0.0


def highest_on_test(model, mnist, sparsities, bound):
    return max((s for s in sparsities if _after(model, mnist.test, s) >= bound), default=0.0)


def highest_on_train(model, mnist, sparsities, bound):
    return max((s for s in sparsities if _after(model, mnist.train, s) >= bound), default=0.0)


def highest_strictly_above(model, mnist, sparsities, bound):
    return max((s for s in sparsities if _after(model, mnist.valid, s) > bound), default=0.0)


def highest_until_it_fails(model, mnist, sparsities, bound):
    best = 0.0
    for sparsity in sorted(sparsities):
        if _after(model, mnist.valid, sparsity) < bound:
            break
        best = sparsity
    return best


def highest_in_the_given_order(model, mnist, sparsities, bound):
    best = 0.0
    for sparsity in sparsities:
        if _after(model, mnist.valid, sparsity) >= bound:
            best = sparsity
    return best


def highest_global(model, mnist, sparsities, bound):
    return max((s for s in sparsities if _after(model, mnist.valid, s, scope="global") >= bound), default=0.0)


def highest_without_abs(model, mnist, sparsities, bound):
    return max((s for s in sparsities if _after(model, mnist.valid, s, magnitude=lambda w: w.detach()) >= bound), default=0.0)


def highest_accuracy(model, mnist, sparsities, bound):
    return max((_after(model, mnist.valid, s) for s in sparsities), default=0.0)


def lowest_sparsity(model, mnist, sparsities, bound):
    return min((s for s in sparsities if _after(model, mnist.valid, s) >= bound), default=0.0)


def accuracy_at_the_highest(model, mnist, sparsities, bound):
    return _after(model, mnist.valid, highest_by_package(model, mnist, sparsities, bound))


def highest_in_place(model, mnist, sparsities, bound):
    best = highest_by_package(model, mnist, sparsities, bound)
    masks.apply_masks(model, masks.mask_model({name: w.abs() for name, w in masks.prunable(model).items()}, 0.9))
    return best


def highest_with_one_copy(model, mnist, sparsities, bound):
    pruned, best = copy.deepcopy(model), 0.0
    for sparsity in sparsities:
        scores = {name: weight.abs() for name, weight in masks.prunable(pruned).items()}
        masks.apply_masks(pruned, masks.mask_model(scores, sparsity))
        if accuracy(pruned, mnist.valid) >= bound:
            best = max(best, sparsity)
    return best


def highest_with_biases(model, mnist, sparsities, bound):
    def after(sparsity):
        pruned = copy.deepcopy(model)
        scores = {name: parameter.abs() for name, parameter in pruned.named_parameters()}
        masks.apply_masks(pruned, masks.mask_model(scores, sparsity))
        return accuracy(pruned, mnist.valid)

    return max((s for s in sparsities if after(s) >= bound), default=0.0)


RIGHT = {
    "ex_1_1": [sorted_order, ranks, lexicographic],
    "ex_1_2": [cut_by_sorting, cut_by_kthvalue],
    "ex_1_3": [step_then_mask, step_of_torch, step_of_kept_weights],
    "ex_1_4": [ratio_of_layers, ratio_by_package],
    "ex_1_5": [highest_by_package, highest_from_the_top],
}
WRONG = {
    "ex_1_1": {
        strict_threshold: "all go at once",
        lenient_threshold: "all stay",
        lowest_kept: "the other way round",
        pruned_is_true: "True means kept",
        rounded_down: "nearest integer",
        highest_first: "earlier position goes first",
        row_by_row: "each row on its own",
        magnitudes: "as they are",
        scores_that_stay: "right kind of object",
    },
    "ex_1_2": {
        cut_by_quantile: "interpolates",
        cut_as_asked: "the sparsity asked for",
        cut_as_meant: "meant to go",
        cut_counting_below: "a weight equal to it is pruned",
        cut_of_values: "compare magnitudes",
        cut_one_too_far: "One too far",
        cut_density: "density",
        cut_in_percent: "in percent",
        cut_rounded_down: "nearest integer",
    },
    "ex_1_3": {
        step_masks_the_gradient: "velocity remembers",
        step_masks_first: "Which comes last?",
        step_masks_weight_and_gradient_first: "Which comes last?",
        step_masks_the_velocity: "stays where it is",
        step_without_momentum: "lost their momentum",
        step_with_old_velocity: "old velocity",
        step_forgets_the_velocity: "must come back updated",
        step_inverted: "True means kept",
        step_in_place: "Work on a copy",
    },
    "ex_1_4": {
        ratio_of_all_parameters: "biases or BatchNorm",
        ratio_by_name: "Look at the kind of the layer",
        ratio_of_layers_with_biases: "biases of the layers",
        ratio_averaged: "mean over layers",
        ratio_of_children: "inside other modules",
        ratio_with_density: "density",
        ratio_upside_down: "upside down",
        ratio_of_sparsity: "not 1 / sparsity",
        ratio_in_percent: "in percent",
        ratio_first: "other order",
    },
    "ex_1_5": {
        highest_on_test: "test split",
        highest_on_train: "training split",
        highest_strictly_above: "equal to the bound",
        highest_until_it_fails: "Try them all",
        highest_in_the_given_order: "ascending order",
        highest_global: "all layers together",
        highest_without_abs: "rank magnitudes",
        highest_accuracy: "highest accuracy",
        accuracy_at_the_highest: "The sparsity was asked for",
        lowest_sparsity: "lowest sparsity",
        highest_with_one_copy: "Start from the dense model",
        highest_with_biases: "layer by layer",
        highest_in_place: "Work on a copy",
    },
}

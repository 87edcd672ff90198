"""Answers of chapter 01: right ones, written differently, and wrong ones that the checkers do not know literally."""

import copy
import math

import numpy as np
import torch
from answers import right, wrong
from torch import nn

from prunelab import masks
from prunelab.training import accuracy

# 1.1 keep_exactly


@right("1.1")
def sorted_order(scores, sparsity):
    order = scores.flatten().argsort(stable=True)
    mask = torch.ones(scores.numel(), dtype=torch.bool)
    mask[order[: round(sparsity * scores.numel())]] = False
    return mask.view(scores.shape)


@right("1.1")
def ranks(scores, sparsity):
    rank = scores.flatten().argsort(stable=True).argsort()
    return (rank >= round(sparsity * scores.numel())).view_as(scores)


@right("1.1")
def lexicographic(scores, sparsity):
    values = scores.numpy().ravel()
    mask = np.ones(values.size, dtype=bool)
    mask[np.lexsort((np.arange(values.size), values))[: round(sparsity * values.size)]] = False
    return torch.from_numpy(mask.reshape(scores.shape))


@wrong("1.1", "all go at once")
def strict_threshold(scores, sparsity):
    k = round(sparsity * scores.numel())
    return scores > scores.flatten().kthvalue(k).values if k else torch.ones_like(scores, dtype=torch.bool)


@wrong("1.1", "right kind of object")
def scores_that_stay(scores, sparsity):
    return scores * sorted_order(scores, sparsity)


# 1.2 threshold_cut


@right("1.2")
def cut_by_sorting(weight, sparsity):
    k = round(sparsity * weight.numel())
    threshold = weight.abs().flatten().sort().values[k - 1].item() if k else 0.0
    return threshold, (weight.abs() <= threshold).sum().item() / weight.numel()


@right("1.2")
def cut_by_kthvalue(weight, sparsity):
    magnitude = weight.abs().flatten()
    k = round(sparsity * len(magnitude))
    threshold = magnitude.kthvalue(k).values if k > 0 else torch.tensor(0.0)
    return [threshold, 1 - (magnitude > threshold).double().mean()]


# 1.3 masked_step


@right("1.3")
def step_then_mask(weight, gradient, velocity, mask, lr, momentum):
    velocity = momentum * velocity + gradient
    return (weight - lr * velocity) * mask, velocity


@right("1.3")
def step_of_torch(weight, gradient, velocity, mask, lr, momentum):
    parameter = nn.Parameter(weight.clone())
    parameter.grad = gradient.clone()
    optimizer = torch.optim.SGD([parameter], lr=lr, momentum=momentum)
    optimizer.state[parameter]["momentum_buffer"] = velocity.clone()
    optimizer.step()
    return parameter.detach().masked_fill(~mask, 0), optimizer.state[parameter]["momentum_buffer"] * mask


@right("1.3")
def step_of_kept_weights(weight, gradient, velocity, mask, lr, momentum):
    new_weight, new_velocity = torch.zeros_like(weight), torch.zeros_like(velocity)
    new_velocity[mask] = momentum * velocity[mask] + gradient[mask]
    new_weight[mask] = weight[mask] - lr * new_velocity[mask]
    return new_weight, new_velocity


@wrong("1.3", "Work on a copy")
def step_in_place(weight, gradient, velocity, mask, lr, momentum):
    velocity.mul_(momentum).add_(gradient)
    return (weight - lr * velocity) * mask, velocity


# 1.4 sparsity_and_ratio


@right("1.4")
def ratio_of_layers(model):
    weights = [module.weight for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    elements = sum(weight.numel() for weight in weights)
    nonzeros = sum(int(weight.count_nonzero()) for weight in weights)
    return 1 - nonzeros / elements, elements / nonzeros if nonzeros else math.inf


@right("1.4")
def ratio_by_package(model):
    sparsity = masks.sparsity(model)
    return (sparsity, 1 / (1 - sparsity)) if sparsity < 1 else (1.0, float("inf"))


def _ratio(values):
    flat = torch.cat([value.detach().flatten() for value in values])
    sparsity = (flat == 0).double().mean().item()
    return sparsity, 1 / (1 - sparsity) if sparsity < 1 else math.inf


@wrong("1.4", "inside other modules")
def ratio_of_children(model):
    return _ratio(module.weight for module in model.children() if isinstance(module, nn.Linear | nn.Conv2d))


# 1.5 highest_sparsity


def _after(model, dataset, sparsity, scope="layer", magnitude=torch.abs):
    pruned = copy.deepcopy(model)
    scores = {name: magnitude(weight) for name, weight in masks.prunable(pruned).items()}
    masks.apply_masks(pruned, masks.mask_model(scores, sparsity, scope=scope))
    return accuracy(pruned, dataset)


@right("1.5")
def highest_by_package(model, mnist, sparsities, bound):
    return max((s for s in sparsities if _after(model, mnist.valid, s) >= bound), default=0.0)


@right("1.5")
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


@wrong("1.5", "Work on a copy")
def highest_in_place(model, mnist, sparsities, bound):
    best = highest_by_package(model, mnist, sparsities, bound)
    masks.apply_masks(model, masks.mask_model({name: w.abs() for name, w in masks.prunable(model).items()}, 0.9))
    return best


@wrong("1.5", "layer by layer")
def highest_with_biases(model, mnist, sparsities, bound):
    def after(sparsity):
        pruned = copy.deepcopy(model)
        scores = {name: parameter.abs() for name, parameter in pruned.named_parameters()}
        masks.apply_masks(pruned, masks.mask_model(scores, sparsity))
        return accuracy(pruned, mnist.valid)

    return max((s for s in sparsities if after(s) >= bound), default=0.0)

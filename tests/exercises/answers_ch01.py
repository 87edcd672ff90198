"""Answers of chapter 01: right ones, written differently, and wrong ones that the checkers do not know
literally.
"""

import copy
import math

import torch
from answers import right, wrong
from torch import nn

from prunelab import masks
from prunelab.training import accuracy

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
    masks.apply_masks(
        model, masks.mask_model({name: w.abs() for name, w in masks.prunable(model).items()}, 0.9)
    )
    return best


@wrong("1.5", "layer by layer")
def highest_with_biases(model, mnist, sparsities, bound):
    def after(sparsity):
        pruned = copy.deepcopy(model)
        scores = {name: parameter.abs() for name, parameter in pruned.named_parameters()}
        masks.apply_masks(pruned, masks.mask_model(scores, sparsity))
        return accuracy(pruned, mnist.valid)

    return max((s for s in sparsities if after(s) >= bound), default=0.0)


# 1.1 global_masks


@right("1.1")
def masks_one_by_one(scores, sparsity, at_least):
    ranked = sorted(
        (v, k, i) for k, s in enumerate(scores.values()) for i, v in enumerate(s.flatten().tolist())
    )
    left = [s.numel() for s in scores.values()]
    kept = [[True] * n for n in left]
    to_go = round(sparsity * len(ranked))
    for _, layer, place in ranked:
        if to_go and left[layer] > at_least:
            kept[layer][place] = False
            left[layer], to_go = left[layer] - 1, to_go - 1
    return {name: torch.tensor(k).view(s.shape) for k, (name, s) in zip(kept, scores.items(), strict=True)}


@right("1.1")
def masks_with_topk(scores, sparsity, at_least):
    flat = torch.cat([s.flatten() for s in scores.values()]).double()
    offset = 0
    for s in scores.values():
        order = s.flatten().argsort(stable=True)
        for place in order[max(0, len(order) - at_least) :]:
            flat[offset + place] = float("inf")
        offset += len(order)
    free = (flat != float("inf")).sum()
    gone = flat.argsort(stable=True)[: min(round(sparsity * len(flat)), int(free))]
    mask = torch.ones(len(flat), dtype=torch.bool).index_fill(0, gone, False)
    return dict(
        zip(
            scores,
            (
                m.view(s.shape)
                for m, s in zip(
                    mask.split([s.numel() for s in scores.values()]), scores.values(), strict=True
                )
            ),
            strict=True,
        )
    )


@wrong("1.1", "set aside")
def masks_without_a_floor(scores, sparsity, at_least):
    return masks.mask_model(scores, sparsity, scope="global")


@wrong("1.1", "Which of its scores are set aside")
def masks_layer_by_layer(scores, sparsity, at_least):
    return masks.mask_model(scores, sparsity, scope="layer")


# 1.6 penalised


@right("1.6")
def penalised_by_softshrink(weight, gradient, lr, strength):
    return (
        nn.functional.softshrink(weight - lr * gradient, lr * strength),
        weight - lr * gradient - lr * strength * weight,
    )


@right("1.6")
def penalised_by_where(weight, gradient, lr, strength):
    step, pull = weight - lr * gradient, lr * strength
    first = torch.where(
        step > pull, step - pull, torch.where(step < -pull, step + pull, torch.zeros_like(step))
    )
    return [first, (1 - pull) * weight - lr * gradient]


# 1.7 weights_and_macs


@right("1.7")
def shares_by_hooks(model, image):
    rows = []
    layers = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    hooks = [
        la.register_forward_hook(
            lambda la, x, y: rows.append((la, la.weight.numel(), y[0].numel() // len(la.weight)))
        )
        for la in layers
    ]
    model(image)
    for hook in hooks:
        hook.remove()
    weights, macs = sum(n for _, n, _ in rows), sum(n * p for _, n, p in rows)
    kinds = {"conv": nn.Conv2d, "linear": nn.Linear}
    return {
        k: (
            sum(n for la, n, _ in rows if isinstance(la, t)) / weights,
            sum(n * p for la, n, p in rows if isinstance(la, t)) / macs,
        )
        for k, t in kinds.items()
    }


@right("1.7")
def shares_by_counter(model, image):
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    flops = counter.get_flop_counts()["Global"]
    conv = sum(n for op, n in flops.items() if "conv" in str(op))
    weights = [
        sum(m.weight.numel() for m in model.modules() if isinstance(m, t)) for t in (nn.Conv2d, nn.Linear)
    ]
    share, work = weights[0] / sum(weights), conv / sum(flops.values())
    return {"conv": (share, work), "linear": (1 - share, 1 - work)}


@wrong("1.7", "remove it")
def shares_with_a_hook_left(model, image):
    def count(*args):
        pass

    result = shares_by_hooks(model, image)
    next(iter(model)).register_forward_hook(count)
    return result

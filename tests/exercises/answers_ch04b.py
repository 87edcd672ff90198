"""Answers of chapter 04b: right ones, written differently, and wrong ones that the checkers do not know
literally.
"""

import torch
import torch.nn.functional as F
from answers import right, wrong

from prunelab.criteria import weight_gradient
from prunelab.dynamic import regrow
from prunelab.masks import keep_top, mask_model, prunable
from prunelab.schedules import cubic

# 4.6 mask_at


@right("4.6")
def mask_by_keep_top(weight, mask, step, start, end, final):
    scores = torch.where(mask, weight.abs(), -1)
    return keep_top(scores, cubic(step, start, end, final)) & mask


@right("4.6")
def mask_by_sorting(weight, mask, step, start, end, final):
    done = min(max((step - start) / (end - start), 0), 1)
    gone = round(final * (1 - (1 - done) ** 3) * weight.numel())
    scores = weight.abs().flatten().clone()
    scores[~mask.flatten()] = -1
    new = torch.ones(weight.numel(), dtype=torch.bool)
    new[scores.sort(stable=True).indices[:gone]] = False
    return (new & mask.flatten()).view(weight.shape)


# 4.7 prune_and_regrow


@right("4.7")
def exchange_by_package(weight, mask, gradient, share):
    new = regrow(weight, mask, gradient.abs(), share)
    return torch.where(new & mask, weight, 0), new


@right("4.7")
def exchange_by_topk(weight, mask, gradient, share):
    count = round(share * int(mask.sum()))
    here = torch.where(mask, weight.abs(), torch.inf).flatten()
    new = mask.flatten().clone()
    new[here.sort().indices[:count]] = False
    promise = torch.where(new, -torch.inf, gradient.flatten().abs())
    new[promise.sort(descending=True).indices[:count]] = True
    return weight * mask * new.view(mask.shape), new.view(mask.shape)


# 4.8 winning_ticket


@right("4.8")
def ticket_by_keep_top(initial, trained, masks, share):
    new = {}
    for name, mask in masks.items():
        scores = torch.where(mask, trained[name].abs(), -1)
        gone = int((~mask).sum()) + round(share * int(mask.sum()))
        new[name] = keep_top(scores, gone / mask.numel())
    return {name: initial[name] * new[name] for name in new}, new


@right("4.8")
def ticket_by_loops(initial, trained, masks, share):
    weights, new = {}, {}
    for name in masks:
        mask = masks[name].flatten().clone()
        left = mask.nonzero().squeeze(1)
        order = trained[name].flatten()[left].abs().argsort(stable=True)
        mask[left[order[: round(share * len(left))]]] = False
        new[name] = mask.view(masks[name].shape)
        weights[name] = torch.where(new[name], initial[name], 0.0)
    return weights, new


@wrong("4.8", "new random values")
def ticket_reinitialised(initial, trained, masks, share):
    _, new = ticket_by_loops(initial, trained, masks, share)
    return {name: torch.randn_like(initial[name]) * new[name] for name in new}, new


# 4.9 snip_masks


@right("4.9")
def snip_by_package(model, images, labels, sparsity):
    return mask_model(
        weight_gradient(model, torch.utils.data.TensorDataset(images, labels)), sparsity, scope="global"
    )


def _gradients(model, images, labels):
    weights = prunable(model)
    found = torch.autograd.grad(F.cross_entropy(model(images), labels), list(weights.values()))
    return {name: (weight.detach(), g) for (name, weight), g in zip(weights.items(), found, strict=True)}


@right("4.9")
def snip_by_hand(model, images, labels, sparsity):
    scores = {name: (w * g).abs() for name, (w, g) in _gradients(model, images, labels).items()}
    flat = torch.cat([s.flatten() for s in scores.values()])
    ranks = flat.argsort(stable=True).argsort()
    keep = (ranks >= round(sparsity * len(flat))).split([s.numel() for s in scores.values()])
    return {name: k.view(s.shape) for (name, s), k in zip(scores.items(), keep, strict=True)}


# 4.10 trainings_before


@right("4.10")
def before_by_sum(rounds, share, skips_zeros):
    return float(sum((1 - share) ** k if skips_zeros else 1 for k in range(rounds)))


@right("4.10")
def before_by_formula(rounds, share, skips_zeros):
    return (1 - (1 - share) ** rounds) / share if skips_zeros and share else float(rounds)

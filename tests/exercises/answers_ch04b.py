"""Answers to the exercises of chapters 04.3 and 04.4: right ones, written differently, and wrong ones, each with its hint."""

import torch
import torch.nn.functional as F

from prunelab.criteria import weight_gradient
from prunelab.dynamic import regrow
from prunelab.masks import keep_top, mask_model, prunable
from prunelab.schedules import cubic

# 4.6 mask_at


def mask_by_keep_top(weight, mask, step, start, end, final):
    scores = torch.where(mask, weight.abs(), -1)
    return keep_top(scores, cubic(step, start, end, final)) & mask


def mask_by_sorting(weight, mask, step, start, end, final):
    done = min(max((step - start) / (end - start), 0), 1)
    gone = round(final * (1 - (1 - done) ** 3) * weight.numel())
    scores = weight.abs().flatten().clone()
    scores[~mask.flatten()] = -1
    new = torch.ones(weight.numel(), dtype=torch.bool)
    new[scores.sort(stable=True).indices[:gone]] = False
    return (new & mask.flatten()).view(weight.shape)


def mask_of_all(weight, mask, step, start, end, final):
    return keep_top(weight.abs(), cubic(step, start, end, final))


def mask_of_the_rest(weight, mask, step, start, end, final):
    new = mask.flatten().clone()
    left = new.nonzero().squeeze(1)
    count = round(cubic(step, start, end, final) * len(left))
    new[left[weight.flatten()[left].abs().argsort(stable=True)[:count]]] = False
    return new.view(weight.shape)


def mask_on_a_line(weight, mask, step, start, end, final):
    done = min(max((step - start) / (end - start), 0), 1)
    return keep_top(torch.where(mask, weight.abs(), -1), final * done) & mask


def mask_upside_down(weight, mask, step, start, end, final):
    done = min(max((step - start) / (end - start), 0), 1)
    return keep_top(torch.where(mask, weight.abs(), -1), final * done**3) & mask


def mask_signed(weight, mask, step, start, end, final):
    return keep_top(torch.where(mask, weight, weight.min() - 1), cubic(step, start, end, final)) & mask


# 4.7 prune_and_regrow


def exchange_by_package(weight, mask, gradient, share):
    new = regrow(weight, mask, gradient.abs(), share)
    return torch.where(new & mask, weight, 0), new


def exchange_by_topk(weight, mask, gradient, share):
    count = round(share * int(mask.sum()))
    here = torch.where(mask, weight.abs(), torch.inf).flatten()
    new = mask.flatten().clone()
    new[here.sort().indices[:count]] = False
    promise = torch.where(new, -torch.inf, gradient.flatten().abs())
    new[promise.sort(descending=True).indices[:count]] = True
    return weight * mask * new.view(mask.shape), new.view(mask.shape)


def exchange_without_zero(weight, mask, gradient, share):
    new = regrow(weight, mask, gradient.abs(), share)
    return weight * new, new


def exchange_signed_growth(weight, mask, gradient, share):
    new = regrow(weight, mask, gradient, share)
    return weight * mask * new, new


def exchange_signed_drop(weight, mask, gradient, share):
    new = regrow((weight - weight.min()) + 1, mask, gradient.abs(), share)
    return weight * mask * new, new


def exchange_barred(weight, mask, gradient, share):
    new = mask.flatten().clone()
    kept = new.nonzero().squeeze(1)
    count = round(share * len(kept))
    absent = (~new).nonzero().squeeze(1)
    new[kept[weight.flatten()[kept].abs().argsort(stable=True)[:count]]] = False
    new[absent[gradient.flatten()[absent].abs().argsort(stable=True, descending=True)[:count]]] = True
    new = new.view(mask.shape)
    return weight * mask * new, new


def exchange_anywhere(weight, mask, gradient, share):
    new = mask.flatten().clone()
    kept = new.nonzero().squeeze(1)
    count = round(share * len(kept))
    new[kept[weight.flatten()[kept].abs().argsort(stable=True)[:count]]] = False
    new[gradient.flatten().abs().argsort(stable=True, descending=True)[:count]] = True
    new = new.view(mask.shape)
    return weight * mask * new, new


# 4.8 winning_ticket


def ticket_by_keep_top(initial, trained, masks, share):
    new = {}
    for name, mask in masks.items():
        scores = torch.where(mask, trained[name].abs(), -1)
        gone = int((~mask).sum()) + round(share * int(mask.sum()))
        new[name] = keep_top(scores, gone / mask.numel())
    return {name: initial[name] * new[name] for name in new}, new


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


def ticket_fine_tuned(initial, trained, masks, share):
    _, new = ticket_by_loops(initial, trained, masks, share)
    return {name: trained[name] * new[name] for name in new}, new


def ticket_by_initial_size(initial, trained, masks, share):
    return ticket_by_loops(initial, initial, masks, share)


def ticket_reinitialised(initial, trained, masks, share):
    _, new = ticket_by_loops(initial, trained, masks, share)
    return {name: torch.randn_like(initial[name]) * new[name] for name in new}, new


def ticket_share_of_all(initial, trained, masks, share):
    new = {
        n: keep_top(torch.where(m, trained[n].abs(), -1), min(1.0, float((~m).double().mean()) + share)) for n, m in masks.items()
    }
    return {name: initial[name] * new[name] for name in new}, new


# 4.9 snip_masks


def snip_by_package(model, images, labels, sparsity):
    return mask_model(weight_gradient(model, torch.utils.data.TensorDataset(images, labels)), sparsity, scope="global")


def _gradients(model, images, labels):
    weights = prunable(model)
    found = torch.autograd.grad(F.cross_entropy(model(images), labels), list(weights.values()))
    return {name: (weight.detach(), g) for (name, weight), g in zip(weights.items(), found, strict=True)}


def snip_by_hand(model, images, labels, sparsity):
    scores = {name: (w * g).abs() for name, (w, g) in _gradients(model, images, labels).items()}
    flat = torch.cat([s.flatten() for s in scores.values()])
    ranks = flat.argsort(stable=True).argsort()
    keep = (ranks >= round(sparsity * len(flat))).split([s.numel() for s in scores.values()])
    return {name: k.view(s.shape) for (name, s), k in zip(scores.items(), keep, strict=True)}


def snip_layerwise(model, images, labels, sparsity):
    return mask_model({name: (w * g).abs() for name, (w, g) in _gradients(model, images, labels).items()}, sparsity)


def snip_gradient_only(model, images, labels, sparsity):
    return mask_model({name: g.abs() for name, (w, g) in _gradients(model, images, labels).items()}, sparsity, scope="global")


def snip_signed(model, images, labels, sparsity):
    return mask_model({name: w * g for name, (w, g) in _gradients(model, images, labels).items()}, sparsity, scope="global")


def snip_magnitude(model, images, labels, sparsity):
    return mask_model({name: w.abs() for name, (w, g) in _gradients(model, images, labels).items()}, sparsity, scope="global")


# 4.10 trainings_before


def before_by_sum(rounds, share, skips_zeros):
    return float(sum((1 - share) ** k if skips_zeros else 1 for k in range(rounds)))


def before_by_formula(rounds, share, skips_zeros):
    return (1 - (1 - share) ** rounds) / share if skips_zeros else float(rounds)


def before_with_the_ticket(rounds, share, skips_zeros):
    return before_by_sum(rounds + 1, share, skips_zeros)


def before_without_the_dense(rounds, share, skips_zeros):
    return before_by_sum(rounds, share, skips_zeros) - (1.0 if rounds else 0.0)


def before_linear(rounds, share, skips_zeros):
    return float(sum(max(0.0, 1 - k * share) if skips_zeros else 1 for k in range(rounds)))


def before_always_full(rounds, share, skips_zeros):
    return float(rounds)


RIGHT = {
    "ex_4_6": [mask_by_keep_top, mask_by_sorting],
    "ex_4_7": [exchange_by_package, exchange_by_topk],
    "ex_4_8": [ticket_by_keep_top, ticket_by_loops],
    "ex_4_9": [snip_by_package, snip_by_hand],
    "ex_4_10": [before_by_sum, before_by_formula],
}
WRONG = {
    "ex_4_6": {
        mask_of_all: "What was pruned must stay pruned",
        mask_of_the_rest: "not the share of what is left",
        mask_on_a_line: "straight line",
        mask_upside_down: "Upside down",
        mask_signed: "rank by magnitude",
    },
    "ex_4_7": {
        exchange_without_zero: "must start at zero",
        exchange_signed_growth: "large negative gradient",
        exchange_signed_drop: "drop by magnitude",
        exchange_barred: "may be grown again",
        exchange_anywhere: "there already",
    },
    "ex_4_8": {
        ticket_fine_tuned: "that is fine-tuning",
        ticket_by_initial_size: "rank the initial weights",
        ticket_reinitialised: "new random values",
        ticket_share_of_all: "of the weights that are left",
    },
    "ex_4_9": {
        snip_layerwise: "One ranking",
        snip_gradient_only: "gradient of its gate",
        snip_signed: "either direction",
        snip_magnitude: "not looked at the data",
    },
    "ex_4_10": {
        before_with_the_ticket: "own training",
        before_without_the_dense: "is a training too",
        before_linear: "what is *left*",
        before_always_full: "later rounds cheaper",
    },
}

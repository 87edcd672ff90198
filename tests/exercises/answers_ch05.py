"""Answers to the exercises of chapter 05: right ones, written differently, and wrong ones, each with the hint it must get."""

import torch
from torch import nn
from torch.nn.utils import prune

# 5.1 row_mask


def by_topk(t, default_mask, keep):
    magnitude = t.abs().masked_fill(default_mask == 0, -1)
    return torch.zeros_like(default_mask).scatter_(1, magnitude.topk(keep, dim=1).indices, 1) * default_mask


def by_loop(t, default_mask, keep):
    mask = torch.zeros_like(default_mask)
    for o in range(len(t)):
        living = default_mask[o].nonzero().flatten()
        order = t[o, living].abs().argsort(descending=True)
        mask[o, living[order[:keep]]] = 1
    return mask


def revives(t, default_mask, keep):
    return torch.zeros_like(default_mask).scatter_(1, t.abs().topk(keep, dim=1).indices, 1)


def masks_after_ranking(t, default_mask, keep):
    return revives(t, default_mask, keep) * default_mask


def signed(t, default_mask, keep):
    return by_topk(t - t.min() + 1, default_mask, keep)


def columns(t, default_mask, keep):
    return by_topk(t.T, default_mask.T, min(keep, len(t))).T


# 5.2 zeros_after


def counts_what_is_left(weights, amounts):
    left = weights
    for amount in amounts:
        left = left - (amount if isinstance(amount, int) else round(left * amount))
    return weights - left


def asks_torch(weights, amounts):
    layer = nn.Linear(weights, 1, bias=False)
    for amount in amounts:
        prune.l1_unstructured(layer, "weight", amount=amount)
    return int((layer.weight == 0).sum())


def adds_fractions(weights, amounts):
    return min(weights, sum(a if isinstance(a, int) else round(a * weights) for a in amounts))


def int_as_fraction(weights, amounts):
    left = weights
    for amount in amounts:
        left -= round(left * amount)
    return weights - left


def rounds_down(weights, amounts):
    left = weights
    for amount in amounts:
        left -= amount if isinstance(amount, int) else int(left * amount)
    return weights - left


def what_is_left(weights, amounts):
    return weights - counts_what_is_left(weights, amounts)


# 5.3 true_sparsity


def layers(model):
    return [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]


def by_modules(model):
    return sum(int((m.weight == 0).sum()) for m in layers(model)) / sum(m.weight.numel() for m in layers(model))


def by_concatenation(model):
    return float((torch.cat([m.weight.detach().flatten() for m in layers(model)]) == 0).double().mean())


def in_parameters(model):
    return float((torch.cat([p.flatten() for p in model.parameters()]) == 0).double().mean())


def mean_of_layers(model):
    return sum(float((m.weight == 0).double().mean()) for m in layers(model)) / len(layers(model))


def in_masks(model):
    return float((torch.cat([b.flatten() for n, b in model.named_buffers() if "mask" in n]) == 0).double().mean())


def with_biases(model):
    values = torch.cat([t.detach().flatten() for m in layers(model) for t in (m.weight, m.bias)])
    return float((values == 0).double().mean())


# 5.4 clean_state


def by_keys(state):
    clean = {}
    for key, value in state.items():
        if key.endswith("_orig"):
            clean[key[:-5]] = value * state[key[:-5] + "_mask"]
        elif not key.endswith("_mask"):
            clean[key] = value.clone()
    return clean


def by_comprehension(state):
    plain = {key.removesuffix("_orig") for key in state if not key.endswith("_mask")}
    return {k: state[k] if k in state else torch.where(state[k + "_mask"] == 1, state[k + "_orig"], 0) for k in plain}


def forgets_the_mask(state):
    return {key.replace("_orig", ""): value for key, value in state.items() if "_mask" not in key}


def only_pruned(state):
    return {key[:-5]: value * state[key[:-5] + "_mask"] for key, value in state.items() if key.endswith("_orig")}


def keeps_masks(state):
    return by_keys(state) | {key: value for key, value in state.items() if key.endswith("_mask")}


RIGHT = {
    "ex_5_1": [by_topk, by_loop],
    "ex_5_2": [counts_what_is_left, asks_torch],
    "ex_5_3": [by_modules, by_concatenation],
    "ex_5_4": [by_keys, by_comprehension],
}

WRONG = {
    "ex_5_1": {
        revives: "came back",
        masks_after_ranking: "Set them aside before you rank",
        signed: "rank magnitudes",
        columns: "in each column",
    },
    "ex_5_2": {
        adds_fractions: "of what is left, not of all weights",
        int_as_fraction: "An integer amount is a count",
        rounds_down: "rounds to the nearest",
        what_is_left: "That is how many are left",
    },
    "ex_5_3": {
        in_parameters: "parameters() shows weight_orig",
        mean_of_layers: "large layers count for more",
        in_masks: "A layer without a mask counts as well",
        with_biases: "no biases",
    },
    "ex_5_4": {
        forgets_the_mask: "the pruned weights are back",
        only_pruned: "belong to the model too",
        keeps_masks: "has no mask buffers",
    },
}

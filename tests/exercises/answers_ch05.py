"""Answers of chapter 05: right ones, written differently, and wrong ones that the checkers do not know
literally.
"""

import torch
from answers import right, wrong
from torch import nn
from torch.nn.utils import prune

# 5.1 row_mask


@right("5.1")
def by_topk(t, default_mask, keep):
    magnitude = t.abs().masked_fill(default_mask == 0, -1)
    return torch.zeros_like(default_mask).scatter_(1, magnitude.topk(keep, dim=1).indices, 1) * default_mask


@right("5.1")
def by_loop(t, default_mask, keep):
    mask = torch.zeros_like(default_mask)
    for o in range(len(t)):
        living = default_mask[o].nonzero().flatten()
        order = t[o, living].abs().argsort(descending=True)
        mask[o, living[order[:keep]]] = 1
    return mask


# 5.2 zeros_after


@right("5.2")
def counts_what_is_left(weights, amounts):
    left = weights
    for amount in amounts:
        left = left - (amount if isinstance(amount, int) else round(left * amount))
    return weights - left


@right("5.2")
def asks_torch(weights, amounts):
    layer = nn.Linear(weights, 1, bias=False)
    for amount in amounts:
        prune.l1_unstructured(layer, "weight", amount=amount)
    return int((layer.weight == 0).sum())


@wrong("5.2", "That is how many are left")
def what_is_left(weights, amounts):
    return weights - counts_what_is_left(weights, amounts)


# 5.3 true_sparsity


def layers(model):
    return [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]


@right("5.3")
def by_modules(model):
    return sum(int((m.weight == 0).sum()) for m in layers(model)) / sum(
        m.weight.numel() for m in layers(model)
    )


@right("5.3")
def by_concatenation(model):
    return float((torch.cat([m.weight.detach().flatten() for m in layers(model)]) == 0).double().mean())


@wrong("5.3", "A layer without a mask counts as well")
def in_masks(model):
    return float(
        (torch.cat([b.flatten() for n, b in model.named_buffers() if "mask" in n]) == 0).double().mean()
    )


# 5.4 clean_state


@right("5.4")
def by_keys(state):
    clean = {}
    for key, value in state.items():
        if key.endswith("_orig"):
            clean[key[:-5]] = value * state[key[:-5] + "_mask"]
        elif not key.endswith("_mask"):
            clean[key] = value.clone()
    return clean


@right("5.4")
def by_comprehension(state):
    plain = {key.removesuffix("_orig") for key in state if not key.endswith("_mask")}
    return {
        k: state[k] if k in state else torch.where(state[k + "_mask"] == 1, state[k + "_orig"], 0)
        for k in plain
    }

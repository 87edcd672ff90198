"""Answers to 5.3 and 5.4: right ones, written differently, and wrong ones that must be refused."""

import statistics

import torch
from torch import nn

from answers import plausible, right, wrong

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


def _count(tensors):
    tensors = list(tensors)
    return sum(int((t == 0).sum()) for t in tensors) / sum(t.numel() for t in tensors)


plausible(
    "5.3",
    lambda m: _count(m.parameters()),
    lambda m: _count(b for n, b in m.named_buffers()) if list(m.buffers()) else 0.0,
    lambda m: _count(la.weight for la in m.modules() if isinstance(la, nn.Linear)),
    lambda m: (
        _count(la.weight for la in m.modules() if hasattr(la, "weight_mask"))
        if any(hasattr(la, "weight_mask") for la in m.modules())
        else 0.0
    ),
    lambda m: _count(la.weight for la in m.modules() if hasattr(la, "weight")),
    lambda m: statistics.fmean(
        _count([la.weight]) for la in m.modules() if isinstance(la, nn.Linear | nn.Conv2d)
    ),
    lambda m: _count(
        t for la in m.modules() if isinstance(la, nn.Linear | nn.Conv2d) for t in (la.weight, la.bias)
    ),
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


plausible(
    "5.4",
    lambda s: {k.removesuffix("_orig"): v for k, v in s.items() if not k.endswith("_mask")},
    lambda s: {
        k.replace("_orig", ""): v * s[k.replace("_orig", "_mask")]
        for k, v in s.items()
        if k.endswith("_orig")
    },
    lambda s: {k: v * s.get(k.replace("_orig", "_mask"), 1) for k, v in s.items() if not k.endswith("_mask")},
    lambda s: {k: v for k, v in s.items() if not k.endswith(("_mask", "_orig"))},
    lambda s: {k.removesuffix("_mask"): v for k, v in s.items() if not k.endswith("_orig")},
    lambda s: {
        k.replace("weight_orig", "weight"): v * s[k[:-5] + "_mask"] if k.endswith("weight_orig") else v
        for k, v in s.items()
        if not k.endswith("_mask")
    },
)

"""Answers to 9.6: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import right, wrong

# 9.6 cleaned


@right("9.6")
def cleaned_two_steps(state):
    pruned = [name[: -len("_mask")] for name in state if name.endswith("_mask")]
    pruned = [name for name in pruned if f"{name}_orig" in state]
    parts = {f"{name}_{part}" for name in pruned for part in ("orig", "mask")}
    clean = {name: tensor.clone() for name, tensor in state.items() if name not in parts}
    return clean | {name: state[f"{name}_orig"] * state[f"{name}_mask"] for name in pruned}


@right("9.6")
def cleaned_where(state):
    clean = {}
    for name, tensor in state.items():
        if name.endswith("_mask") and f"{name[:-5]}_orig" in state:
            continue
        own = name[:-5] if name.endswith("_orig") and f"{name[:-5]}_mask" in state else name
        clean[own] = tensor if own == name else torch.where(state[f"{own}_mask"].bool(), tensor, 0)
    return clean


@wrong("9.6", "throw the mask away")
def cleaned_renamed(state):
    return {
        name.removesuffix("_orig"): tensor for name, tensor in state.items() if not name.endswith("_mask")
    }


@wrong("9.6", "never pruned")
def cleaned_pruned_alone(state):
    names = [name.removesuffix("_mask") for name in state if name.endswith("_mask")]
    return {name: state[f"{name}_orig"] * state[f"{name}_mask"] for name in names}

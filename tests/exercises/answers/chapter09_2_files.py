"""Answers to 9.6: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import right, wrong

# 9.6 cleaned


@right("9.6")
def cleaned_two_steps(state):
    pruned = [name[: -len("_mask")] for name in state if name.endswith("_mask")]
    clean = {name: tensor.clone() for name, tensor in state.items() if not name.endswith(("_orig", "_mask"))}
    return clean | {name: state[f"{name}_orig"] * state[f"{name}_mask"] for name in pruned}


@right("9.6")
def cleaned_where(state):
    clean = {}
    for name, tensor in state.items():
        if name.endswith("_mask"):
            continue
        own = name.removesuffix("_orig")
        mask = state.get(f"{own}_mask")
        clean[own] = tensor if mask is None else torch.where(mask.bool(), tensor, 0)
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

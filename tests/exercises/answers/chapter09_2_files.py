"""Answers to 9.6: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import plausible, right, wrong
from answers.chapter05_models import anywhere

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


# 9.6, once more from the text alone


def _cd_9_6(s, val=lambda o, m: o * m):
    p = [k[:-5] for k in s if k.endswith("_mask") and k[:-5] + "_orig" in s]
    return {
        **{k: v for k, v in s.items() if k not in {x + e for x in p for e in ("_orig", "_mask")}},
        **{k: val(s[k + "_orig"], s[k + "_mask"]) for k in p},
    }


right("9.6")(_cd_9_6)

plausible(
    "9.6",
    lambda s: {
        k.replace("weight_orig", "weight"): (
            v * s[k.replace("_orig", "_mask")] if k.endswith("weight_orig") else v
        )
        for k, v in s.items()
        if not k.endswith("weight_mask")
    },  # only 'weight'
    lambda s: _cd_9_6(s, val=lambda o, m: torch.where(m > 0.5, o, o * 0 + 1e-12)),  # nan stays
    lambda s: _cd_9_6(s, val=lambda o, m: o * (1 - m)),  # mask threshold reversed
    lambda s: _cd_9_6(s, val=lambda o, m: o.clone()),  # dense weight
    lambda s: {
        k.split(".")[-1] if k.endswith("weight") and k.count(".") > 1 else k: v for k, v in _cd_9_6(s).items()
    },  # first dot part lost
    lambda s: {k: v for k, v in _cd_9_6(s).items() if not (v.ndim == 0)},  # pairs replaced by position
)


# found by readers


plausible("9.6", anywhere)

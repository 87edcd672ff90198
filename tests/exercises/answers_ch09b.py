"""Answers of chapter 09.2: right ones, written differently, and wrong ones that the checkers do not know
literally.
"""

import torch
from answers import right, wrong

# 9.4 overall


@right("9.4")
def overall_sums(milliseconds, faster):
    before = sum(milliseconds.values())
    saved = sum(milliseconds[layer] * (1 - 1 / factor) for layer, factor in faster.items())
    return before / (before - saved)


@right("9.4")
def overall_amdahl(milliseconds, faster):
    total = sum(milliseconds.values())
    return 1 / sum(time / total / faster.get(layer, 1.0) for layer, time in milliseconds.items())


@wrong("9.4", "forget the layers that did not get faster")
def overall_of_the_touched(milliseconds, faster):
    before = sum(milliseconds[layer] for layer in faster)
    after = sum(milliseconds[layer] / factor for layer, factor in faster.items())
    return before / after if after else 1.0


@wrong("9.4", "Upside down")
def overall_share(milliseconds, faster):
    return sum(time / faster.get(layer, 1) for layer, time in milliseconds.items()) / sum(
        milliseconds.values()
    )


# 9.5 choose


@right("9.5")
def choose_min(milliseconds, accuracies, points):
    within = [i for i, accuracy in enumerate(accuracies) if accuracy >= accuracies[0] - points]
    return min(within, key=lambda i: (milliseconds[i], -accuracies[i]))


@right("9.5")
def choose_sorted(milliseconds, accuracies, points):
    order = sorted(range(len(milliseconds)), key=lambda i: (milliseconds[i], -accuracies[i]))
    return next(i for i in order if accuracies[0] - accuracies[i] <= points)


@wrong("9.5", "within the budget")
def choose_strictly(milliseconds, accuracies, points):
    within = [0] + [i for i in range(1, len(accuracies)) if accuracies[0] - accuracies[i] < points]
    return min(within, key=lambda i: (milliseconds[i], -accuracies[i]))


@wrong("9.5", "the time alone")
def choose_fastest(milliseconds, accuracies, points):
    return milliseconds.index(min(milliseconds))


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

"""Answers of chapter 09: right ones, written differently, and wrong ones that the checkers do not know
literally.
"""

import torch
from answers import right, wrong

# 9.1 coupled_outputs


@right("9.1")
def coupled_by_labels(network, start):
    labels = {"image": -1}
    for number, (name, (kind, inputs)) in enumerate(network.items()):
        labels[name] = number if kind in ("conv", "cat") else labels[inputs[0]]
        for other in inputs if kind == "sum" else ():
            old = labels[other]
            labels = {key: labels[name] if value == old else value for key, value in labels.items()}
    return sorted(
        n for n, (kind, _) in network.items() if kind in ("conv", "depthwise") and labels[n] == labels[start]
    )


@right("9.1")
def coupled_by_search(network, start):
    neighbours = {name: set() for name in network}
    for name, (kind, inputs) in network.items():
        if kind not in ("conv", "cat"):
            for source in inputs:
                neighbours[name].add(source)
                neighbours[source].add(name)
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += neighbours[name]
    return sorted(name for name in found if network[name][0] in ("conv", "depthwise"))


@wrong("9.1", "against the arrows")
def coupled_downstream_only(network, start):
    group = {start}
    for name, (kind, inputs) in network.items():
        if kind not in ("conv", "cat") and any(source in group for source in inputs):
            group |= {name}
    return sorted(name for name in group if network[name][0] in ("conv", "depthwise"))


@wrong("9.1", "Start with a set")
def coupled_unsorted(network, start):
    return coupled_by_search(network, start)[::-1]


# 9.2 group_score


@right("9.2")
def score_by_reshape(members, channels, reduction):
    parts = [weight.abs().movedim(dim, 0).reshape(channels, -1).sum(1) for weight, dim in members]
    return getattr(torch.stack(parts), reduction)(0)


@right("9.2")
def score_by_cases(members, channels, reduction):
    total = 0
    for weight, dim in members:
        if dim == 0:
            total = total + weight.abs().flatten(1).sum(1)
        else:
            columns = weight.abs().flatten(2).sum((0, 2)) if weight.ndim > 2 else weight.abs().sum(0)
            total = total + columns.view(channels, -1).sum(1)
    return total / len(members) if reduction == "mean" else total


@wrong("9.2", "movedim")
def score_of_the_first_alone(members, channels, reduction):
    return score_by_reshape(members[:1], channels, reduction)


@wrong("9.2", "movedim")
def score_by_norms(members, channels, reduction):
    parts = [weight.movedim(dim, 0).reshape(channels, -1).norm(dim=1) for weight, dim in members]
    return getattr(torch.stack(parts), reduction)(0)


# 9.3 remove_from_sum


@right("9.3")
def sum_by_masks(a, a_bias, b, b_bias, next_weight, next_bias, a_keep, b_keep):
    stay = a_keep | b_keep
    constant = (a_bias + b_bias).relu()
    a, b = a * a_keep[:, None], b * b_keep[:, None]
    folded = next_bias + next_weight[:, ~stay] @ constant[~stay]
    return a[stay], a_bias[stay], b[stay], b_bias[stay], next_weight[:, stay], folded


@right("9.3")
def sum_by_indices(a, a_bias, b, b_bias, next_weight, next_bias, a_keep, b_keep):
    stay = (a_keep | b_keep).nonzero().flatten()
    gone = (~(a_keep | b_keep)).nonzero().flatten()
    a, b = a.masked_fill(~a_keep.unsqueeze(1), 0), b.masked_fill(~b_keep.unsqueeze(1), 0)
    sent = torch.clamp(a_bias[gone] + b_bias[gone], min=0)
    smaller = [tensor.index_select(0, stay) for tensor in (a, a_bias, b, b_bias)]
    return (*smaller, next_weight.index_select(1, stay), next_bias + (next_weight[:, gone] * sent).sum(1))


@wrong("9.3", "gone = ~a_keep & ~b_keep")
def sum_with_subtracted_constant(a, a_bias, b, b_bias, next_weight, next_bias, a_keep, b_keep):
    *rest, folded = sum_by_masks(a, a_bias, b, b_bias, next_weight, next_bias, a_keep, b_keep)
    return (*rest, 2 * next_bias - folded)


@wrong("9.3", "gone = ~a_keep & ~b_keep")
def sum_that_folds_everything_dropped(a, a_bias, b, b_bias, next_weight, next_bias, a_keep, b_keep):
    *rest, _ = sum_by_masks(a, a_bias, b, b_bias, next_weight, next_bias, a_keep, b_keep)
    lost = ~(a_keep & b_keep)
    return (*rest, next_bias + next_weight[:, lost] @ (a_bias + b_bias).relu()[lost])

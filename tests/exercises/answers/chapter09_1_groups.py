"""Answers to 9.1 and 9.2: right ones, written differently, and wrong ones that must be refused."""

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

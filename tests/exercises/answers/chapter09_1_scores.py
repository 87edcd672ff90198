"""Answers to 9.2: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import right, wrong

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

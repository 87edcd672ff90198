"""Answers to 3.3: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import plausible, right

# 3.3 fold_bias


@right("3.3")
def fold_by_matrix(bias, weight, beta, kept):
    constants = torch.relu(beta) * ~kept
    return bias + weight.reshape(len(bias), len(beta), -1).sum(2) @ constants


@right("3.3")
def fold_by_loop(bias, weight, beta, kept):
    new = bias.clone()
    groups = weight.flatten(1).split(weight[0].numel() // len(beta), dim=1)
    for group, shift, stays in zip(groups, beta, kept, strict=True):
        if not stays:
            new += group.sum(1) * max(shift.item(), 0.0)
    return new


plausible(
    "3.3",
    lambda b, w, beta, kept: b,
    lambda b, w, beta, kept: b + w.reshape(len(w), len(beta), -1).sum(2) @ (beta * ~kept),
    lambda b, w, beta, kept: b + w.reshape(len(w), len(beta), -1).sum(2) @ (beta.relu() * kept),
    lambda b, w, beta, kept: b - w.reshape(len(w), len(beta), -1).sum(2) @ (beta.relu() * ~kept),
    lambda b, w, beta, kept: b + w.reshape(len(w), len(beta), -1).mean(2) @ (beta.relu() * ~kept),
    lambda b, w, beta, kept: b + w.reshape(len(w), -1, len(beta)).sum(1) @ (beta.relu() * ~kept),
    lambda b, w, beta, kept: b + w.reshape(len(w), len(beta), -1).abs().sum(2) @ (beta.relu() * ~kept),
)

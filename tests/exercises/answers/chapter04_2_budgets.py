"""Answers to 4.4 and 4.11: right ones, written differently, and wrong ones that must be refused."""

import copy

import torch
from torch import nn

from answers import plausible, right, wrong
from prunelab.criteria import magnitude
from prunelab.granularity import group_scores
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.measure import macs
from prunelab.surgery import remove_filters
from prunelab.training import train

# 4.4 meet_budget


def _pruned(model, mnist, weights_left, epochs, lr=0.02, scope="global"):
    small = copy.deepcopy(model)
    scores = magnitude(small)
    masks = mask_model(scores, 1 - weights_left, scope=scope)
    train(small, mnist.train, epochs=epochs, lr=lr, masks=masks)
    return small


@right("4.4")
def budget_exact(model, mnist, share, bound):
    total = sum(p.numel() for p in model.parameters())
    weights = sum(score.numel() for score in magnitude(model).values())
    return _pruned(model, mnist, (0.98 * share * total - (total - weights)) / weights, 2)


@right("4.4")
def budget_with_room(model, mnist, share, bound):
    return _pruned(model, mnist, 0.85 * share - 0.04 * (share > 0.3), 2, lr=0.03)


@wrong("4.4", "biases count as parameters too")
def budget_without_biases(model, mnist, share, bound):
    return _pruned(model, mnist, share, 1)


@wrong("4.4", "after pruning comes training")
def budget_without_training(model, mnist, share, bound):
    return _pruned(model, mnist, 0.3 * share, 0)


@wrong("4.4", "revived what was pruned")
def budget_forgets_the_masks(model, mnist, share, bound):
    small = copy.deepcopy(model)
    apply_masks(small, mask_model(magnitude(small), 1 - 0.5 * share, scope="global"))
    train(small, mnist.train, epochs=1, lr=0.02)
    return small


@wrong("4.4", "Nothing is pruned")
def budget_untouched(model, mnist, share, bound):
    return copy.deepcopy(model)


@wrong("4.4", "No weight is left")
def budget_of_zeros(model, mnist, share, bound):
    return _pruned(model, mnist, 0.0, 0)


@wrong("4.4", "Too many parameters")
def budget_too_large(model, mnist, share, bound):
    return _pruned(model, mnist, 1.3 * share, 1)


@wrong("4.4", "not right often enough")
def budget_too_hard(model, mnist, share, bound):
    return _pruned(model, mnist, 0.03 * share, 1)


@wrong("4.4", "Work on a copy")
def budget_in_place(model, mnist, share, bound):
    total = sum(p.numel() for p in model.parameters())
    weights = sum(score.numel() for score in magnitude(model).values())
    masks = mask_model(
        magnitude(model), 1 - (0.98 * share * total - (total - weights)) / weights, scope="global"
    )
    train(model, mnist.train, epochs=2, lr=0.02, masks=masks)
    return copy.deepcopy(model)


def _masked(model, sparsity, scope="global"):
    small = copy.deepcopy(model)
    apply_masks(small, mask_model({n: w.abs() for n, w in prunable(small).items()}, sparsity, scope=scope))
    return small


plausible(
    "4.4",
    lambda m, d, share, bound: _masked(m, 1 - share),
    lambda m, d, share, bound: _masked(m, share),
    lambda m, d, share, bound: _masked(m, 0.99),
    lambda m, d, share, bound: copy.deepcopy(m).apply(
        lambda la: la.reset_parameters() if hasattr(la, "reset_parameters") else None
    ),
)


# 4.11 fewer_macs


def _removed(model, mnist, share, granularity_scores, epochs=2):
    image = mnist.valid.tensors[0][:1]
    *names, _ = prunable(model)
    for sparsity in torch.arange(0.1, 0.99, 0.02).tolist():
        small = remove_filters(
            model, mask_model({n: granularity_scores(prunable(model)[n]) for n in names}, sparsity)
        )
        if macs(small, image) <= share * macs(model, image):
            break
    if epochs:
        train(small, mnist.train, epochs=epochs, lr=0.02)
    return small


@right("4.11")
def macs_by_l1(model, mnist, share, points):
    return _removed(model, mnist, share, lambda w: group_scores(w, "filter", norm=1))


@right("4.11")
def macs_by_largest_weight(model, mnist, share, points):
    return _removed(
        model, mnist, share, lambda w: w.abs().flatten(1).amax(1).view(-1, *[1] * (w.ndim - 1)), epochs=3
    ).eval()


@wrong("4.11", "Remove it")
def macs_masked(model, mnist, share, points):
    small = copy.deepcopy(model)
    apply_masks(small, mask_model({n: w.abs() for n, w in prunable(small).items()}, 0.9))
    return small


@wrong("4.11", "Too many MACs")
def macs_as_before(model, mnist, share, points):
    return copy.deepcopy(model)


@wrong("4.11", "train the small network")
def macs_untrained(model, mnist, share, points):
    return _removed(model, mnist, share, lambda w: -group_scores(w, "filter"), epochs=0)


plausible(
    "4.11",
    lambda m, d, share, points: copy.deepcopy(m),
    lambda m, d, share, points: _masked(m, 1 - share),
    lambda m, d, share, points: nn.Sequential(nn.Flatten(), nn.Linear(d.valid.tensors[0][0].numel(), 2)),
    lambda m, d, share, points: nn.Identity(),
)

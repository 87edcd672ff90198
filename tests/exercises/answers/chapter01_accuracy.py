"""Answers to 1.5: right ones, written differently, and wrong ones that must be refused."""

import copy

import torch
from torch import nn

from answers import plausible, right, wrong
from prunelab import masks
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.training import accuracy

# 1.5 highest_sparsity


def _after(model, dataset, sparsity, scope="layer", magnitude=torch.abs):
    pruned = copy.deepcopy(model)
    scores = {name: magnitude(weight) for name, weight in masks.prunable(pruned).items()}
    masks.apply_masks(pruned, masks.mask_model(scores, sparsity, scope=scope))
    return accuracy(pruned, dataset)


@right("1.5")
def highest_by_package(model, mnist, sparsities, bound):
    return max((s for s in sparsities if _after(model, mnist.valid, s) >= bound), default=0.0)


@right("1.5")
def highest_from_the_top(model, mnist, sparsities, bound):
    images, labels = mnist.valid.tensors
    for sparsity in sorted(sparsities, reverse=True):
        pruned = copy.deepcopy(model)
        with torch.no_grad():
            for module in pruned.modules():
                if isinstance(module, nn.Linear):
                    flat = module.weight.view(-1)
                    flat[flat.abs().argsort()[: round(sparsity * len(flat))]] = 0
            percent = (pruned(images).argmax(1) == labels).float().mean() * 100
        if percent >= bound:
            return sparsity
    return 0.0


@wrong("1.5", "Work on a copy")
def highest_in_place(model, mnist, sparsities, bound):
    best = highest_by_package(model, mnist, sparsities, bound)
    masks.apply_masks(
        model, masks.mask_model({name: w.abs() for name, w in masks.prunable(model).items()}, 0.9)
    )
    return best


@wrong("1.5", "layer by layer")
def highest_with_biases(model, mnist, sparsities, bound):
    def after(sparsity):
        pruned = copy.deepcopy(model)
        scores = {name: parameter.abs() for name, parameter in pruned.named_parameters()}
        masks.apply_masks(pruned, masks.mask_model(scores, sparsity))
        return accuracy(pruned, mnist.valid)

    return max((s for s in sparsities if after(s) >= bound), default=0.0)


def _best(model, sparsities, bound, dataset, scope="layer", fresh=True, start=0.0, inverse=False):
    best, candidate = start, copy.deepcopy(model)
    for sparsity in sparsities:
        candidate = copy.deepcopy(model) if fresh else candidate
        scores = {n: -w.abs() if inverse else w.abs() for n, w in prunable(candidate).items()}
        apply_masks(candidate, mask_model(scores, sparsity, scope=scope))
        if accuracy(candidate, dataset) >= bound:
            best = max(best, sparsity)
    return best


def _with_the_model_itself(model, mnist, sparsities, bound):
    best = 0.0
    for sparsity in sorted(sparsities):
        apply_masks(model, mask_model({n: w.abs() for n, w in prunable(model).items()}, sparsity))
        if accuracy(model, mnist.valid) >= bound:
            best = sparsity
    return best


plausible(
    "1.5",
    lambda m, d, s, b: _best(m, s, b, d.test),
    lambda m, d, s, b: _best(m, s, b, d.train),
    lambda m, d, s, b: _best(m, s, b, d.valid, scope="global"),
    lambda m, d, s, b: _best(m, s, b / 100, d.valid),
    lambda m, d, s, b: _best(m, s, b, d.valid, start=min(s)),
    lambda m, d, s, b: _best(m, s, b, d.valid, inverse=True),
    _with_the_model_itself,
)

# 1.5, once more from the text alone


def _hs_1_5(
    model,
    mnist,
    sp,
    bound,
    ok=None,
    scope="layer",
    split="valid",
    order=sorted,
    stop=False,
    score=lambda w: w.abs(),
    pick=max,
    some=None,
):
    good = []
    for s in order(sp):
        c = copy.deepcopy(model)
        apply_masks(c, mask_model({n: score(w) for n, w in prunable(c).items()}, s, scope=scope))
        d = getattr(mnist, split)
        if some:
            d = torch.utils.data.TensorDataset(*(t[:some] for t in d.tensors))
        a = accuracy(c, d)
        if (ok or (lambda a, b: a >= b))(a, bound):
            good.append((s, a))
        elif stop:
            break
    return pick(s for s, _ in good) if good else 0.0


right("1.5")(lambda *a: _hs_1_5(*a))

plausible(
    "1.5",
    lambda *a: _hs_1_5(*a, some=100),  # first 100 validation images
    lambda *a: _hs_1_5(*a, ok=lambda a, b: a >= b - 0.5),  # half a point of slack
    lambda *a: _hs_1_5(*a, order=list, pick=lambda g: list(g)[-1]),  # last in list that qualifies
    lambda *a: _hs_1_5(*a, score=lambda w: w),  # squares signed
    lambda *a: _hs_1_5(*a, order=list, stop=True),  # stops at first miss in list order
    lambda m, d, s, b: _hs_1_5(m, d, s, b, some=len(d.valid) // 2),  # first half of validation
)

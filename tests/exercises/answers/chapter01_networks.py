"""Answers to 1.3 and 1.4: right ones, written differently, and wrong ones that must be refused."""

import math

import torch
from torch import nn

from answers import plausible, right, wrong
from prunelab import masks
from prunelab.masks import keep_top, mask_model, prunable

# 1.3 global_masks


@right("1.3")
def masks_one_by_one(scores, sparsity, at_least):
    ranked = sorted(
        (v, k, i) for k, s in enumerate(scores.values()) for i, v in enumerate(s.flatten().tolist())
    )
    left = [s.numel() for s in scores.values()]
    kept = [[True] * n for n in left]
    to_go = round(sparsity * len(ranked))
    for _, layer, place in ranked:
        if to_go and left[layer] > at_least:
            kept[layer][place] = False
            left[layer], to_go = left[layer] - 1, to_go - 1
    return {name: torch.tensor(k).view(s.shape) for k, (name, s) in zip(kept, scores.items(), strict=True)}


@right("1.3")
def masks_with_topk(scores, sparsity, at_least):
    flat = torch.cat([s.flatten() for s in scores.values()]).double()
    offset = 0
    for s in scores.values():
        order = s.flatten().argsort(stable=True)
        for place in order[max(0, len(order) - at_least) :]:
            flat[offset + place] = float("inf")
        offset += len(order)
    free = (flat != float("inf")).sum()
    gone = flat.argsort(stable=True)[: min(round(sparsity * len(flat)), int(free))]
    mask = torch.ones(len(flat), dtype=torch.bool).index_fill(0, gone, False)
    return dict(
        zip(
            scores,
            (
                m.view(s.shape)
                for m, s in zip(
                    mask.split([s.numel() for s in scores.values()]), scores.values(), strict=True
                )
            ),
            strict=True,
        )
    )


@wrong("1.3", "set aside")
def masks_without_a_floor(scores, sparsity, at_least):
    return masks.mask_model(scores, sparsity, scope="global")


@wrong("1.3", "Which of its scores are set aside")
def masks_layer_by_layer(scores, sparsity, at_least):
    return masks.mask_model(scores, sparsity, scope="layer")


def _flat(scores):
    return torch.cat([s.flatten() for s in scores.values()])


def _by_threshold(scores, cut):
    return {n: s > cut for n, s in scores.items()}


def _floor_of_lowest(scores, sparsity, at_least):
    kept = mask_model(scores, sparsity, scope="global")
    for n, s in scores.items():
        if kept[n].sum() < at_least:
            kept[n].view(-1)[s.flatten().argsort()[:at_least]] = True
    return kept


def _at_least_as_share(scores, sparsity, at_least):
    free = {n: s.numel() - at_least for n, s in scores.items()}
    gone = round(sparsity * sum(free.values()))
    order = _flat(scores).argsort(stable=True)[: max(gone, 0)]
    mask = torch.ones(len(_flat(scores)), dtype=torch.bool).index_fill(0, order, False)
    return {
        n: m.view(scores[n].shape)
        for n, m in zip(scores, mask.split([s.numel() for s in scores.values()]), strict=True)
    }


plausible(
    "1.3",
    lambda s, p, m: mask_model(s, p, scope="layer"),
    lambda s, p, m: mask_model(s, p, scope="global"),
    lambda s, p, m: _by_threshold(s, _flat(s).quantile(p)),
    lambda s, p, m: _by_threshold(s, _flat(s).mean()),
    _floor_of_lowest,
    _at_least_as_share,
    lambda s, p, m: {n: keep_top(x, min(p, max(0.0, 1 - m / x.numel()))) for n, x in s.items()},
)


# 1.4 sparsity_and_ratio


@right("1.4")
def ratio_of_layers(model):
    weights = [module.weight for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    elements = sum(weight.numel() for weight in weights)
    nonzeros = sum(int(weight.count_nonzero()) for weight in weights)
    return 1 - nonzeros / elements, elements / nonzeros if nonzeros else math.inf


@right("1.4")
def ratio_by_package(model):
    sparsity = masks.sparsity(model)
    return (sparsity, 1 / (1 - sparsity)) if sparsity < 1 else (1.0, float("inf"))


def _ratio(values):
    flat = torch.cat([value.detach().flatten() for value in values])
    sparsity = (flat == 0).double().mean().item()
    return sparsity, 1 / (1 - sparsity) if sparsity < 1 else math.inf


@wrong("1.4", "inside other modules")
def ratio_of_children(model):
    return _ratio(module.weight for module in model.children() if isinstance(module, nn.Linear | nn.Conv2d))


plausible(
    "1.4",
    lambda m: (
        s := sum(int((p == 0).sum()) for p in m.parameters()) / sum(p.numel() for p in m.parameters()),
        1 / max(1 - s, 1e-9),
    ),
    lambda m: (
        s := 1
        - sum(int(p.count_nonzero()) for p in m.parameters() if p.ndim > 1)
        / sum(p.numel() for p in m.parameters() if p.ndim > 1),
        1 / (1 - s) if s < 1 else math.inf,
    ),
    lambda m: (
        s := sum(int((w == 0).sum()) for w in prunable(m).values())
        / sum(w.numel() for w in prunable(m).values()),
        round(1 / (1 - s)) if s < 1 else math.inf,
    ),
    lambda m: (
        s := sum(int((w == 0).sum()) for w in prunable(m).values())
        / sum(w.numel() for w in prunable(m).values()),
        1 / (1 - s) if s < 1 else 0.0,
    ),
    lambda m: (
        s := max(float((w == 0).float().mean()) for w in prunable(m).values()),
        1 / (1 - s) if s < 1 else math.inf,
    ),
    lambda m: (
        s := sum(int((w.abs() < 0.05).sum()) for w in prunable(m).values())
        / sum(w.numel() for w in prunable(m).values()),
        1 / (1 - s) if s < 1 else math.inf,
    ),
)

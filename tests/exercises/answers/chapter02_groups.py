"""Answers to 2.1 and 2.2: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import plausible, right, wrong
from prunelab.granularity import group_scores
from prunelab.masks import keep_top

# 2.1 coupled_scores


@right("2.1")
def coupled_by_cat(weight, next_weight):
    read = next_weight.reshape(next_weight.shape[0], weight.shape[0], -1).transpose(0, 1).flatten(1)
    return torch.cat([weight.flatten(1), read], dim=1).norm(dim=1)


@right("2.1")
def coupled_by_loop(weight, next_weight):
    pixels = next_weight.shape[1] // len(weight)
    return torch.stack(
        [
            (weight[k].square().sum() + next_weight[:, k * pixels : (k + 1) * pixels].square().sum()) ** 0.5
            for k in range(len(weight))
        ]
    )


@wrong("2.1", "What reads them")
def coupled_by_package(weight, next_weight):
    return group_scores(weight, "filter").flatten()


plausible(
    "2.1",
    lambda w, v: w.flatten(1).norm(dim=1),
    lambda w, v: w.flatten(1).norm(dim=1) + v.reshape(len(v), len(w), -1).norm(dim=(0, 2)),
    lambda w, v: w.flatten(1).norm(dim=1) * v.reshape(len(v), len(w), -1).norm(dim=(0, 2)),
    lambda w, v: (w.flatten(1).square().sum(1) + v.reshape(len(v), -1, len(w)).square().sum((0, 1))).sqrt(),
    lambda w, v: (w.flatten(1).square().mean(1) + v.reshape(len(v), len(w), -1).square().mean((0, 2))).sqrt(),
    lambda w, v: (
        (w.flatten(1).square().sum(1) + v[: len(w)].flatten(1).square().sum(1)).sqrt()
        if len(v) >= len(w)
        else w.flatten(1).norm(dim=1)
    ),
    lambda w, v: torch.maximum(w.flatten(1).norm(dim=1), v.reshape(len(v), len(w), -1).norm(dim=(0, 2))),
    lambda w, v: (
        (w.flatten(1).square().sum(1) + v.reshape(len(v), len(w), -1).square().sum((0, 2))).sqrt().float()
    ),
)


# 2.2 block_mask


@right("2.2")
def blocks_by_unfold(weight, height, width, sparsity):
    scores = weight.unfold(0, height, height).unfold(1, width, width).pow(2).sum((2, 3))
    kept = keep_top(scores, sparsity)
    return torch.kron(kept.int(), torch.ones(height, width, dtype=torch.int)).bool()


@right("2.2")
def blocks_by_loop(weight, height, width, sparsity):
    places = [(i, j) for i in range(0, len(weight), height) for j in range(0, weight.shape[1], width)]
    norms = [weight[i : i + height, j : j + width].double().norm().item() for i, j in places]
    mask = torch.ones_like(weight, dtype=torch.bool)
    for k in sorted(range(len(places)), key=norms.__getitem__)[: round(sparsity * len(places))]:
        i, j = places[k]
        mask[i : i + height, j : j + width] = False
    return mask


@wrong("2.2", "")
def blocks_transposed(weight, height, width, sparsity):
    return blocks_by_loop(weight.t().contiguous(), width, height, sparsity).t()


def _blocks(w, h, b, s, score, order=False):
    t = w.reshape(w.shape[0] // h, h, w.shape[1] // b, b)
    kept = keep_top(score(t), s)
    return kept.repeat_interleave(h, 0).repeat_interleave(b, 1)


plausible(
    "2.2",
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: t.abs().sum((1, 3))),
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: t.sum((1, 3)).abs()),
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: t.abs().amax((1, 3))),
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: -t.square().sum((1, 3))),
    lambda w, h, b, s: ~_blocks(w, h, b, s, lambda t: t.square().sum((1, 3))),
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: t.square().sum((1, 3))).float(),
    lambda w, h, b, s: keep_top(w.abs(), s),
    lambda w, h, b, s: (
        keep_top(w.view(-1, h * b).norm(dim=1, keepdim=True), s).expand(-1, h * b).reshape(w.shape)
    ),
    lambda w, h, b, s: keep_top(w.norm(dim=1, keepdim=True), s).expand_as(w),
)

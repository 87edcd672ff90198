"""Answers of chapter 02: right ones, written differently, and wrong ones that the checkers do not know
literally.
"""

import math

import torch
from answers import right, wrong
from torch import nn

from prunelab.granularity import group_scores
from prunelab.masks import keep_top

# 2.5 reached_sparsity


@right("2.5")
def reached_by_sums(shapes, sparsity):
    weights = sum(math.prod(shape) for shape in shapes)
    return sum(round(sparsity * shape[0]) * math.prod(shape[1:]) for shape in shapes) / weights


@right("2.5")
def reached_by_masks(shapes, sparsity):
    kept = [keep_top(torch.rand(shape[0]), sparsity).sum().item() * math.prod(shape[1:]) for shape in shapes]
    return 1 - sum(kept) / sum(math.prod(shape) for shape in shapes)


# 2.6 coarsest

NAMES = ("filter", "kernel", "vector", "weight")  # from coarse to fine


def _energy(weight, name, sparsity):
    kept = weight * keep_top(group_scores(weight, name), sparsity)
    return float(kept.double().pow(2).sum() / weight.double().pow(2).sum())


@right("2.6")
def coarsest_by_package(weight, sparsity, budget):
    for name in NAMES:
        if _energy(weight, name, sparsity) >= budget:
            return name
    return "dense"


@right("2.6")
def coarsest_by_hand(weight, sparsity, budget):
    answer = "dense"
    for name, size in zip(
        NAMES[::-1], (1, weight.shape[3], weight[0, 0].numel(), weight[0].numel()), strict=True
    ):
        energies = weight.reshape(-1, size).pow(2).sum(1).sort().values
        if energies[round(sparsity * len(energies)) :].sum() / energies.sum() >= budget:
            answer = name
    return answer


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


# 2.3 pattern_mask


@right("2.3")
def patterns_by_loop(weight, patterns):
    mask = torch.zeros_like(weight, dtype=torch.bool)
    for o in range(weight.shape[0]):
        for i in range(weight.shape[1]):
            energies = [(weight[o, i] ** 2 * pattern).sum().item() for pattern in patterns]
            mask[o, i] = patterns[energies.index(max(energies))]
    return mask


@right("2.3")
def patterns_by_loss(weight, patterns):
    lost = (weight[:, :, None] * ~patterns).square().sum((3, 4))
    return patterns[lost.argmin(2)]


# 2.4 weights_left


@right("2.4")
def left_by_tensors(shapes, sparsity):
    total, mask = 0, None
    for number, shape in enumerate(shapes):
        weight = torch.ones(shape)
        if mask is not None:
            weight = weight[:, mask.repeat_interleave(shape[1] // len(mask))]
        mask = torch.arange(shape[0]) >= (round(sparsity * shape[0]) if number < len(shapes) - 1 else 0)
        total += weight[mask].numel()
    return total


@right("2.4")
def left_by_pairs(shapes, sparsity):
    outs = [shape[0] for shape in shapes]
    kept = [out - round(sparsity * out) for out in outs[:-1]] + outs[-1:]
    total = kept[0] * math.prod(shapes[0][1:])
    for before, full, out, shape in zip(kept, outs, kept[1:], shapes[1:], strict=False):
        total += out * before * (shape[1] // full) * math.prod(shape[2:])
    return total


# 2.7 layer_to_remove


@right("2.7")
def layer_by_slices(model, images, labels):
    losses = {}
    for k, layer in enumerate(model):
        if isinstance(layer, nn.Linear) and layer.weight.shape[0] == layer.weight.shape[1]:
            behind = model[k + 1 :]
            behind = behind[1:] if len(behind) and isinstance(behind[0], nn.ReLU) else behind
            losses[k] = nn.functional.cross_entropy(behind(model[:k](images)), labels).item()
    return min(losses, key=losses.get, default=None)


@right("2.7")
def layer_by_identity(model, images, labels):
    best = None, math.inf
    for k, layer in enumerate(model):
        if isinstance(layer, nn.Linear) and layer.in_features == layer.out_features:
            x = images
            for j, part in enumerate(model):
                x = x if j == k or (j == k + 1 and isinstance(part, nn.ReLU)) else part(x)
            loss = -x.log_softmax(1)[torch.arange(len(labels)), labels].mean().item()
            best = min(best, (k, loss), key=lambda pair: pair[1])
    return best[0]


@wrong("2.7", "")
def layer_without_its_relu(model, images, labels):
    losses = {}
    for k, layer in enumerate(model):
        if isinstance(layer, nn.Linear) and layer.in_features == layer.out_features:
            losses[k] = nn.functional.cross_entropy(model[k + 1 :](model[:k](images)), labels).item()
    return min(losses, key=losses.get) if losses else None

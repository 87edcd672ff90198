"""Exercises of chapter 04.4: SNIP in its own terms."""

import copy
from itertools import pairwise

import torch
from torch import nn

from prunelab.check.core import Case
from prunelab.check.draws import OwnLinear, half_up
from prunelab.check.exercise import Exercise

# 4.9 snip_masks(model, images, labels, sparsity)


def _scores(model, images, labels, score):
    layers = {
        f"{n}.weight": m.weight for n, m in model.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)
    }
    with torch.enable_grad():
        loss = nn.functional.cross_entropy(model(images), labels)
        gradients = torch.autograd.grad(loss, list(layers.values()))
    return {n: score(w.detach(), g) for (n, w), g in zip(layers.items(), gradients, strict=True)}


def _top(scores, sparsity, whole=round):
    flat = torch.cat([s.flatten() for s in scores.values()])
    kept = torch.ones(len(flat), dtype=torch.bool)
    kept[flat.argsort(stable=True)[: whole(sparsity * len(flat))]] = False
    return {
        n: p.view(s.shape)
        for (n, s), p in zip(scores.items(), kept.split([s.numel() for s in scores.values()]), strict=True)
    }


def snip_masks(
    model, images, labels, sparsity, score=lambda w, g: (w * g).abs(), layerwise=False, whole=round
):
    scores = _scores(model, images, labels, score)
    if layerwise:
        return {n: _top({n: s}, sparsity)[n] for n, s in scores.items()}
    return _top(scores, sparsity, whole)


def _edges_4_9():
    inner = nn.Sequential(nn.Linear(4, 6), nn.Tanh())
    model = nn.Sequential(inner, nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Sequential(nn.Linear(5, 3))))
    yield Case(
        "layers inside another, names with points", (model, torch.randn(9, 4), torch.randint(0, 3, (9,)), 0.6)
    )
    model = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3))
    yield Case(
        "a Conv1d, which is neither kind", (model, torch.randn(7, 1, 6), torch.randint(0, 3, (7,)), 0.5)
    )
    model = nn.Sequential(
        nn.Conv2d(2, 4, (2, 3), groups=2, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3)
    )
    yield Case(
        "a convolution in groups, with steps and a rim",
        (model.double(), torch.randn(6, 2, 4, 4).double(), torch.randint(0, 3, (6,)), 0.7),
    )
    model = nn.Sequential(OwnLinear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    yield Case(
        "a layer of a class of its own, made from nn.Linear",
        (model, torch.randn(7, 3), torch.randint(0, 2, (7,)), 0.5),
    )
    close = nn.Sequential(nn.Linear(5, 1)).double()
    close.append(nn.Linear(1, 2).double())
    with torch.no_grad():
        close[0].weight.copy_(1 + 1e-12 * torch.tensor([[3.0, 0, 4, 1, 2]]).double())
    yield Case(
        "scores that differ in the last digits, float64",
        (close, torch.ones(1, 5).double(), torch.tensor([1]), 0.5),
    )
    yield _in_training()
    dead = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        dead[0].bias[1:3] = -100.0
    images, labels = torch.randn(9, 3), torch.randint(0, 3, (9,))
    yield Case("very small images", (nn.Sequential(nn.Linear(3, 5)), 1e-9 * images, labels, 0.6))
    yield Case(
        "dead units: of equal scores the earlier go first",
        (dead, torch.randn(8, 3), torch.randint(0, 2, (8,)), 0.3),
    )


def _in_training():
    """A network that answers otherwise in eval mode; to train leaves nothing behind in its BatchNorm."""
    batch = nn.BatchNorm1d(6, momentum=0.0)
    batch.num_batches_tracked = None
    model = nn.Sequential(nn.Linear(4, 6), batch, nn.ReLU(), nn.Linear(6, 3))
    args = (model, 3 * torch.randn(12, 4) + 1, torch.randint(0, 3, (12,)), 0.5)
    return Case("a BatchNorm in training mode", args)


def _cases_4_9():
    for sizes, count, sparsity in [((3, 4, 2), 6, 0.5), ((6, 10, 5, 3), 20, 0.75), ((8, 12, 4), 32, 0.9)]:
        layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.Tanh())]
        model = nn.Sequential(*layers[:-1]).eval()
        images, labels = torch.randn(count, sizes[0]), torch.randint(0, sizes[-1], (count,))
        args = (model, images, labels, sparsity)
        yield Case(f"a network {'-'.join(map(str, sizes))}, {count} examples, sparsity {sparsity}", args)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4)
    ).eval()
    args = (model, torch.randn(16, 1, 6, 6), torch.randint(0, 4, (16,)), 0.75)
    yield Case("a convolution with BatchNorm, which is not pruned", args)
    model = nn.Sequential(nn.Embedding(7, 2), nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    args = (model, torch.randint(0, 7, (8, 3)), torch.randint(0, 3, (8,)), 0.5)
    yield Case("an embedding in front, whose weights are not pruned", args)
    for sparsity in (0.0, 1.0, 0.5):
        model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 4))
        args = (model, torch.randn(6, 3), torch.randint(0, 4, (6,)), sparsity)
        yield Case(f"a network in training mode, 21 connections, sparsity {sparsity}", args)
    yield from _edges_4_9()


ex_4_9 = Exercise(
    "4.9",
    snip_masks,
    _cases_4_9,
    verified="one to three layers, a convolution, BatchNorm left alone, training mode, three sparsities",
    hint=(
        "The gradient of the gate on a connection is weight times gradient. Rank the sizes of all connections"
        " together."
    ),
    mistakes=[
        (
            "One ranking for the whole network: SNIP lets it choose how many each layer keeps.",
            lambda *a: snip_masks(*a, layerwise=True),
        ),
        (
            "That is the gradient of the weight. The gradient of its gate is another one.",
            lambda *a: snip_masks(*a, score=lambda w, g: g.abs()),
        ),
        (
            "That is magnitude: it has not looked at the data.",
            lambda *a: snip_masks(*a, score=lambda w, g: w.abs()),
        ),
        (
            "A connection matters if the loss feels it in either direction.",
            lambda *a: snip_masks(*a, score=lambda w, g: w * g),
        ),
        (
            "You keep the connections that the loss feels least.",
            lambda *a: snip_masks(*a, score=lambda w, g: -(w * g).abs()),
        ),
        (
            (
                "Your gradients are those of eval mode. Use the network in the mode in which it comes; the"
                " criteria of prunelab switch to eval."
            ),
            lambda m, i, y, s: snip_masks(copy.deepcopy(m).eval(), i, y, s),
        ),
        ("`sparsity` is the share that goes.", lambda m, i, y, s: snip_masks(m, i, y, 1 - s)),
        (
            "How many go? The nearest integer, and of a half the even neighbour.",
            lambda *a: snip_masks(*a, whole=half_up),
            lambda *a: snip_masks(*a, whole=int),
        ),
    ],
)

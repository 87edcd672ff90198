"""Checkers of the exercises of chapter 04.4: rewinding done right, SNIP in its own terms, what was trained
before.
"""

from itertools import pairwise

import torch
from torch import nn

from prunelab.check.core import Case
from prunelab.check.draws import half_up
from prunelab.check.exercise import Exercise

# 4.8 winning_ticket(initial, trained, masks, share)


def winning_ticket(
    initial, trained, masks, share, fill=None, rank=None, of_all=False, again=True, whole=round
):
    fill, rank = initial if fill is None else fill, trained if rank is None else rank
    weights, new = {}, {}
    for name, mask in masks.items():
        values, kept = rank[name].flatten().abs().tolist(), mask.flatten().tolist()
        if not again:
            kept = [True] * len(kept)
        alive = sorted((i for i, k in enumerate(kept) if k), key=lambda i: values[i])
        count = whole(share * (len(kept) if of_all else len(alive)))
        gone = set(alive[:count])
        new[name] = torch.tensor([k and i not in gone for i, k in enumerate(kept)]).view(mask.shape)
        weights[name] = torch.where(new[name], fill[name], torch.zeros_like(fill[name]))
    return weights, new


def _global(initial, trained, masks, share):
    flat = torch.cat([torch.where(masks[n], trained[n].abs(), torch.inf).flatten() for n in masks])
    order = flat.argsort(stable=True)
    kept = torch.cat([m.flatten() for m in masks.values()]).clone()
    kept[order[: round(share * int(kept.sum()))]] = False
    new = {
        n: part.view(m.shape)
        for (n, m), part in zip(masks.items(), kept.split([m.numel() for m in masks.values()]), strict=True)
    }
    return {n: initial[n] * new[n] for n in masks}, new


def _cases_4_8():
    initial = {"fc.weight": torch.tensor([[0.5, -0.25, 0.125, 1.0]])}
    trained = {"fc.weight": torch.tensor([[2.0, -0.5, -1.0, 0.25]])}
    masks = {"fc.weight": torch.tensor([[True, True, True, True]])}
    example = (initial, trained, masks, 0.5)
    yield Case("the example: one layer, first round", example)
    masks = {"fc.weight": torch.tensor([[True, True, False, True]])}
    trained = {"fc.weight": torch.tensor([[2.0, -0.5, 0.0, 0.25]])}
    example = (initial, trained, masks, 0.34)
    yield Case("the example, second round: three weights left", example)
    for number, (shapes, density, share) in enumerate(
        [
            ([(5, 4), (3, 5)], 1.0, 0.2),
            ([(8, 6), (4, 8), (2, 4)], 0.75, 0.25),
            ([(4, 1, 3, 3), (6, 16)], 0.5, 0.5),
            ([(7, 7)], 0.25, 0.2),
            ([(1, 5), (3, 3)], 1.0, 0.5),
            ([(2, 6)], 0.5, 0.0),
            ([(2, 6)], 0.5, 1.0),
        ]
    ):
        names = [f"layer{i}.weight" for i in range(len(shapes))]
        initial = {n: torch.randn(s) for n, s in zip(names, shapes, strict=True)}
        masks = {n: torch.rand(s) < density for n, s in zip(names, shapes, strict=True)}
        scale = {
            n: 10.0**i for i, n in enumerate(names)
        }  # layers on different scales: a global ranking would be seen
        trained = {n: torch.randn(s) * masks[n] * scale[n] for n, s in zip(names, shapes, strict=True)}
        args = (initial, trained, masks, share)
        yield Case(f"random layers, number {number}, share {share}", args)

    living = {"fc.weight": torch.tensor([[0.0, 1.5, -2.0, 0.0, 4.0, 0.5]])}
    masks = {"fc.weight": torch.tensor([[True, True, True, False, True, True]])}
    yield Case(
        "a living weight that training has brought to zero",
        ({"fc.weight": torch.ones(1, 6)}, living, masks, 0.5),
    )


ex_4_8 = Exercise(
    "4.8",
    winning_ticket,
    _cases_4_8,
    verified="first and later rounds, one to three layers on different scales, convolutions",
    hint=(
        "The old mask says who is left, the trained weights say who goes. What is left starts from where it"
        " began: no trained values, no new random values."
    ),
    mistakes=[
        (
            (
                "The masks are right, the weights are the trained ones: that is fine-tuning. Rewind to where"
                " they began."
            ),
            lambda i, t, m, s: winning_ticket(i, t, m, s, fill=t),
        ),
        (
            (
                "You rank the initial weights. Training says which weights matter, the initial values only"
                " fill the mask."
            ),
            lambda i, t, m, s: winning_ticket(i, t, m, s, rank=i),
        ),
        (
            "The share is a share of the weights that are left, not of all of them.",
            lambda i, t, m, s: winning_ticket(i, t, m, s, of_all=True),
        ),
        (
            "What an earlier round pruned came back, or was counted again. Look at `masks`.",
            lambda i, t, m, s: winning_ticket(i, t, m, s, again=False),
        ),
        ("Prune layer by layer: every layer loses the same share of what it has left.", _global),
        (
            (
                "A weight that training has brought to zero is still there: the masks say who is left, not"
                " the values."
            ),
            lambda i, t, m, s: winning_ticket(i, t, {n: m[n] & (t[n] != 0) for n in m}, s),
        ),
        (
            "How many go? round() takes the even neighbour of a half: round(2.5) is 2.",
            lambda *a: winning_ticket(*a, whole=half_up),
        ),
        (
            "How many go? The nearest integer, not the next lower one.",
            lambda *a: winning_ticket(*a, whole=int),
        ),
    ],
)


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


ex_4_9 = Exercise(
    "4.9",
    snip_masks,
    _cases_4_9,
    verified="one to three layers, a convolution, BatchNorm left alone, three sparsities",
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
        ("`sparsity` is the share that goes.", lambda m, i, y, s: snip_masks(m, i, y, 1 - s)),
        (
            "How many go? The nearest integer, and of a half the even neighbour.",
            lambda *a: snip_masks(*a, whole=half_up),
            lambda *a: snip_masks(*a, whole=int),
        ),
    ],
)


# 4.10 trainingstrainings_before(rounds, share, skips_zeros)


def trainings_before(rounds, share, skips_zeros):
    return sum(((1 - share) ** k if skips_zeros else 1.0 for k in range(rounds)), 0.0)


def _cases_4_10():
    yield Case("the example: two rounds of 20 %, zeros skipped", (2, 0.2, True))
    further = [
        (12, 0.2, True),
        (12, 0.2, False),
        (1, 0.5, True),
        (0, 0.2, True),
        (5, 0.5, True),
        (3, 0.75, True),
        (7, 0.1, True),
        (5, 0.0, True),
        (4, 1.0, True),
    ]
    for rounds, share, skips in [(2, 0.2, False), *further]:
        about = f"{rounds} rounds of {100 * share:.0f} %, {'zeros skipped' if skips else 'no zero skipped'}"
        yield Case(about, (rounds, share, skips))


ex_4_10 = Exercise(
    "4.10",
    trainings_before,
    _cases_4_10,
    verified="zero to twelve rounds, four shares, with and without hardware that skips zeros",
    hint=(
        "Write down the density of the network in each training that comes before the ticket's own, and add"
        " them up."
    ),
    mistakes=[
        (
            "The ticket's own training does not come *before* it.",
            lambda r, p, z: trainings_before(r + 1, p, z),
        ),
        (
            "The dense network's training is a training too.",
            lambda r, p, z: trainings_before(r, p, z) - (1.0 if r else 0.0),
        ),
        (
            "The first training is dense: nothing is pruned yet.",
            lambda r, p, z: sum((1 - p) ** k if z else 1.0 for k in range(1, r + 1)),
        ),
        (
            "The share is a share of what is *left*: 20 % twice is 36 %.",
            lambda r, p, z: sum(max(0.0, 1 - p * k) if z else 1.0 for k in range(r)),
        ),
        ("Hardware that skips zeros makes the later rounds cheaper.", lambda r, p, z: float(r)),
        (
            "Without skipping every training costs the same; you have it the wrong way round.",
            lambda r, p, z: trainings_before(r, p, not z),
        ),
        (
            "Does your formula hold for a share of 0? Then nothing is pruned, and every training costs 1.",
            lambda r, p, z: (1 - (1 - p) ** r) / p if z else float(r),
            lambda r, p, z: ((1 - (1 - p) ** r) / p if p else 0.0) if z else float(r),
        ),
    ],
)

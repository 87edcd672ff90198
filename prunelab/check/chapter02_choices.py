"""Exercises of chapter 02: the coarsest shape within a budget, and the layer that may go."""

import itertools
import math

import torch
from torch import nn

from prunelab.check.core import Case
from prunelab.check.draws import lowest
from prunelab.check.exercise import Exercise

# 2.6 coarsest(weight, sparsity, budget)


ORDER = [
    "weight",
    "vector",
    "kernel",
    "filter",
]  # from fine to coarse, by the number of dimensions a group spans: 0 to 3


def _kept_share(weight, spans, sparsity, power=2, rank=2):
    groups = weight.reshape(-1, math.prod(weight.shape[weight.ndim - spans :])).tolist()
    scores = [sum(abs(value) ** rank for value in group) for group in groups]
    pruned = set(lowest(scores, round(sparsity * len(groups))))
    shares = [sum(abs(value) ** power for value in group) for group in groups]
    return sum(share for i, share in enumerate(shares) if i not in pruned) / sum(shares)


def coarsest(weight, sparsity, budget, power=2, strict=False, rank=2):
    shares = [_kept_share(weight, spans, sparsity, power, rank) for spans in range(4)]
    meeting = [
        name
        for name, share in zip(ORDER, shares, strict=True)
        if (share > budget if strict else share >= budget)
    ]
    return meeting[-1] if meeting else "dense"


def _finest(weight, sparsity, budget):
    return "weight" if coarsest(weight, sparsity, budget) != "dense" else "dense"


def _cases_2_6():
    plain = torch.randn(8, 4, 3, 3)
    scales = {
        "filter": (torch.arange(8.0) % 2 + 0.05).view(8, 1, 1, 1),
        "kernel": (torch.arange(32.0) % 2 + 0.05).view(8, 4, 1, 1)[:, torch.randperm(4)],
        "vector": ((torch.arange(96.0) * 7 % 12) % 2 + 0.05).view(8, 4, 3, 1),
        "weight": torch.ones(1, 1, 1, 1),
    }
    spikes = torch.full((8, 4, 3, 3), 0.5)
    spikes[::2] = 0
    spikes[::2, 1, 1, 1] = -9
    for about, weight, sparsity, budget in [
        ("filters of very different size, sparsity 0.5, budget 0.9", plain * scales["filter"], 0.5, 0.9),
        ("kernels of very different size, sparsity 0.5, budget 0.9", plain * scales["kernel"], 0.5, 0.9),
        ("no structure at all, sparsity 0.75, budget 0.5", plain, 0.75, 0.5),
        ("vectors of very different size, sparsity 0.5, budget 0.9", plain * scales["vector"], 0.5, 0.9),
        ("no structure at all, sparsity 0.5, budget 0.9", plain, 0.5, 0.9),
        ("no structure at all, sparsity 0.9, budget 0.9", plain, 0.9, 0.9),
        ("no structure at all, sparsity 0.25, budget 0.75", plain, 0.25, 0.75),
        ("no structure at all, sparsity 0.5, budget 0.6", plain, 0.5, 0.6),
        ("weights of one size, sparsity 0.25: the budget 0.75 is met exactly", plain.sign(), 0.25, 0.75),
        (
            "filters with one large weight beside filters of many small ones, sparsity 0.5, budget 0.85",
            spikes,
            0.5,
            0.85,
        ),
        *(
            (f"random weights, sparsity {s}, budget {b}", torch.randn(6, 5, 3, 3), s, b)
            for s, b in _DRAWS_2_6
        ),
    ]:
        yield Case(about, (weight, sparsity, budget))


_DRAWS_2_6 = [
    (0.3, 0.85),
    (0.3, 0.95),
    (0.6, 0.5),
    (0.6, 0.6),
    (0.75, 0.4),
    (0.75, 0.5),
    (0.5, 0.7),
    (0.5, 0.8),
    (0.2, 0.9),
]


ex_2_6 = Exercise(
    "2.6",
    coarsest,
    _cases_2_6,
    verified="weights with and without structure, budgets met by every shape, by some, exactly, and by none",
    hint=(
        "For each granularity, from fine to coarse: scores, mask, squares of the kept weights over squares of"
        " all."
    ),
    mistakes=[
        ("That one meets the budget, but a coarser one may meet it as well. Try them all.", _finest),
        ("You add up magnitudes. Energy is the sum of squares.", lambda w, s, b: coarsest(w, s, b, power=1)),
        (
            (
                "You rank groups by the L1 norm. The L2 norm was asked for: its square is the energy of the"
                " group."
            ),
            lambda w, s, b: coarsest(w, s, b, rank=1),
        ),
        (
            "You compare a root with the budget. Energy is the sum of squares, without the root.",
            lambda w, s, b: coarsest(w, s, math.sqrt(b)),
        ),
        (
            "You compare norms with the budget. Energy is the sum of squares, without the root.",
            lambda w, s, b: coarsest(w, s, b**2),
        ),
        ("Is the budget what is kept, or what may be lost?", lambda w, s, b: coarsest(w, s, 1 - b)),
        ("The coarsest of all is not the answer if it misses the budget.", lambda w, s, b: ORDER[-1]),
        (
            "Here not even single weights meet the budget: the answer is 'dense'.",
            lambda w, s, b: ORDER[0] if coarsest(w, s, b) == "dense" else coarsest(w, s, b),
        ),
        ("A share equal to the budget meets it.", lambda w, s, b: coarsest(w, s, b, strict=True)),
    ],
)


# 2.7 layer_to_remove(model, images, labels)


def layer_to_remove(
    model, images, labels, better=min, fits=lambda layer: layer.in_features == layer.out_features, judge=None
):
    judge = judge or (lambda logits: float(nn.functional.cross_entropy(logits.double(), labels)))
    layers = list(model)
    values = {}
    for k, layer in enumerate(layers):
        if isinstance(layer, nn.Linear) and fits(layer):
            behind = 2 if k + 1 < len(layers) and isinstance(layers[k + 1], nn.ReLU) else 1
            x = images
            with torch.no_grad():
                for other in layers[:k] + layers[k + behind :]:
                    x = other(x)
            values[k] = judge(x)
    return better(values, key=values.get) if values else None


def _cases_2_7():
    def chain(*sizes):
        layers = [part for a, b in itertools.pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
        return nn.Sequential(*layers[:-1])

    plain = chain(2, 3, 3, 3, 2)
    with torch.no_grad():
        for k, scale in ((0, 1.0), (2, 1.0), (4, 5.0), (6, 1.0)):
            plain[k].weight.copy_(scale * torch.eye(*plain[k].weight.shape))
            plain[k].bias.zero_()
    yield Case(
        "the example: of two square layers the first does nothing",
        (plain, torch.eye(2), torch.tensor([0, 1])),
    )
    double = nn.Sequential(
        nn.Linear(4, 4), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3)
    )
    yield Case("two Linear layers in a row", (double, torch.randn(12, 4), torch.randint(0, 3, (12,))))
    for about, sizes, count in [
        ("a chain 4-6-6-6-3", (4, 6, 6, 6, 3), 20),
        ("the input fits, too: 5-5-5-4", (5, 5, 5, 4), 12),
        ("the last layer fits, too: 3-4-4-4", (3, 4, 4, 4), 15),
        ("a long chain 8-8-8-8-8-8", (8, 8, 8, 8, 8, 8), 30),
        ("no layer fits: None", (4, 5, 6, 3), 8),
        ("one layer fits", (4, 7, 7, 2), 9),
        *((f"square throughout, number {i}: 4-4-4-4", (4, 4, 4, 4), 10) for i in range(8)),
        ("another long chain 6-9-9-9-9-9-5", (6, 9, 9, 9, 9, 9, 5), 40),
    ]:
        model = chain(*sizes)
        with torch.no_grad():
            for layer in model:
                if isinstance(layer, nn.Linear):
                    layer.weight.mul_(3.0)
        images = torch.randn(count, sizes[0])
        labels = model(images).argmax(1)
        labels[::5] = torch.randint(0, sizes[-1], (len(labels[::5]),))
        yield Case(f"{about}, {count} examples", (model, images, labels))


ex_2_7 = Exercise(
    "2.7",
    layer_to_remove,
    _cases_2_7,
    verified="chains with none to six square layers, at the beginning, in the middle and at the end",
    hint=(
        "For each Linear layer with as many outputs as inputs: build the chain without it and its ReLU, and"
        " measure the loss."
    ),
    mistakes=[
        (
            "That is the layer that is needed most. Whose removal leaves the lowest loss?",
            lambda *a: layer_to_remove(*a, better=max),
        ),
        (
            (
                "Only a layer with as many outputs as inputs can go: the others would leave shapes that do"
                " not fit."
            ),
            lambda m, x, y: next((k for k, layer in enumerate(m) if isinstance(layer, nn.Linear)), None),
        ),
        (
            "You take the first layer that fits. Measure what each removal costs.",
            lambda m, x, y: layer_to_remove(m, x, y, judge=lambda z: 0.0),
        ),
        (
            "You take the layer with the smallest weights. Measure what each removal costs.",
            lambda m, x, y: min(
                (
                    k
                    for k, la in enumerate(m)
                    if isinstance(la, nn.Linear) and la.in_features == la.out_features
                ),
                key=lambda k: m[k].weight.norm(),
                default=None,
            ),
        ),
        (
            "The index counts all modules of the chain, ReLUs as well.",
            lambda *a: None if layer_to_remove(*a) is None else layer_to_remove(*a) // 2,
        ),
    ],
)

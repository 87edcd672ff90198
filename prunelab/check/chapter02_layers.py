"""Exercises of chapter 02: the layer that may go."""

import itertools

import torch
from torch import nn

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

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


def _edges_2_7():
    identity = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        for layer in (identity[0], identity[1]):
            layer.weight.copy_(torch.eye(3)), layer.bias.zero_()
    yield Case(
        "two layers that do nothing: the first",
        (identity, torch.rand(6, 3), torch.tensor([0, 1, 0, 1, 1, 0])),
    )
    for number in range(6):
        parts = [
            nn.Linear(4, 4),
            nn.Linear(4, 4),
            nn.ReLU(),
            nn.Linear(4, 4),
            nn.Linear(4, 4),
            nn.Linear(4, 3),
        ]
        model = nn.Sequential(*parts[number % 3 :])
        with torch.no_grad():
            for layer in model:
                if isinstance(layer, nn.Linear):
                    layer.weight.mul_(3.0), layer.bias.mul_(3.0)
        yield Case(
            f"Linear layers in a row, number {number}", (model, torch.randn(9, 4), torch.randint(0, 3, (9,)))
        )
    two = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    yield Case("two layers and no ReLU", (two, torch.randn(7, 3), torch.randint(0, 3, (7,))))
    alone = nn.Sequential(nn.Linear(2, 2)).double()
    yield Case("a single layer, float64", (alone, torch.randn(5, 2).double(), torch.randint(0, 2, (5,))))


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
    yield from _edges_2_7()


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

"""Exercises of chapter 01: masks over all layers, and a network's two numbers."""

import math

import torch
from torch import nn

from prunelab.check.core import Case
from prunelab.check.draws import half_up
from prunelab.check.exercise import Exercise

# 1.3 global_masks(scores, sparsity, at_least)


def global_masks(scores, sparsity, at_least, whole=round, protect=True, scope="global"):
    ranked = sorted(
        (v, layer, i) for layer, s in enumerate(scores.values()) for i, v in enumerate(s.flatten().tolist())
    )
    sizes = [s.numel() for s in scores.values()]
    quota = [whole(sparsity * size) for size in sizes]
    gone, total = [set() for _ in sizes], whole(sparsity * sum(sizes))
    for _, layer, i in ranked:
        full = sum(map(len, gone)) == total if scope == "global" else len(gone[layer]) == quota[layer]
        if not full and (sizes[layer] - len(gone[layer]) > at_least or not protect):
            gone[layer].add(i)
    kept = zip(scores.items(), gone, strict=True)
    return {
        name: torch.tensor([i not in out for i in range(s.numel())]).view(s.shape) for (name, s), out in kept
    }


def _floor_afterwards(scores, sparsity, at_least):
    masks = global_masks(scores, sparsity, 0)
    for name, mask in masks.items():
        missing = min(at_least, mask.numel()) - int(mask.sum())
        if missing > 0:
            best = scores[name].flatten().argsort(stable=True)[-min(at_least, mask.numel()) :]
            mask.view(-1)[best] = True
    return masks


def _threshold(scores, sparsity, at_least):
    flat = torch.cat([s.flatten() for s in scores.values()])
    k = round(sparsity * len(flat))
    cut = flat.sort().values[k - 1] if k else flat.min() - 1
    return {name: s > cut for name, s in scores.items()}


def _cases_1_3():
    example = {"conv": torch.tensor([[0.4, 0.1]]), "fc": torch.tensor([[0.3, 0.9, 0.4], [0.2, 0.4, 0.8]])}
    wide = {"a": torch.rand(3, 5), "b": 10 * torch.rand(4, 2, 2, 2), "c": 0.1 * torch.rand(7)}
    tied = {"z": torch.randint(0, 3, (4, 5)).float(), "a": torch.randint(0, 3, (6, 4)).float()}
    for about, scores, sparsity, at_least in [
        ("the example, half of 8 scores, at least 1 for each layer", example, 0.5, 1),
        ("the example, 6 of 8 go, and both layers keep 1", example, 0.75, 1),
        ("three layers on different scales, nothing protected", wide, 0.6, 0),
        ("three layers on different scales, at least 2", wide, 0.6, 2),
        ("equal scores: earlier layers and positions go first", tied, 0.4, 1),
        ("equal scores, at least 3 for each layer", tied, 0.8, 3),
        ("all scores equal", {"b": torch.ones(3), "a": torch.ones(2, 2)}, 0.5, 1),
        (
            "one layer of 5, half of it: 2.5 is rounded to 2",
            {"fc": torch.tensor([3.0, 1.0, 5.0, 4.0, 2.0])},
            0.5,
            1,
        ),
        ("10 scores, sparsity 0.37", {"a": torch.rand(4), "b": torch.rand(6)}, 0.37, 1),
        ("scores of both signs", {"a": torch.randn(5), "b": torch.randn(2, 4)}, 0.5, 1),
        ("more protected than may stay: what may go goes", {"a": torch.rand(4), "b": torch.rand(3)}, 0.9, 3),
        ("a layer smaller than the floor stays whole", {"a": torch.rand(2), "b": torch.rand(9) + 1}, 0.5, 4),
        ("sparsity 0", wide, 0.0, 1),
        ("sparsity 1, at least 1", wide, 1.0, 1),
        ("sparsity 1, nothing protected", wide, 1.0, 0),
        (
            "float64 scores",
            {"a": torch.rand(4, 6, dtype=torch.float64), "b": torch.rand(3, dtype=torch.float64)},
            0.25,
            1,
        ),
    ]:
        yield Case(about, (scores, sparsity, at_least))


ex_1_3 = Exercise(
    "1.3",
    global_masks,
    _cases_1_3,
    verified=(
        "exact counts over all layers, floors that bind and floors that do not, ties by layer and position,"
        " sparsity 0 and 1"
    ),
    hint=(
        "Set the at_least highest scores of each layer aside. Of all others together, the lowest go, until"
        " enough are gone."
    ),
    mistakes=[
        (
            "That is layer-wise: every layer loses the same share. Rank all layers together.",
            lambda s, p, m: global_masks(s, p, m, scope="layer"),
        ),
        (
            "A layer lost more than it may. Which of its scores are set aside before the ranking?",
            lambda s, p, m: global_masks(s, p, m, protect=False),
        ),
        (
            (
                "You put scores back after the ranking: now fewer are gone than asked for. Set them aside"
                " before it."
            ),
            _floor_afterwards,
        ),
        (
            "Scores equal to the threshold all go at once. Rank positions instead of comparing values.",
            _threshold,
        ),
        (
            "True means kept, and the highest scores are kept. Yours is the other way round.",
            lambda s, p, m: {name: ~mask for name, mask in global_masks(s, p, m).items()},
        ),
        (
            "The lowest scores go. Yours lets the highest go.",
            lambda s, p, m: global_masks({n: -x for n, x in s.items()}, p, m),
        ),
        (
            "How many go? The nearest integer to sparsity * n, not the next lower one.",
            lambda s, p, m: global_masks(s, p, m, whole=int),
        ),
        (
            "How many go? Of a half round() takes the even neighbour: round(2.5) is 2.",
            lambda s, p, m: global_masks(s, p, m, whole=half_up),
        ),
        (
            (
                "Among equal scores the earlier position goes first. Yours lets the later one go. Is your"
                " sorting stable, and ascending?"
            ),
            lambda s, p, m: {
                n: x.flatten().flip(0).view(s[n].shape)
                for n, x in global_masks(
                    {n: x.flatten().flip(0) for n, x in reversed(s.items())}, p, m
                ).items()
            },
        ),
        (
            "The scores are ranked as they are. Taking abs() belongs to the criterion, not to the mask.",
            lambda s, p, m: global_masks({n: x.abs() for n, x in s.items()}, p, m),
        ),
        (
            "at_least is a number of scores in each layer; you keep one in each.",
            lambda s, p, m: global_masks(s, p, min(m, 1)),
        ),
    ],
)


# 1.4 sparsity_and_ratio(model)


def _counts(
    model,
    wanted=lambda module, name: isinstance(module, nn.Linear | nn.Conv2d) and name == "weight",
    nested=True,
):
    """Return (zeros, elements) of each wanted parameter."""
    return [
        (sum(value == 0 for value in parameter.flatten().tolist()), parameter.numel())
        for module in (model.modules() if nested else model.children())
        for name, parameter in module.named_parameters(recurse=False)
        if wanted(module, name)
    ]


def sparsity_and_ratio(model, **options):
    zeros, elements = map(sum, zip(*_counts(model, **options), strict=True))
    return zeros / elements, elements / (elements - zeros) if zeros < elements else math.inf


def _mean_of_layers(model):
    shares = [zeros / elements for zeros, elements in _counts(model)]
    sparsity = sum(shares) / len(shares)
    return sparsity, 1 / (1 - sparsity) if sparsity < 1 else math.inf


def _of_model(change):
    return lambda model: change(*sparsity_and_ratio(model))


def _cases_1_4():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(14)
        inner = nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        models = [
            ("the example", nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), 0.5),
            (
                "two layers of very different size, biases zero",
                nn.Sequential(nn.Linear(40, 20), nn.Linear(20, 2)),
                0.8,
            ),
            (
                "convolutions with BatchNorm",
                nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 5, 2)),
                0.7,
            ),
            ("layers inside an inner module", nn.Sequential(inner, nn.Flatten(), nn.Linear(16, 3)), 0.4),
            ("a single layer", nn.Linear(6, 5), 0.3),
            (
                "an embedding, which is not pruned",
                nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(8, 3)),
                0.5,
            ),
            (
                "a Conv1d, which is neither kind",
                nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3)),
                0.5,
            ),
            ("nothing pruned", nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)), 0.0),
            (
                "everything pruned: the ratio is math.inf",
                nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)),
                1.0,
            ),
        ]
        yield from _with_zeros(models)


def _with_zeros(models):
    for about, model, share in models:
        layers = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
        for i, layer in enumerate(layers):
            layer.weight.data[
                torch.rand(layer.weight.shape) < (share if share in (0, 1) else share / (i + 1))
            ] = 0
            if about.endswith("biases zero"):
                nn.init.zeros_(layer.bias)
        yield Case(about, (model,))


ex_1_4 = Exercise(
    "1.4",
    sparsity_and_ratio,
    _cases_1_4,
    verified="Linear and Conv2d weights alone, layers of any size and depth, a dense and an empty model",
    hint=(
        "Add up zeros and elements over the weights of all Linear and Conv2d layers; divide once, at the end."
    ),
    mistakes=[
        (
            (
                "You count biases or BatchNorm parameters. Only weights of Linear and Conv2d layers are"
                " pruned here."
            ),
            lambda model: sparsity_and_ratio(model, wanted=lambda module, name: True),
        ),
        (
            "A BatchNorm layer's parameter is called weight, too. Look at the kind of the layer.",
            lambda model: sparsity_and_ratio(model, wanted=lambda module, name: name == "weight"),
        ),
        (
            "You count the biases of the layers.",
            lambda model: sparsity_and_ratio(
                model, wanted=lambda module, name: isinstance(module, nn.Linear | nn.Conv2d)
            ),
        ),
        (
            (
                "The mean over layers lets a small layer weigh as much as a large one. Count elements over"
                " the whole model."
            ),
            _mean_of_layers,
        ),
        (
            "Some layers sit inside other modules. Which method of a module walks through all of them?",
            lambda model: sparsity_and_ratio(model, nested=False),
        ),
        ("The first number is the density. Sparsity counts the zeros.", _of_model(lambda s, r: (1 - s, r))),
        ("The ratio is upside down: before divided by after.", _of_model(lambda s, r: (s, 1 / r))),
        (
            "The ratio is not 1 / sparsity: at sparsity 0.9 a tenth is left.",
            _of_model(lambda s, r: (s, 1 / s if s else math.inf)),
        ),
        ("A sparsity lies between 0 and 1; yours is in percent.", _of_model(lambda s, r: (100 * s, r))),
        ("Both numbers are there, in the other order.", _of_model(lambda s, r: (r, s))),
        (
            (
                "Other layers have a weight of several dimensions, too, an embedding for one. Look at the"
                " kind of the layer."
            ),
            lambda model: sparsity_and_ratio(
                model, wanted=lambda module, name: name == "weight" and module.weight.ndim > 1
            ),
        ),
    ],
)

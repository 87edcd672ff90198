"""Exercises of chapter 01: a network's numbers, a budget, penalties, and where weights and work are."""

import math

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise
from prunelab.data import Mnist

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


# 1.5 highest_sparsity(model, mnist, sparsities, bound)


def _pruned_accuracy(model, dataset, sparsity, magnitude=torch.abs, scope="layer"):
    """Return the accuracy in percent of the network with the smallest weights zeroed, from the definition."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    weights = [
        f"{name}.weight".lstrip(".")
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
    ]
    ranked = torch.cat([magnitude(state[name]).flatten() for name in weights]).sort().values
    cut = ranked[min(round(sparsity * len(ranked)), len(ranked) - 1)]
    for name in weights:
        flat = state[name].view(-1)
        if scope == "global":
            flat[magnitude(flat) < cut] = 0
        else:
            flat[magnitude(flat).argsort()[: round(sparsity * len(flat))]] = 0
    images, labels = dataset.tensors
    with torch.no_grad():
        answers = torch.func.functional_call(model, state, (images,)).argmax(1)
    return 100 * int((answers == labels).sum()) / len(labels)


def highest_sparsity(model, mnist, sparsities, bound, split="valid", **options):
    return max(
        (s for s in sparsities if _pruned_accuracy(model, getattr(mnist, split), s, **options) >= bound),
        default=0.0,
    )


def _until_it_fails(model, mnist, sparsities, bound):
    best = 0.0
    for sparsity in sorted(sparsities):
        if _pruned_accuracy(model, mnist.valid, sparsity) < bound:
            return best
        best = sparsity
    return best


def _above(model, mnist, sparsities, bound):
    return max((s for s in sparsities if _pruned_accuracy(model, mnist.valid, s) > bound), default=0.0)


def _one_copy_for_all(model, mnist, sparsities, bound):
    return max(
        (
            s
            for i, s in enumerate(sparsities)
            if _pruned_accuracy(model, mnist.valid, max(sparsities[: i + 1])) >= bound
        ),
        default=0.0,
    )


def _accuracy_there(model, mnist, sparsities, bound):
    return _pruned_accuracy(model, mnist.valid, highest_sparsity(model, mnist, sparsities, bound))


def _most_accurate(model, mnist, sparsities, bound):
    return max(sparsities, key=lambda sparsity: _pruned_accuracy(model, mnist.valid, sparsity))


def _last_in_the_list(model, mnist, sparsities, bound):
    return [0.0, *(s for s in sparsities if _pruned_accuracy(model, mnist.valid, s) >= bound)][-1]


def _cases_1_5():
    for about, seed, sparsities, bound in _TABLES_1_5:
        model, mnist = _toy(seed)
        accuracies = [_pruned_accuracy(model, mnist.valid, sparsity) for sparsity in sparsities]
        limit = {
            "reached exactly": sorted(accuracies)[len(accuracies) // 2],
            "out of reach": 101.0,
            "met by all": 0.0,
        }.get(bound, bound)
        yield Case(f"{about}, bound {limit:.1f} %", (model, mnist, sparsities, limit))


_LADDER = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
_TABLES_1_5 = [
    ("a small network, three candidates", 9, [0.3, 0.6, 0.9], 60.0),
    ("a network whose accuracy rises again after a fall", 1, _LADDER, 60.0),
    ("the sparsities in mixed order", 2, [0.9, 0.5, 0.2, 0.8, 0.3], 60.0),
    ("a bound that one sparsity meets exactly", 3, _LADDER, "reached exactly"),
    ("a bound that nothing meets: 0.0", 4, _LADDER, "out of reach"),
    ("a bound that everything meets", 5, _LADDER, "met by all"),
    *((f"network {seed}", seed, _LADDER, 60.0) for seed in range(6, 12)),
]


def _toy(seed):
    """Return a random network and splits labelled by itself, with no, some and many labels replaced: it fits
    train best.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Flatten(), nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4)).eval()
        splits = []
        for replaced in (0, 4, 16):
            images = torch.randn(32, 1, 3, 4)
            labels = model(images).argmax(1)
            labels[:replaced] = torch.randint(0, 4, (replaced,))
            splits.append(TensorDataset(images, labels))
    return model, Mnist(*splits)


ex_1_5 = Exercise(
    "1.5",
    highest_sparsity,
    _cases_1_5,
    verified=(
        "the choice made on valid, bounds met exactly, by all and by none, accuracies that rise again, any"
        " order"
    ),
    hint="For each sparsity: prune a fresh copy layer by layer, then look at its accuracy on mnist.valid.",
    mistakes=[
        (
            "You choose on the test split. A choice is made on valid; test is read once, at the end.",
            lambda *args: highest_sparsity(*args, split="test"),
        ),
        (
            "You choose on the training split, where the network looks better than it is.",
            lambda *args: highest_sparsity(*args, split="train"),
        ),
        ("An accuracy equal to the bound meets it.", _above),
        (
            (
                "You stop at the first sparsity that fails, but accuracy need not fall at every step. Try"
                " them all."
            ),
            _until_it_fails,
        ),
        (
            (
                "You prune the same copy again and again: what one sparsity removed is missing for the next."
                " Start from the dense model."
            ),
            _one_copy_for_all,
        ),
        ("The sparsities need not come in ascending order.", _last_in_the_list),
        ("That is the accuracy. The sparsity was asked for.", _accuracy_there),
        (
            "That is the highest accuracy. The highest sparsity that meets the bound was asked for.",
            lambda model, mnist, sparsities, bound: max(
                _pruned_accuracy(model, mnist.valid, s) for s in sparsities
            ),
        ),
        ("That is the most accurate choice, not the sparsest that still meets the bound.", _most_accurate),
        (
            "Each layer loses the same share here; you rank all layers together.",
            lambda *args: highest_sparsity(*args, scope="global"),
        ),
        (
            "A large negative weight is not small: rank magnitudes.",
            lambda *args: highest_sparsity(*args, magnitude=lambda w: w),
        ),
        (
            "That is the lowest sparsity that meets the bound.",
            lambda model, mnist, sparsities, bound: min(
                (s for s in sparsities if _pruned_accuracy(model, mnist.valid, s) >= bound), default=0.0
            ),
        ),
    ],
)

"""Exercises of chapter 01: how far a network can be pruned within a budget of accuracy."""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise
from prunelab.data import Mnist

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
        model, mnist = _toy(seed, 400 if about.startswith("400") else 32)
        accuracies = [_pruned_accuracy(model, mnist.valid, sparsity) for sparsity in sparsities]
        limit = {
            "reached exactly": sorted(accuracies)[len(accuracies) // 2],
            "just missed": sorted(accuracies)[len(accuracies) // 2] + 0.125,
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
    *(("a bound missed by a fraction of a point", seed, _LADDER, "just missed") for seed in range(3, 9)),
    ("one candidate", 13, [0.5], 60.0),
    *((f"400 images, network {seed}", seed, _LADDER, "reached exactly") for seed in range(100, 103)),
]


def _toy(seed, count):
    """Return a random network and splits labelled by itself, with no, some and many labels replaced: it fits
    train best.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Flatten(), nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4)).eval()
        splits = []
        for replaced in (0, count // 8, count // 2):
            images = torch.randn(count, 1, 3, 4)
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

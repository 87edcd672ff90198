"""Checkers of the exercises of chapter 01: what pruning is."""

import math

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.check.compare import difference
from prunelab.check.core import Case
from prunelab.check.exercise import Exercise
from prunelab.data import Mnist

# 1.1 keep_exactly(scores, sparsity)


def keep_exactly(scores, sparsity):
    values = scores.flatten().tolist()
    pruned = sorted(range(len(values)), key=lambda position: (values[position], position))[: round(sparsity * len(values))]
    return torch.tensor([position not in pruned for position in range(len(values))]).view(scores.shape)


def _cut(scores, sparsity):
    return scores.flatten().sort().values[max(0, round(sparsity * scores.numel()) - 1)]


def _cases_1_1():
    example = torch.tensor([[0.4, 0.1, 0.4], [0.2, 0.4, 0.9]])
    many = torch.randint(0, 5, (40, 50)).float()
    for about, scores, sparsity in [
        ("the example, half of 6 scores", example, 0.5),
        ("9 different scores, sparsity 0.4", torch.rand(9), 0.4),
        ("a (3, 5) matrix, sparsity 0.31", torch.rand(3, 5), 0.31),
        ("a convolution's (4, 3, 2, 2) scores, sparsity 0.7", torch.rand(4, 3, 2, 2), 0.7),
        ("8 equal scores, half of them", torch.full((2, 4), 0.3), 0.5),
        ("2000 scores with only 5 different values, sparsity 0.33", many, 0.33),
        ("scores of both signs, sparsity 0.5", torch.randn(4, 4), 0.5),
        ("sparsity 0", torch.rand(2, 3), 0.0),
        ("sparsity 1", torch.rand(2, 3), 1.0),
        ("a single score, sparsity 0.4", torch.rand(1), 0.4),
        ("float64 scores, sparsity 0.25", torch.rand(4, 6, dtype=torch.float64), 0.25),
    ]:
        yield Case(about, (scores, sparsity))


ex_1_1 = Exercise(
    "1.1",
    keep_exactly,
    _cases_1_1,
    verified="exact counts, ties by position, sparsity 0 and 1, any shape and float type",
    hint="Sort the positions by score, then mark the first round(sparsity * n) of them as pruned.",
    mistakes=[
        (
            "Scores equal to the threshold all go at once. Rank positions instead of comparing values.",
            lambda s, p: s > _cut(s, p),
            lambda s, p: s > s.quantile(p),
        ),
        (
            "Scores equal to the threshold all stay. Rank positions instead of comparing values.",
            lambda s, p: s >= s.quantile(p),
            lambda s, p: s >= _cut(s, p),
        ),
        ("True means kept, and the highest scores are kept. Yours is the other way round.", lambda s, p: ~keep_exactly(s, p)),
        (
            "The highest scores are kept, the lowest go. Yours is the other way round.",
            lambda s, p: keep_exactly(-s, p),
            lambda s, p: ~keep_exactly(s, 1 - p),
        ),
        (
            "How many scores go? The nearest integer to sparsity * n, which is not always the next lower one.",
            lambda s, p: keep_exactly(s, int(p * s.numel()) / s.numel()),
        ),
        (
            "Among equal scores the earlier position goes first. Yours lets the later one go. Is your sorting stable, and "
            "ascending?",
            lambda s, p: keep_exactly(s.flatten().flip(0), p).flip(0).view(s.shape),
        ),
        (
            "The whole tensor is ranked at once. Yours ranks each row on its own: flatten first.",
            lambda s, p: torch.stack([keep_exactly(row, p) for row in s]),
        ),
        (
            "The scores are ranked as they are. Taking abs() belongs to the criterion, not to the mask.",
            lambda s, p: keep_exactly(s.abs(), p),
        ),
    ],
)


# 1.2 threshold_cut(weight, sparsity)


def threshold_cut(weight, sparsity, magnitude=abs, count=round, past_the_end=0):
    values = sorted(magnitude(value) for value in weight.flatten().tolist())
    k = min(count(sparsity * len(values)) + past_the_end, len(values))
    threshold = values[k - 1] if k else 0.0
    return threshold, sum(value <= threshold for value in values) / len(values)


def _interpolated(weight, sparsity):
    threshold = weight.abs().flatten().quantile(sparsity)
    return threshold.item(), (weight.abs() <= threshold).double().mean().item()


def _cases_1_2():
    example = torch.tensor([[0.3, -0.3, 0.1, -0.9], [0.3, 0.7, -0.2, 0.3]])
    pruned_once = torch.randn(6, 8)
    pruned_once[pruned_once.abs() < 0.7] = 0
    for about, weight, sparsity in [
        ("the example, sparsity 0.5", example, 0.5),
        ("15 different weights, sparsity 0.44", torch.randn(3, 5), 0.44),
        ("a (4, 3, 3, 3) convolution, sparsity 0.8", torch.randn(4, 3, 3, 3), 0.8),
        ("weights rounded to one decimal, sparsity 0.6", torch.randn(20, 10).mul(10).round() / 10, 0.6),
        ("a matrix that was pruned before, sparsity 0.1", pruned_once, 0.1),
        ("sparsity 0: nothing has to go, the threshold is 0", torch.randn(4, 4), 0.0),
        ("sparsity 0 for a matrix with zeros", pruned_once, 0.0),
        ("sparsity 1", torch.randn(2, 7), 1.0),
        ("8 weights of the same size", torch.tensor([0.5, -0.5] * 4), 0.25),
    ]:
        yield Case(about, (weight, sparsity))


ex_1_2 = Exercise(
    "1.2",
    threshold_cut,
    _cases_1_2,
    verified="threshold and reached sparsity, with and without ties, both signs, zeros, sparsity 0 and 1",
    hint="Sort the magnitudes: the threshold is the k-th smallest (0.0 if k is 0). Then count what does not exceed it.",
    mistakes=[
        ("quantile() interpolates between two neighbours. The threshold asked for is itself one of the magnitudes.", _interpolated),
        (
            "You report the sparsity asked for. Count what really lies at or below the threshold.",
            lambda w, s: (threshold_cut(w, s)[0], s),
        ),
        (
            "You report how many were meant to go. Weights equal to the threshold go with them: count again.",
            lambda w, s: (threshold_cut(w, s)[0], round(s * w.numel()) / w.numel()),
        ),
        (
            "What is kept lies above the threshold, so a weight equal to it is pruned and counts.",
            lambda w, s: (threshold_cut(w, s)[0], (w.abs() < threshold_cut(w, s)[0]).double().mean().item()),
        ),
        (
            "A large negative weight is not small: compare magnitudes, not values.",
            lambda w, s: threshold_cut(w, s, magnitude=float),
        ),
        (
            "One too far: if k weights go, the threshold is the k-th smallest magnitude.",
            lambda w, s: threshold_cut(w, s, past_the_end=1),
        ),
        ("That is the density, the share that is kept.", lambda w, s: (threshold_cut(w, s)[0], 1 - threshold_cut(w, s)[1])),
        (
            "A sparsity lies between 0 and 1; yours is in percent.",
            lambda w, s: (threshold_cut(w, s)[0], 100 * threshold_cut(w, s)[1]),
        ),
        ("k is the nearest integer to sparsity * n, not the next lower one.", lambda w, s: threshold_cut(w, s, count=int)),
    ],
)


# 1.3 masked_step(weight, gradient, velocity, mask, lr, momentum)


def _sgd(weight, gradient, velocity, lr, momentum):
    """One step of SGD with momentum, in float64 and by torch's own definition of it."""
    velocity = momentum * velocity.double() + gradient.double()
    return (weight.double() - lr * velocity).to(weight.dtype), velocity.to(weight.dtype)


def masked_step(weight, gradient, velocity, mask, lr, momentum):
    weight, velocity = _sgd(weight, gradient, velocity, lr, momentum)
    return torch.where(mask, weight, 0), torch.where(mask, velocity, 0)


def _cases_1_3():
    weight = torch.tensor([0.5, 0.2, -0.4, 0.1])
    velocity = torch.tensor([0.1, -0.3, 0.2, 0.4])
    calls = [("the example: two pruned weights, not zero yet", weight, torch.full((4,), 0.1), velocity, [True, False, True, False])]
    for shape in [(3, 4), (2, 3, 3, 3), (7,)]:
        draws = [torch.randn(shape) for _ in range(3)]
        calls.append((f"random weights of shape {shape}", *draws, (torch.rand(shape) < 0.5).tolist()))
    zeroed = torch.randn(4, 4) * (mask := torch.rand(4, 4) < 0.5)
    velocity = torch.randn(4, 4)
    calls.append(("pruned weights that are zero, with a velocity left over", zeroed, torch.zeros(4, 4), velocity, mask.tolist()))
    calls.append(("everything kept", weight, torch.ones(4), torch.ones(4), [True] * 4))
    calls.append(("everything pruned", weight, torch.ones(4), torch.ones(4), [False] * 4))
    for (about, weight, gradient, velocity, mask), (lr, momentum) in zip(
        calls, [(0.1, 0.9), (0.5, 0.8), (1.0, 0.5)] * 3, strict=False
    ):
        args = (weight, gradient, velocity, torch.tensor(mask), lr, momentum)
        yield Case(about, args, judge=_step_judge(args))


def _step_judge(args):
    """A right step leaves the velocity of pruned weights to the learner: masked or not, it has no say."""
    weight, velocity = masked_step(*args)

    def judge(result):
        problem = difference(result[0], weight)
        if problem:
            return f"The weights after the step:\n  {problem}"
        problem = difference(torch.where(args[3], result[1], 0), velocity)
        return problem and f"The velocity of the kept weights (0 stands for the pruned ones):\n  {problem}"

    return judge


ex_1_3 = Exercise(
    "1.3",
    masked_step,
    _cases_1_3,
    verified="pruned weights are zero after the step whatever their velocity was, kept ones move as in SGD with momentum",
    hint="First an ordinary step of SGD with momentum. Then ask what must hold for the new weights, whatever happened before.",
    mistakes=[
        (
            "The gradient is masked, yet the velocity remembers steps from before: it goes on moving weights whose "
            "gradient is zero.",
            lambda w, g, v, m, lr, mu: _sgd(w, g * m, v, lr, mu),
        ),
        (
            "You mask the weights, then step: the step moves them away from zero again. Which comes last?",
            lambda w, g, v, m, lr, mu: _sgd(w * m, g, v, lr, mu),
        ),
        (
            "You mask the weights, then step: the velocity moves them away from zero again. Which comes last?",
            lambda w, g, v, m, lr, mu: _sgd(w * m, g * m, v, lr, mu),
        ),
        (
            "Pruned weights no longer move, but one that is not zero yet stays where it is.",
            lambda w, g, v, m, lr, mu: _sgd(w, g * m, v * m, lr, mu),
        ),
        ("That is a step without a mask.", lambda w, g, v, m, lr, mu: _sgd(w, g, v, lr, mu)),
        (
            "The kept weights have lost their momentum: they follow the velocity, and the velocity follows the gradient.",
            lambda w, g, v, m, lr, mu: (torch.where(m, w - lr * g, 0), v),
        ),
        (
            "The kept weights have lost their momentum: they follow the velocity, not the gradient.",
            lambda w, g, v, m, lr, mu: (torch.where(m, w - lr * g, 0), mu * v + g),
        ),
        (
            "The kept weights move by the old velocity. Update the velocity first.",
            lambda w, g, v, m, lr, mu: (torch.where(m, w - lr * v, 0), mu * v + g),
        ),
        (
            "The velocity must come back updated, or the next step has forgotten this one.",
            lambda w, g, v, m, lr, mu: (masked_step(w, g, v, m, lr, mu)[0], v),
        ),
        ("True means kept: yours zeroes the weights to keep.", lambda w, g, v, m, lr, mu: masked_step(w, g, v, ~m, lr, mu)),
    ],
)


# 1.4 sparsity_and_ratio(model)


def _counts(model, wanted=lambda module, name: isinstance(module, nn.Linear | nn.Conv2d) and name == "weight", nested=True):
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
            ("two layers of very different size, biases zero", nn.Sequential(nn.Linear(40, 20), nn.Linear(20, 2)), 0.8),
            ("convolutions with BatchNorm", nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 5, 2)), 0.7),
            ("layers inside an inner module", nn.Sequential(inner, nn.Flatten(), nn.Linear(16, 3)), 0.4),
            ("a single layer", nn.Linear(6, 5), 0.3),
            ("nothing pruned", nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)), 0.0),
            ("everything pruned: the ratio is math.inf", nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)), 1.0),
        ]
        for about, model, share in models:
            layers = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
            for i, layer in enumerate(layers):
                layer.weight.data[torch.rand(layer.weight.shape) < (share if share in (0, 1) else share / (i + 1))] = 0
                if about.endswith("biases zero"):
                    nn.init.zeros_(layer.bias)
            yield Case(about, (model,))


ex_1_4 = Exercise(
    "1.4",
    sparsity_and_ratio,
    _cases_1_4,
    verified="Linear and Conv2d weights alone, layers of any size and depth, a dense and an empty model",
    hint="Add up zeros and elements over the weights of all Linear and Conv2d layers; divide once, at the end.",
    mistakes=[
        (
            "You count biases or BatchNorm parameters. Only weights of Linear and Conv2d layers are pruned here.",
            lambda model: sparsity_and_ratio(model, wanted=lambda module, name: True),
        ),
        (
            "A BatchNorm layer's parameter is called weight, too. Look at the kind of the layer.",
            lambda model: sparsity_and_ratio(model, wanted=lambda module, name: name == "weight"),
        ),
        (
            "You count the biases of the layers.",
            lambda model: sparsity_and_ratio(model, wanted=lambda module, name: isinstance(module, nn.Linear | nn.Conv2d)),
        ),
        (
            "The mean over layers lets a small layer weigh as much as a large one. Count elements over the whole model.",
            _mean_of_layers,
        ),
        (
            "Some layers sit inside other modules. Which method of a module walks through all of them?",
            lambda model: sparsity_and_ratio(model, nested=False),
        ),
        ("The first number is the density. Sparsity counts the zeros.", _of_model(lambda s, r: (1 - s, r))),
        ("The ratio is upside down: before divided by after.", _of_model(lambda s, r: (s, 1 / r))),
        ("The ratio is not 1 / sparsity: at sparsity 0.9 a tenth is left.", _of_model(lambda s, r: (s, 1 / s if s else math.inf))),
        ("A sparsity lies between 0 and 1; yours is in percent.", _of_model(lambda s, r: (100 * s, r))),
        ("Both numbers are there, in the other order.", _of_model(lambda s, r: (r, s))),
    ],
)


# 1.5 highest_sparsity(model, mnist, sparsities, bound)


def _pruned_accuracy(model, dataset, sparsity, magnitude=torch.abs, scope="layer"):
    """Return the accuracy in percent of the network with the smallest weights zeroed, from the definition."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    weights = [f"{name}.weight".lstrip(".") for name, module in model.named_modules() if isinstance(module, nn.Linear)]
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
    return max((s for s in sparsities if _pruned_accuracy(model, getattr(mnist, split), s, **options) >= bound), default=0.0)


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
        (s for i, s in enumerate(sparsities) if _pruned_accuracy(model, mnist.valid, max(sparsities[: i + 1])) >= bound),
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
        limit = {"reached exactly": sorted(accuracies)[len(accuracies) // 2], "out of reach": 101.0, "met by all": 0.0}.get(
            bound, bound
        )
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
    """Return a random network and splits labelled by itself, with no, some and many labels replaced: it fits train best."""
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
    verified="the choice made on valid, bounds met exactly, by all and by none, accuracies that rise again, any order",
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
        ("You stop at the first sparsity that fails, but accuracy need not fall at every step. Try them all.", _until_it_fails),
        (
            "You prune the same copy again and again: what one sparsity removed is missing for the next. Start from the "
            "dense model.",
            _one_copy_for_all,
        ),
        ("The sparsities need not come in ascending order.", _last_in_the_list),
        ("That is the accuracy. The sparsity was asked for.", _accuracy_there),
        (
            "That is the highest accuracy. The highest sparsity that meets the bound was asked for.",
            lambda model, mnist, sparsities, bound: max(_pruned_accuracy(model, mnist.valid, s) for s in sparsities),
        ),
        ("That is the most accurate choice, not the sparsest that still meets the bound.", _most_accurate),
        (
            "Each layer loses the same share here; you rank all layers together.",
            lambda *args: highest_sparsity(*args, scope="global"),
        ),
        ("A large negative weight is not small: rank magnitudes.", lambda *args: highest_sparsity(*args, magnitude=lambda w: w)),
        (
            "That is the lowest sparsity that meets the bound.",
            lambda model, mnist, sparsities, bound: min(
                (s for s in sparsities if _pruned_accuracy(model, mnist.valid, s) >= bound), default=0.0
            ),
        ),
    ],
)

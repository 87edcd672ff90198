"""Exercises of chapter 03.1: scores that compare across layers, and the change behind a filter."""

import math

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 3.1 comparable_scores(weights)


def _per_filter(values, weight):
    return torch.tensor(values, dtype=weight.dtype).view(-1, *[1] * (weight.ndim - 1))


def comparable_scores(weights):
    scores = {}
    for name, weight in weights.items():
        norms = [math.sqrt(sum(w * w for w in row)) for row in weight.flatten(1).tolist()]
        length = math.sqrt(sum(norm * norm for norm in norms))
        scores[name] = _per_filter([norm / length if length else 0.0 for norm in norms], weight)
    return scores


def _each(score):
    return lambda weights: {name: score(w).view(-1, *[1] * (w.ndim - 1)) for name, w in weights.items()}


def _over(values, length):
    return values / length if length > 0 else torch.zeros_like(values)


def _squares(w):
    return w.flatten(1).square().sum(1)


def _norms(w):
    return _squares(w).sqrt()


def _across_layers(weights):
    length = torch.cat([_norms(w) for w in weights.values()]).norm()
    return {name: (_norms(w) / length).view(-1, *[1] * (w.ndim - 1)) for name, w in weights.items()}


def _edges_3_1():
    for about, weights in [
        (
            "a layer of very small weights beside one of very large ones",
            {"z": 1e-13 * torch.randn(3, 4), "a": 1e8 * torch.randn(2, 3)},
        ),
        ("one layer of one filter", {"only": torch.tensor([[-0.5, 0.25]])}),
        (
            "filters of one norm",
            {"fc": torch.tensor([[1.0, -1], [1, 1], [0, 0]]), "conv": torch.ones(2, 1, 2, 3)},
        ),
        ("an empty dict", {}),
    ]:
        yield Case(about, (weights,))


def _cases_3_1():

    def draw(*shape, dtype=torch.float32):
        return torch.randn(shape, dtype=dtype)

    example = {
        "fc1": torch.tensor([[3.0, 0.0], [0.0, 4.0]]),
        "fc2": torch.tensor([[6.0, 8.0], [10.0, 0.0], [0.0, 10.0], [8.0, -6.0]]),
    }
    zeros = {"conv": torch.zeros(3, 2, 2, 2), "fc": draw(4, 3)}
    for about, weights in [
        ("the example, two layers of different scale", example),
        ("a convolution and a matrix", {"conv1.weight": draw(4, 3, 5, 5), "fc1.weight": 0.1 * draw(6, 20)}),
        (
            "three layers, float64",
            {
                n: draw(*s, dtype=torch.float64)
                for n, s in [("a", (2, 7)), ("b", (5, 1, 3, 3)), ("c", (3, 3))]
            },
        ),
        ("one layer, not square", {"only": draw(7, 2)}),
        ("a layer of small weights", {"fc1": 0.01 * draw(3, 4), "fc2": draw(2, 3)}),
        ("a filter that is zero", {"fc": torch.tensor([[0.0, 0.0], [0.0, 0.0], [-1.0, 2.0]])}),
        ("a layer whose weights are all zero", zeros),
    ]:
        yield Case(about, (weights,))
    yield from _edges_3_1()


ex_3_1 = Exercise(
    "3.1",
    comparable_scores,
    _cases_3_1,
    verified="convolutions and matrices, layers of different scale, float32 and float64, a layer of zeros",
    hint="Two norms, one after the other: over the weights of a filter, then over the filters of the layer.",
    mistakes=[
        (
            "The L2 norm has a root. Alone it changes no order, but you divide afterwards, and then it does.",
            _each(lambda w: _over(_squares(w), _squares(w).norm())),
            _each(lambda w: _over(_squares(w), _squares(w).sum())),
        ),
        (
            (
                "These are the norms before they are made comparable: a layer of large filters wins against"
                " all others."
            ),
            _each(_norms),
        ),
        (
            "The L2 norm of a filter is asked for, not L1.",
            _each(lambda w: _over(w.flatten(1).abs().sum(1), w.flatten(1).abs().sum(1).norm())),
        ),
        (
            "Divide by the L2 norm of the layer's scores, not by their sum.",
            _each(lambda w: _over(_norms(w), _norms(w).sum())),
        ),
        (
            "Divide by the L2 norm of the layer's scores, not by the largest.",
            _each(lambda w: _over(_norms(w), _norms(w).max())),
        ),
        (
            "Divide by the L2 norm of the layer's scores, not by their mean.",
            _each(lambda w: _over(_norms(w), _norms(w).mean())),
        ),
        (
            "That is the mean square per weight. Here the layer's own scores set the unit.",
            _each(lambda w: _norms(w) / math.sqrt(w[0].numel())),
        ),
        (
            (
                "Each layer has a unit of its own. Yours is one for all layers together, which leaves their"
                " order as it was."
            ),
            _across_layers,
        ),
    ],
)


# 3.2 filter_change(weight, gradient)


def filter_change(weight, gradient):
    return _per_filter(
        [
            abs(sum(w * g for w, g in zip(a, b, strict=True)))
            for a, b in zip(weight.flatten(1).tolist(), gradient.flatten(1).tolist(), strict=True)
        ],
        weight,
    )


def _filtered(score):
    return lambda w, g: score(w.flatten(1), g.flatten(1)).view(-1, *[1] * (w.ndim - 1))


def _edges_3_2():
    for about, weight, gradient in [
        ("very small numbers", 1e-7 * torch.randn(3, 4), 1e-3 * torch.randn(3, 4)),
        ("very large numbers", 1e7 * torch.randn(4, 3), 1e3 * torch.randn(4, 3)),
        (
            "weights that are zero",
            torch.randn(3, 2, 2, 4) * (torch.rand(3, 2, 2, 4) < 0.5),
            torch.randn(3, 2, 2, 4),
        ),
        ("a single weight", torch.tensor([[-2.0]]), torch.tensor([[0.5]])),
        (
            "a loss that rises and one that falls by as much",
            torch.tensor([[1.0, 1], [1, -1]]),
            torch.tensor([[0.5, 0.25], [-0.5, 0.25]]),
        ),
    ]:
        yield Case(about, (weight, gradient))


def _cases_3_2():
    weight = torch.tensor([[1.0, 2.0, -1.0], [1.0, 1.0, 1.0]])
    gradient = torch.tensor([[2.0, -1.0, 0.5], [0.5, 0.25, 0.25]])
    yield Case("the example, a filter whose changes cancel", (weight, gradient))
    for about, shape, dtype in [
        ("a (4, 3, 5, 5) convolution", (4, 3, 5, 5), torch.float32),
        ("a (6, 10) matrix, float64", (6, 10), torch.float64),
        ("one filter of a (1, 2, 3, 1) convolution", (1, 2, 3, 1), torch.float32),
    ]:
        w, g = (torch.randn(shape, dtype=dtype) for _ in range(2))
        yield Case(about, (w, g))
    w = torch.randn(3, 4)
    yield Case("a gradient of zeros", (w, torch.zeros(3, 4)), torch.zeros(3, 1))
    yield from _edges_3_2()


ex_3_2 = Exercise(
    "3.2",
    filter_change,
    _cases_3_2,
    verified="changes that cancel, convolutions and matrices, one filter, a gradient of zeros",
    hint=(
        "Write the first-order change of the loss when all weights of a filter become zero at once, then take"
        " its size."
    ),
    mistakes=[
        (
            (
                "The weights of a filter go together, and their changes partly cancel. Where does the"
                " absolute value belong?"
            ),
            _filtered(lambda w, g: (w * g).abs().sum(1)),
        ),
        (
            "A score is a size, never negative: large changes of either sign matter.",
            _filtered(lambda w, g: (w * g).sum(1)),
            _filtered(lambda w, g: -(w * g).sum(1)),
        ),
        (
            "The square ranks alike, but the size of the change itself is asked for.",
            _filtered(lambda w, g: (w * g).sum(1).square()),
        ),
        (
            "The changes add up. The mean would make large filters look harmless.",
            _filtered(lambda w, g: (w * g).mean(1).abs()),
        ),
        (
            "Multiply weight by weight first: a product of norms knows no signs.",
            _filtered(lambda w, g: w.norm(dim=1) * g.norm(dim=1)),
        ),
        (
            "Multiply weight by weight first: a sum of products is no product of sums.",
            _filtered(lambda w, g: w.sum(1).mul(g.sum(1)).abs()),
        ),
        (
            "The gradient is the slope. How far does each weight move along it?",
            _filtered(lambda w, g: g.sum(1).abs()),
        ),
        (
            "The changes add up with their signs. A norm has lost the signs.",
            _filtered(lambda w, g: (w * g).norm(dim=1)),
        ),
    ],
)

"""Exercises of chapter 04.2: filters that go for good."""

import math

import torch
from torch import nn

from prunelab.check.compare import difference
from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 4.3 remove_filter(weight, bias, next_weight, next_bias, index)


def remove_filter(
    weight, bias, next_weight, next_bias, index, columns=None, fold=lambda b: b.clamp_min(0), times=1.0
):
    filters = len(weight)
    positions = next_weight.shape[1] // filters
    lost = (
        list(range(index * positions, (index + 1) * positions))
        if columns is None
        else columns(index, positions, filters)
    )
    stay = [o for o in range(filters) if o != index]
    left = [c for c in range(next_weight.shape[1]) if c not in lost]
    folded = next_bias + times * sum(next_weight[:, c] for c in lost) * fold(bias[index])
    return weight[stay], bias[stay], next_weight[:, left], folded


def _zeroed(weight, bias, next_weight, next_bias, index):
    weight, bias = weight.clone(), bias.clone()
    weight[index], bias[index] = 0, 0
    return weight, bias, next_weight.clone(), next_bias.clone()


def _network(seed, filters, inputs, positions, outputs, dtype=torch.float32):
    draw = torch.Generator().manual_seed(seed)
    shapes = [(filters, inputs, 3, 3), (filters,), (outputs, filters * positions), (outputs,)]
    return [torch.randn(shape, generator=draw, dtype=dtype) for shape in shapes]


def _edges_4_3():
    draw = torch.Generator().manual_seed(442)
    for about, shape, scale, index in [
        ("kernels that are not square", (3, 2, 1, 4), 1.0, 1),
        ("very small weights", (3, 1, 2, 2), 1e-5, 0),
        ("very large weights", (4, 1, 2, 3), 1e5, 2),
    ]:
        weight, bias = (scale * torch.randn(s, generator=draw) for s in (shape, shape[:1]))
        bias[index] = abs(bias[index])
        reads = scale * torch.randn(5, 6 * shape[0], generator=draw)
        yield Case(about, (weight, bias, reads, torch.zeros(5), index))
    same = torch.ones(3, 1, 2, 2), torch.tensor([0.5, 0.5, 0.0]), torch.ones(2, 6), torch.ones(2)
    yield Case("equal filters, a bias of zero", (*same, 2))


def _cases_4_3():
    weight = torch.ones(2, 1, 1, 1) * torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)
    example = (weight, torch.tensor([0.5, -0.25]), torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([0.0]))
    yield Case("the example: 2 filters, 2 positions, filter 0 goes", (*example, 0))
    yield Case("the example, filter 1 goes: its bias is negative", (*example, 1))
    for seed, (filters, inputs, positions, outputs, index) in enumerate(
        [
            (3, 1, 4, 2, 1),
            (5, 2, 4, 3, 4),
            (4, 3, 9, 10, 0),
            (6, 1, 16, 120, 2),
            (4, 2, 4, 4, 3),
            (3, 1, 1, 2, 2),
            (2, 1, 6, 3, 1),
        ]
    ):
        parts = _network(430 + seed, filters, inputs, positions, outputs)
        about = f"{filters} filters, {positions} positions each, {outputs} outputs, filter {index} goes"
        yield Case(about, (*parts, index))
    parts = _network(440, 4, 1, 4, 3, torch.float64)
    parts[1][2] = -1.0
    yield Case("float64, a negative bias", (*parts, 2))
    parts = _network(441, 1, 1, 3, 2)
    yield Case("the only filter", (*parts, 0))
    yield from _edges_4_3()


ex_4_3 = Exercise(
    "4.3",
    remove_filter,
    _cases_4_3,
    verified="first, last and only filters, 1 to 16 positions, biases of both signs, both float types",
    hint=(
        "positions = next_weight.shape[1] // len(weight). Which columns does the filter own, and what arrives"
        " through them?"
    ),
    mistakes=[
        (
            (
                "The sizes are right, the outputs are not: the masked filter still sent ReLU(bias). Where has"
                " that constant gone?"
            ),
            lambda *a: remove_filter(*a, fold=lambda b: b * 0),
        ),
        (
            "Between the two layers stands a ReLU: what does it make of a negative bias?",
            lambda *a: remove_filter(*a, fold=lambda b: b),
        ),
        (
            "Behind the flatten a filter owns as many columns as it has positions, not one.",
            lambda *a: remove_filter(*a, columns=lambda i, p, n: [i]),
            lambda *a: remove_filter(*a, columns=lambda i, p, n: [i], fold=lambda b: b * 0),
        ),
        (
            (
                "You take every so-many-th column. Flatten lays the maps one after another: a filter's"
                " columns stand side by side."
            ),
            lambda *a: remove_filter(*a, columns=lambda i, p, n: list(range(i, n * p, n))),
            lambda *a: remove_filter(
                *a, columns=lambda i, p, n: list(range(i, n * p, n)), fold=lambda b: b * 0
            ),
        ),
        (
            "The constant was added to the next layer's sums; you subtract it.",
            lambda *a: remove_filter(*a, times=-1.0),
        ),
        (
            "The constant arrives through every column of the filter: add them up, do not average them.",
            lambda w, b, nw, nb, i: remove_filter(w, b, nw, nb, i, times=len(w) / nw.shape[1]),
        ),
        ("That is masking: the tensors must become smaller.", _zeroed),
    ],
)


# 4.12 without_zero_filters(model)


def _parameters(model):
    return sum(p.numel() for p in model.parameters())


def _zero_filters(model):
    """Return for each layer but the last how many outputs have neither weights nor a bias."""
    layers = [layer for layer in model if isinstance(layer, nn.Conv2d | nn.Linear)][:-1]
    return [int(((la.weight.flatten(1) == 0).all(1) & (la.bias == 0)).sum()) for la in layers]


def _smallest(model):
    """Return how many parameters are left when every filter without weights and bias is gone, with all that
    reads it.
    """
    layers, total, sent, lost = [la for la in model if isinstance(la, nn.Conv2d | nn.Linear)], 0, None, 0
    for layer, gone in zip(layers, [*_zero_filters(model), 0], strict=True):
        out, into = layer.weight.shape[:2]
        read = into - (lost * (into // sent) if sent else 0)
        total += (out - gone) * (read * math.prod(layer.weight.shape[2:]) + 1)
        sent, lost = out, gone
    return total


def _same_outputs(model, image, dtype=torch.float32):
    images = torch.randn(16, *image, generator=torch.Generator().manual_seed(412)).to(dtype)
    with torch.no_grad():
        wanted, size = model(images), _smallest(model)

    def judge(small):
        if _parameters(small) > size:
            problem = f"Expected: {size:,} parameters\n  Got:      {_parameters(small):,}"
            if _parameters(small) == _parameters(model):
                return (
                    problem,
                    "Nothing has become smaller. A zero that stands in a tensor takes its four bytes.",
                )
            return (
                problem,
                (
                    "Something is left: a bias of a removed filter, or the channels (behind flatten: columns)"
                    " that read it."
                ),
            )
        with torch.no_grad():
            problem = difference(small(images), wanted)
        if problem and _parameters(small) < size:
            return (
                problem,
                (
                    "Too much is gone. What is not zero is read, however small; a filter without weights but"
                    " with a bias sends a constant."
                ),
            )
        hint = "The size is right, the outputs are not: which channels or columns read the filters that stay?"
        return (problem, hint) if problem else None

    return judge


def without_zero_filters(model):
    return nn.Module  # the form of a result; the judge looks at the rest


def _convolutional(channels, first, second, side, outputs, kernel=3, pool=True):
    layers = [nn.Conv2d(channels, first, kernel), nn.ReLU(), *([nn.MaxPool2d(2)] if pool else [])]
    side = (side - kernel + 1) // (2 if pool else 1) - kernel + 1
    return nn.Sequential(
        *layers,
        nn.Conv2d(first, second, kernel),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(second * side**2, outputs),
    )


def _cases_4_12():
    for about, shape, gone, image, pool in [
        (
            "the example: filter 1 of 3, filters 0 and 2 of 4",
            (1, 3, 4, 10, 2),
            ([1], [0, 2]),
            (1, 10, 10),
            True,
        ),
        ("filters of the first layer only", (2, 5, 3, 12, 4), ([0, 3], []), (2, 12, 12), True),
        ("filters of the second layer only", (1, 4, 6, 8, 3), ([], [5, 0]), (1, 8, 8), False),
        ("nothing to remove", (1, 2, 3, 8, 2), ([], []), (1, 8, 8), False),
        ("all but one filter of each layer", (3, 4, 5, 7, 3), ([0, 1, 3], [1, 2, 3, 4]), (3, 7, 7), False),
    ]:
        model = _convolutional(*shape, pool=pool).eval()
        convolutions = [layer for layer in model if isinstance(layer, nn.Conv2d)]
        with torch.no_grad():
            for layer, filters in zip(convolutions, gone, strict=True):
                layer.weight[filters], layer.bias[filters] = 0, 0
            convolutions[1].weight[:, 0, 0, 0] = 0  # zeros that are no filters
        yield Case(about, (model,), judge=_same_outputs(model, image))
    yield _constant_maps()
    yield from _edges_4_12()


def _edges_4_12():
    """Living filters that look dead, poolings of several kinds, kernels that are not square, float64."""
    for about, pool, kernels, image, dtype in [
        ("a pooling of 3 x 3 with steps of 1", nn.MaxPool2d(3, 1), (3, 2), (2, 10, 10), torch.float32),
        (
            "a mean pooling, kernels that are not square",
            nn.AvgPool2d(2),
            ((1, 3), (2, 1)),
            (1, 8, 8),
            torch.float32,
        ),
        ("no pooling, float64", None, ((3, 1), (1, 3)), (3, 6, 6), torch.float64),
    ]:
        first, second = nn.Conv2d(image[0], 6, kernels[0]), nn.Conv2d(6, 6, kernels[1])
        layers = [first, nn.ReLU(), *([pool] if pool else []), second, nn.ReLU(), nn.Flatten()]
        with torch.no_grad():
            columns = nn.Sequential(*layers)(torch.zeros(1, *image)).shape[1]
            for layer in (first, second):
                layer.weight[[0, 3]], layer.bias[[0, 3]] = 0, 0
                layer.weight[1] *= 1e-9  # small, but not gone
                layer.bias[1] *= 1e-9 if pool else 0  # also without a bias
                line = layer.weight[2].flatten().zero_()
                line[1], line[-1] = 1, -1  # a sum of zero
                layer.weight[2], layer.bias[2] = line.view_as(layer.weight[2]), 0
            second.weight[5, 1] *= 1e9  # and it is read with large weights
            second.weight[5, 0], second.bias[5] = 0, 0  # nothing from the first channel
            first.weight[4] *= 1e5
            first.weight[5].abs_().neg_().view(-1)[0] = 0  # images have both signs, so it lives
            first.bias[5] = 0
            second.weight[4], second.bias[4] = 0, -0.5  # a constant below zero goes through no ReLU
        model = nn.Sequential(*layers, nn.Linear(columns, 3)).to(dtype).eval()
        yield Case(about, (model,), judge=_same_outputs(model, image, dtype))


def _constant_maps():
    model = _convolutional(2, 6, 5, 9, 4, pool=False).eval()
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight[0] = 0
            layer.bias[0] = 1.5  # a constant map is read, too
            layer.weight[1].abs_(), layer.weight[2].abs_().neg_()
            layer.bias[1:4] = 0
            layer.weight[3] = 0
        model[-1].weight[2], model[-1].bias[2] = 0, 0
    about = (
        "filters with a bias but no weights, with weights but no bias, of one sign, and an output of zeros"
        " that must stay"
    )
    return Case(about, (model,), judge=_same_outputs(model, (2, 9, 9)))


ex_4_12 = Exercise(
    "4.12",
    without_zero_filters,
    _cases_4_12,
    verified=(
        "filters of either layer, of both and of none, with and without pooling: equal outputs, the fewest"
        " parameters"
    ),
    hint=(
        "For each convolution: which filters are not zero? Keep those rows here, and what reads them in the"
        " next layer."
    ),
)

"""Exercises of chapter 02: what is left when whole filters go."""

import itertools
import math

import torch

from prunelab.check.core import Case
from prunelab.check.draws import half_up
from prunelab.check.exercise import Exercise

# 2.4 weights_left(shapes, sparsity)


def weights_left(shapes, sparsity, whole=round, last=False, follow=True, pixels=True):
    total, before, out_before = 0, None, None
    for k, (out, into, *kernel) in enumerate(shapes):
        kept = out - whole(sparsity * out) if last or k < len(shapes) - 1 else out
        read = into
        if before is not None and follow:
            each = into // out_before if pixels else 1
            read = into - (out_before - before) * each
        total += kept * read * math.prod(kernel)
        before, out_before = kept, out
    return total


def _edges_2_4():
    for shapes, sparsity in [
        ([(5, 3, 3, 3), (4, 5)], 0.5),
        ([(5, 1)], 0.5),
        ([(3, 4), (3, 3), (2, 3)], 0.5),
        ([(4, 1, 1, 5), (10, 4)], 0.3),
        ([(6, 2, 3, 1), (5, 6, 1, 4), (3, 40), (2, 3)], 0.7),
        ([(5, 2), (3, 45)], 0.3),
        ([(40, 3), (5, 40)], 0.25),
        ([(25, 1), (2, 25)], 0.72),  # 7 / 25 * 25 is a little more than 7
    ]:
        yield Case(f"{shapes}, sparsity {sparsity}", (shapes, sparsity))


def _cases_2_4():
    lenet = [(6, 1, 5, 5), (16, 6, 5, 5), (120, 256), (84, 120), (10, 84)]
    for about, shapes, sparsity in [
        ("the example: two convolutions and a Linear layer", [(4, 1, 3, 3), (8, 4, 3, 3), (10, 32)], 0.5),
        ("LeNet5, sparsity 0.5", lenet, 0.5),
        ("LeNet5, sparsity 0.3", lenet, 0.3),
        ("LeNet-300-100, sparsity 0.9", [(300, 784), (100, 300), (10, 100)], 0.9),
        ("5 filters: 2.5 of them are rounded to 2", [(5, 3, 3, 3), (7, 5, 3, 3), (4, 63)], 0.5),
        ("a flatten with 9 pixels for each channel", [(6, 2, 3, 3), (12, 54)], 0.34),
        ("convolutions only, kernels that are not square", [(4, 3, 1, 5), (9, 4, 3, 2), (2, 9, 1, 1)], 0.25),
        ("a single layer: its outputs stay", [(10, 64)], 0.5),
        ("sparsity too small for any filter", [(4, 2, 3, 3), (5, 4, 3, 3)], 0.05),
        ("sparsity 0", lenet, 0.0),
        (
            "sparsity 1: only the last layer has outputs, and nothing to read",
            [(4, 2, 3, 3), (5, 4, 3, 3), (3, 20)],
            1.0,
        ),
    ]:
        yield Case(f"{about}, {shapes}", (shapes, sparsity))
    yield from _edges_2_4()


ex_2_4 = Exercise(
    "2.4",
    weights_left,
    _cases_2_4,
    verified="convolutions, flattens of 1 to 16 pixels, single layers, halves, sparsity 0 and 1",
    hint=(
        "Per layer: filters left times inputs left times kernel size. The inputs left are what the layer"
        " before still sends."
    ),
    mistakes=[
        (
            "A removed filter is an input less for the next layer: those weights go as well.",
            lambda *a: weights_left(*a, follow=False),
        ),
        (
            "The last layer's outputs are the classes: none of them goes.",
            lambda *a: weights_left(*a, last=True),
        ),
        (
            "Behind a flatten a removed filter takes as many columns with it as it has pixels.",
            lambda *a: weights_left(*a, pixels=False),
        ),
        (
            "How many filters go? The nearest integer, not the next lower one.",
            lambda *a: weights_left(*a, whole=int),
        ),
        (
            "How many filters go? round() takes the even neighbour of a half: round(2.5) is 2.",
            lambda *a: weights_left(*a, whole=half_up),
        ),
        (
            "How many filters go? The nearest integer, not the next higher one.",
            lambda *a: weights_left(*a, whole=math.ceil),
        ),
        (
            "That is how many are gone.",
            lambda shapes, s: sum(map(math.prod, shapes)) - weights_left(shapes, s),
        ),
        (
            "That is a share. The number of weights was asked for.",
            lambda shapes, s: weights_left(shapes, s) / sum(map(math.prod, shapes)),
        ),
        (
            "You prune single weights. Whole filters go, and what reads them.",
            lambda shapes, s: sum(n - round(s * n) for n in map(math.prod, shapes)),
        ),
    ],
)


# 2.5 reached_sparsity(shapes, sparsity)


def _gone(shapes, sparsity, count=round):
    return [(count(sparsity * shape[0]), shape[0], math.prod(shape[1:])) for shape in shapes]


def reached_sparsity(shapes, sparsity, count=round):
    gone = _gone(shapes, sparsity, count)
    return sum(n * size for n, _, size in gone) / sum(total * size for _, total, size in gone)


def _edges_2_5():
    for shapes, sparsity in [
        ([(5, 3, 3, 3), (4, 5)], 0.5),
        ([(5, 1)], 0.5),
        ([(4, 1, 1, 5), (10, 4)], 0.3),
        ([(2, 9), (3, 1, 7, 2)], 0.1),
        ([(7, 2, 1, 1)], 0.643),
        ([(3, 1, 2, 5), (6, 3)], 0.0),
        ([(3, 1, 2, 5), (6, 3)], 1.0),
    ]:
        yield Case(f"{shapes}, sparsity {sparsity}", (shapes, sparsity))


def _cases_2_5():

    def draw(low, high):
        return int(torch.randint(low, high, ()))

    def network(kernel):
        widths = [draw(1, 4), *(draw(3, 12) for _ in range(3))]
        return [(out, into, kernel, kernel) for into, out in itertools.pairwise(widths)]

    for about, shapes, sparsity in [
        ("one layer of 3 filters, sparsity 0.2", [(3, 10, 4, 5)], 0.2),
        ("the example, sparsity 0.3", [(4, 1, 3, 3), (10, 4, 3, 3)], 0.3),
        *(
            (f"random network {i + 1}, sparsity {s}", network(2 * (i % 3) + 1), s)
            for i, s in enumerate([0.35, 0.6, 0.15, 0.45])
        ),
        ("convolutions and a matrix", [(6, 1, 5, 5), (16, 6, 5, 5), (10, 256)], 0.25),
        ("sparsity too small for any filter", [(4, 2, 3, 3), (5, 4, 3, 3)], 0.05),
        ("sparsity 1", [(4, 2, 3, 3), (5, 4, 3, 3)], 1.0),
    ]:
        yield Case(f"{about}, {shapes}", (shapes, sparsity))
    yield from _edges_2_5()


ex_2_5 = Exercise(
    "2.5",
    reached_sparsity,
    _cases_2_5,
    verified="random networks, convolutions and matrices, sparsities that no filter fits, 1",
    hint=(
        "Per layer: the filters that go, times the weights each of them holds. Add up over the layers, divide"
        " by all weights."
    ),
    mistakes=[
        (
            "That is the sparsity asked for. Filters cannot be cut in halves: how many go in each layer?",
            lambda shapes, s: float(s),
        ),
        (
            "That is the share of filters. Filters of different layers hold different numbers of weights.",
            lambda shapes, s: (
                sum(n for n, _, _ in _gone(shapes, s)) / sum(total for _, total, _ in _gone(shapes, s))
            ),
        ),
        (
            "That is the mean over layers, as if all layers were equally large.",
            lambda shapes, s: sum(n / total for n, total, _ in _gone(shapes, s)) / len(shapes),
        ),
        (
            "You round down. The nearest whole number of filters goes.",
            lambda shapes, s: reached_sparsity(shapes, s, count=int),
        ),
        (
            "Half a filter: round(sparsity * out) of them go, and round(2.5) is 2.",
            lambda shapes, s: reached_sparsity(shapes, s, count=lambda filters: int(filters + 0.5)),
        ),
        (
            "You round up. The nearest whole number of filters goes.",
            lambda shapes, s: reached_sparsity(shapes, s, count=math.ceil),
        ),
        (
            "That is what single weights can reach. Here whole filters go, layer by layer.",
            lambda shapes, s: round(s * sum(map(math.prod, shapes))) / sum(map(math.prod, shapes)),
        ),
        (
            "You count input channels. The number of filters is the first dimension.",
            lambda shapes, s: reached_sparsity([(shape[1], shape[0], *shape[2:]) for shape in shapes], s),
        ),
        ("That is the density, the share that is left.", lambda shapes, s: 1 - reached_sparsity(shapes, s)),
        (
            "A sparsity lies between 0 and 1; yours is in percent.",
            lambda shapes, s: 100 * reached_sparsity(shapes, s),
        ),
    ],
)

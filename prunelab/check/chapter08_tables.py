"""Exercises of chapter 08: what a table says."""

import random
import statistics

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 8.1 compression(layers)


def _kept(layers, share=lambda percent: percent / 100):
    return sum(weights * share(percent) for weights, percent in layers.values())


def _whole(layers):
    return sum(weights for weights, _ in layers.values())


def compression(layers):
    return _whole(layers) / _kept(layers)


def _percent(layers):
    return [percent for _, percent in layers.values()]


def _edges_8_1():
    yield Case(
        "layers of one size, names that do not rise", ({"z": (100, 50), "m": (100, 10), "a": (100, 10)},)
    )
    yield Case("a very large layer beside a very small one", ({"fc": (10**9, 0.001), "out": (3, 100)},))


def _cases_8_1():
    for about, layers in {
        "the example: LeNet-300-100 of Han et al.": {
            "fc1": (235_200, 8),
            "fc2": (30_000, 9),
            "fc3": (1_000, 26),
        },
        "LeNet-5 of Han et al.": {
            "conv1": (500, 66),
            "conv2": (25_000, 12),
            "fc1": (400_000, 8),
            "fc2": (5_000, 19),
        },
        "one layer": {"fc": (700, 35)},
        "small layers, whose kept numbers are not whole": {"a": (7, 50), "b": (5, 30), "c": (3, 50)},
        "a layer kept whole and one that is gone": {"conv": (100, 100), "fc1": (900, 0), "fc2": (60, 25.5)},
        "the large layer is the one kept": {"fc1": (90_000, 60), "fc2": (1_000, 1)},
    }.items():
        yield Case(about, (layers,))
    draw = random.Random(81)
    for number in range(12):
        layers = {
            f"layer{i}": (draw.randint(50, 200_000), draw.randint(1, 200) / 2)
            for i in range(draw.randint(2, 6))
        }
        yield Case(f"random table, number {number}, {len(layers)} layers", (layers,))
    yield from _edges_8_1()


ex_8_1 = Exercise(
    "8.1",
    compression,
    _cases_8_1,
    verified="two tables of Han et al., one layer, layers kept whole and gone, 12 random tables",
    hint=(
        "Two sums over the layers: all weights, and the weights that are kept. Divide the first by the"
        " second."
    ),
    mistakes=[
        (
            (
                "You average the percentages. A small layer at 26 % does not count as much as a large one at"
                " 8 %."
            ),
            lambda ls: 100 * len(ls) / sum(_percent(ls)),
        ),
        (
            "You average the layers' ratios. Ratios do not add up, weights do: add first, divide once.",
            lambda ls: statistics.mean(100 / p for p in _percent(ls)),
        ),
        (
            (
                "You average the layers' ratios. Ratios do not add up, not even weighed by size; weights do:"
                " add first, divide once."
            ),
            lambda ls: sum(w * 100 / p for w, p in ls.values()) / _whole(ls),
        ),
        ("Upside down: that is the share kept. A compression is above 1.", lambda ls: _kept(ls) / _whole(ls)),
        (
            "That is the percentage kept. A compression is all weights over those kept.",
            lambda ls: 100 * _kept(ls) / _whole(ls),
        ),
        (
            "A percent is a hundredth: 8 % of the weights is not 8 times the weights.",
            lambda ls: _whole(ls) / _kept(ls, lambda p: p),
        ),
        (
            "The table says what is *kept*, and you divide by what is pruned.",
            lambda ls: _whole(ls) / _kept(ls, lambda p: 1 - p / 100),
        ),
        (
            "That is the sparsity, the share pruned. The question was the compression.",
            lambda ls: 1 - _kept(ls) / _whole(ls),
        ),
        (
            "That is the ratio of the largest layer. The others are kept, too.",
            lambda ls: 100 / max(ls.values())[1],
        ),
        (
            "The number kept need not be whole: leave it as it is.",
            lambda ls: _whole(ls) / sum(w * p // 100 for w, p in ls.values()),
            lambda ls: _whole(ls) / sum(round(w * p / 100) for w, p in ls.values()),
        ),
    ],
)


# 8.2 ratios(weights, biases, nonzeros, value_bits, index_bits)


def ratios(weights, biases, nonzeros, value_bits, index_bits):
    whole, still = 32 * (weights + biases), 32 * biases
    return {
        "weights": weights / nonzeros,
        "parameters": (weights + biases) / (nonzeros + biases),
        "pairs": whole / (64 * nonzeros + still),
        "shared": whole / ((value_bits + index_bits) * nonzeros + 32 * 2**value_bits + still),
    }


def _but(hint, **wrong):
    """Return a hint and the wrong function with some of the ratios replaced (key -> function of the five
    numbers).
    """
    return hint, lambda *args: ratios(*args) | {key: ratio(*args) for key, ratio in wrong.items()}


def _shared(book, code=lambda v, i: v + i):
    return lambda w, b, n, v, i: 32 * (w + b) / (code(v, i) * n + book(v) + 32 * b)


NO_BIASES = "A file holds the biases, too: 32 bits each, in the dense network and in the pruned one."


NO_BIASES_LEFT = "The pruned network still has all its biases, 32 bits each."


NO_INDEX = "A value is of no use without its position: each nonzero weight brings an index."


NO_FLOATS = "The entries of the codebook are floats of 32 bits each."


def _edges_8_2():
    for about, *args in [
        ("a codebook larger than the network", 600, 7, 90, 16, 4),
        ("one weight is left", 5_000, 3, 1, 2, 3),
        ("very many weights", 10**9, 10**6, 10**8, 8, 4),
    ]:
        yield Case(about, tuple(args))


def _cases_8_2():
    draw = random.Random(82)
    for about, *args in [
        ("the example: 1,000 weights, 20 biases, 100 nonzeros", 1_000, 20, 100, 4, 5),
        ("LeNet-300-100 at 8 %, 6 and 5 bits", 266_200, 410, 21_776, 6, 5),
        ("LeNet-300-100 at 1.5 %, 8 and 8 bits", 266_200, 410, 3_993, 8, 8),
        ("no biases", 4_096, 0, 512, 3, 4),
        ("nothing pruned, one bit per value", 600, 30, 600, 1, 1),
        *(
            (
                f"random numbers, number {n}",
                draw.randint(5_000, 400_000),
                draw.randint(1, 900),
                draw.randint(50, 5_000),
                draw.randint(1, 10),
                draw.randint(2, 16),
            )
            for n in range(8)
        ),
    ]:
        yield Case(about, tuple(args))
    yield from _edges_8_2()


ex_8_2 = Exercise(
    "8.2",
    ratios,
    _cases_8_2,
    verified="LeNet-300-100 twice, no biases, nothing pruned, 8 random networks",
    hint=(
        "Each is dense over pruned. Count what stands below, one thing at a time: values, indices, biases,"
        " the codebook."
    ),
    mistakes=[
        _but('"parameters" counts the biases, above and below.', parameters=lambda w, b, n, v, i: w / n),
        _but(
            "Biases are never pruned: they are among the parameters that are left.",
            parameters=lambda w, b, n, v, i: (w + b) / n,
        ),
        _but(
            "The dense network has biases, too: count them above as well as below.",
            parameters=lambda w, b, n, v, i: w / (n + b),
        ),
        _but(NO_INDEX, pairs=lambda w, b, n, v, i: (w + b) / (n + b)),
        _but(NO_INDEX, shared=_shared(lambda v: 32 * 2**v, lambda v, i: v)),
        _but(
            NO_INDEX,
            pairs=lambda w, b, n, v, i: (w + b) / (n + b),
            shared=_shared(lambda v: 32 * 2**v, lambda v, i: v),
        ),
        _but(NO_BIASES, pairs=lambda w, b, n, v, i: w / (2 * n)),
        _but(NO_BIASES, shared=lambda w, b, n, v, i: 32 * w / ((v + i) * n + 32 * 2**v)),
        _but(
            NO_BIASES,
            pairs=lambda w, b, n, v, i: w / (2 * n),
            shared=lambda w, b, n, v, i: 32 * w / ((v + i) * n + 32 * 2**v),
        ),
        _but(NO_BIASES_LEFT, pairs=lambda w, b, n, v, i: (w + b) / (2 * n)),
        _but(NO_BIASES_LEFT, shared=lambda w, b, n, v, i: 32 * (w + b) / ((v + i) * n + 32 * 2**v)),
        _but(
            NO_BIASES_LEFT,
            pairs=lambda w, b, n, v, i: (w + b) / (2 * n),
            shared=lambda w, b, n, v, i: 32 * (w + b) / ((v + i) * n + 32 * 2**v),
        ),
        _but(
            "Biases need no index: none of them is gone, so the places are known.",
            pairs=lambda w, b, n, v, i: (w + b) / (2 * (n + b)),
        ),
        _but(
            "Biases are not shared: floats without an index.",
            shared=lambda w, b, n, v, i: 32 * (w + b) / ((v + i) * (n + b) + 32 * 2**v),
        ),
        _but(
            "A code says nothing without its codebook: 2**value_bits floats, stored once.",
            shared=_shared(lambda v: 0),
        ),
        _but(
            "How many values can codes of value_bits bits tell apart? So many floats has the codebook.",
            shared=_shared(lambda v: 32 * v),
        ),
        _but(NO_FLOATS, shared=_shared(lambda v: 2**v)),
        _but(NO_FLOATS, shared=_shared(lambda v: v * 2**v)),
        _but(
            "There is one codebook for the whole network, not one per weight.",
            shared=lambda w, b, n, v, i: 32 * (w + b) / ((v + i + 32 * 2**v) * n + 32 * b),
        ),
        (
            "Upside down: the dense network stands above, the pruned one below.",
            lambda *args: {name: 1 / ratio for name, ratio in ratios(*args).items()},
        ),
    ],
)

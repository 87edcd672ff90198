"""Exercises of chapter 07.1: break-even, and the format for a budget."""

import math

import torch

from prunelab.check.core import Case
from prunelab.check.draws import gaps_with_filler, sparse_matrix
from prunelab.check.exercise import Exercise

# 7.3 break_even(value_bits, index_bits, columns)


def break_even(value_bits, index_bits, columns):
    return max(0.0, (value_bits - 32 / columns) / (value_bits + index_bits))


def _edges_7_3():
    for value_bits, index_bits, columns in [(32, 0, 1), (33, 5, 1), (4, 12, 5), (16, 16, 100_000)]:
        yield Case(f"{value_bits}, {index_bits} bits, {columns} columns", (value_bits, index_bits, columns))


def _cases_7_3():
    for value_bits, index_bits, columns in [
        (32, 32, 64),
        (32, 16, 784),
        (16, 32, 100),
        (8, 16, 10),
        (64, 32, 9),
        (8, 16, 2),
        (5, 10, 300),
    ]:
        about = f"values of {value_bits} bits, column numbers of {index_bits} bits, {columns} columns"
        yield Case(about, (value_bits, index_bits, columns))
    yield from _edges_7_3()


ex_7_3 = Exercise(
    "7.3",
    break_even,
    _cases_7_3,
    verified="several widths, narrow matrices, and one that never pays",
    hint=(
        "Per row: dense takes columns * V bits, CSR takes density * columns * (V + i) + 32. Solve for the"
        " density."
    ),
    mistakes=[
        (
            "The row starts cost something too: 32 bits per row, so 32 / columns bits per weight.",
            lambda v, i, c: v / (v + i),
        ),
        (
            "CSR stores one index per value, the column. Two would be COO.",
            lambda v, i, c: (v - 32 / c) / (v + 2 * i),
        ),
        ("Density is the share of nonzeros. You gave the sparsity.", lambda v, i, c: 1 - break_even(v, i, c)),
        (
            "A density is never negative: if even an empty matrix costs more, the answer is 0.0.",
            lambda v, i, c: (v - 32 / c) / (v + i),
        ),
        (
            "Too low. A nonzero costs V + i bits, and all `columns` weights of a row share its 32 bits.",
            lambda v, i, c: max(0.0, (v - 32) / (v + i)),
        ),
        ("A nonzero costs its value and its index, V + i bits together.", lambda v, i, c: (v - 32 / c) / i),
        (
            (
                "Set the two sizes equal: V bits for every weight = V + i bits for each nonzero, and the row"
                " starts."
            ),
            lambda v, i, c: i / (v + i),
        ),
    ],
)


# 7.6 choose_format(weight, budget)


def _format_sizes(weight):
    nonzeros, elements = int(weight.count_nonzero()), weight.numel()
    entries = len(gaps_with_filler(weight.flatten(), 5)[0])
    return {
        "dense": 4 * elements,
        "csr": nonzeros * (4 + 2) + 4 * (weight.shape[0] + 1),
        "bitmap": 4 * nonzeros + math.ceil(elements / 8),
        "gap": 4 * entries + math.ceil(5 * entries / 8),
    }


def choose_format(weight, budget, sizes=_format_sizes):
    return next((name for name, size in sizes(weight).items() if size <= budget), "none")


def _changed_sizes(**changes):
    return lambda weight: _format_sizes(weight) | {name: change(weight) for name, change in changes.items()}


def _values_only(weight):
    return dict.fromkeys(_format_sizes(weight), 4 * int(weight.count_nonzero())) | {
        "dense": 4 * weight.numel()
    }


def _edges_7_6():
    small = torch.tensor([[0.0, 1.5, 0.0], [0.0, 0.0, 2.5]])
    for budget in (24, 23, 9, 8):
        yield Case(f"the 6 weights of the notebook, {budget} bytes", (small, budget))
    wide = torch.zeros(1, 200)
    wide[0, 31], wide[0, 63] = 1e-9, -1e9
    for budget in (10, 9, 33, 20, 19):
        yield Case(f"one row, gaps of exactly 32, {budget} bytes", (wide, budget))
    far = torch.zeros(1, 200)
    far[0, 150] = 0.5
    for budget in (24, 23, 19, 10):
        yield Case(f"one nonzero behind four fillers, {budget} bytes", (far, budget))
    late = torch.zeros(1, 40)
    late[0, 32] = 0.5
    for budget in (9, 8, 5):
        yield Case(f"the first nonzero is just out of reach, {budget} bytes", (late, budget))
    for shape in ((1, 1), (3, 3), (5, 7), (2, 64)):
        weight = sparse_matrix(*shape, 0.4)
        for size in _format_sizes(weight).values():
            yield Case(f"{shape}, {size} bytes", (weight, size))
            yield Case(f"{shape}, {size - 1} bytes", (weight, size - 1))


def _cases_7_6():
    example = sparse_matrix(20, 50, 0.1)
    yield Case("the example, a tenth of 1000 weights, 620 bytes", (example, 620))
    for about, weight in [
        ("the example", example),
        ("2 % of (30, 200) weights", sparse_matrix(30, 200, 0.02)),
        ("40 % of (10, 64) weights", sparse_matrix(10, 64, 0.4)),
    ]:
        for size in _format_sizes(weight).values():
            yield Case(f"{about}, a budget of {size} bytes", (weight, size))
            yield Case(f"{about}, a budget of {size - 1} bytes", (weight, size - 1))
    yield from _edges_7_6()


ex_7_6 = Exercise(
    "7.6",
    choose_format,
    _cases_7_6,
    verified="three densities, budgets that fit to the byte and budgets one byte short",
    hint=(
        "Compute the exact bytes of all four, then take the first of dense, csr, bitmap, gap that is within"
        " the budget."
    ),
    mistakes=[
        (
            "A gap beyond 32 needs fillers, and each is an entry of its own: value and gap.",
            lambda w, b: choose_format(
                w, b, _changed_sizes(gap=lambda w: math.ceil(37 * int(w.count_nonzero()) / 8))
            ),
        ),
        (
            "CSR's row starts take 32 bits each, and there is one more than there are rows.",
            lambda w, b: choose_format(w, b, _changed_sizes(csr=lambda w: 6 * int(w.count_nonzero()))),
            lambda w, b: choose_format(
                w, b, _changed_sizes(csr=lambda w: 6 * int(w.count_nonzero()) + 4 * w.shape[0])
            ),
        ),
        (
            "CSR takes 4 bytes for a value, 2 for its column (16 bits), 4 for each row start.",
            lambda w, b: choose_format(
                w, b, _changed_sizes(csr=lambda w: 8 * int(w.count_nonzero()) + 4 * (w.shape[0] + 1))
            ),
        ),
        (
            "A bitmap has one bit per weight, not one byte, and it comes before gap.",
            lambda w, b: choose_format(
                w, b, _changed_sizes(bitmap=lambda w: 4 * int(w.count_nonzero()) + w.numel())
            ),
        ),
        (
            "The first one that fits is asked for, not the smallest: earlier formats are faster to use.",
            lambda w, b: (
                min(_format_sizes(w), key=_format_sizes(w).get)
                if min(_format_sizes(w).values()) <= b
                else "none"
            ),
        ),
        (
            "The order is dense, csr, bitmap, gap: the first one that fits is asked for.",
            lambda w, b: next((n for n, s in reversed(_format_sizes(w).items()) if s <= b), "none"),
        ),
        (
            "A size of exactly the budget fits.",
            lambda w, b: next((n for n, s in _format_sizes(w).items() if s < b), "none"),
        ),
        (
            "Positions take bytes too. You count the values only.",
            lambda w, b: choose_format(w, b, _values_only),
        ),
    ],
)

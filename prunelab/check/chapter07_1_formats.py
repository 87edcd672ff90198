"""Exercises of chapter 07.1: the format for a budget."""

import math

from prunelab.check.core import Case
from prunelab.check.draws import gaps_with_filler, sparse_matrix
from prunelab.check.exercise import Exercise

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
            "CSR has row starts as well: 32 bits each, one more than there are rows.",
            lambda w, b: choose_format(w, b, _changed_sizes(csr=lambda w: 6 * int(w.count_nonzero()))),
        ),
        (
            "CSR has one row start more than there are rows.",
            lambda w, b: choose_format(
                w, b, _changed_sizes(csr=lambda w: 6 * int(w.count_nonzero()) + 4 * w.shape[0])
            ),
        ),
        (
            "The column numbers of this exercise have 16 bits, not 32.",
            lambda w, b: choose_format(
                w, b, _changed_sizes(csr=lambda w: 8 * int(w.count_nonzero()) + 4 * (w.shape[0] + 1))
            ),
        ),
        (
            "A bitmap has one bit per weight, not one byte.",
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

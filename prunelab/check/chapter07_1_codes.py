"""Exercises of chapter 07.1: quantised and sparse, every byte counted."""

import math

import torch

from prunelab.check.core import Case
from prunelab.check.draws import half_up
from prunelab.check.exercise import Exercise

# 7.10 coded_bytes(weight, value_bits, index_bits)


def _codes(row, levels, whole=round):
    scale = max(map(abs, row), default=0.0) / levels
    return [whole(value / scale) if scale else 0 for value in row], scale


def coded_bytes(
    weight,
    value_bits,
    index_bits,
    levels=lambda bits: 2 ** (bits - 1) - 1,
    whole=round,
    overhead=lambda rows: 32 * (rows + 1) + 32 * rows,
    stored=lambda code, value: code != 0,
    to_bytes=lambda bits: math.ceil(bits / 8),
    per_row=True,
):
    rows = weight.double().tolist()
    if not per_row:
        rows = [[value for row in rows for value in row]]
    count, worst = 0, 0.0
    for row in rows:
        codes, scale = _codes(row, levels(value_bits), whole)
        count += sum(stored(code, value) for code, value in zip(codes, row, strict=True))
        worst = max([worst, *(abs(v - scale * code) for code, v in zip(codes, row, strict=True))])
    return to_bytes(count * (value_bits + index_bits) + overhead(len(weight))), worst


def _cases_7_10():
    yield Case("the example, 4-bit codes, 5-bit columns", (EXAMPLE_7_10, 4, 5))
    for about, weight, value_bits, index_bits in [
        ("a (6, 20) weight, 8 and 16 bits", torch.randn(6, 20), 8, 16),
        (
            "rows of very different size",
            torch.randn(4, 9) * torch.tensor([[1e-9], [1.0], [1e3], [1e9]]),
            4,
            4,
        ),
        ("2-bit codes: -1, 0 and 1", torch.randn(5, 7), 2, 3),
        ("halves go to the even code", torch.tensor([[7.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.0]]), 4, 3),
        ("a row of zeros, some values equal", torch.tensor([[0.0, 0, 0], [1, -1, 1], [2, 2, 0.25]]), 3, 2),
        ("half of the weights pruned", torch.randn(8, 8) * (torch.rand(8, 8) < 0.5), 6, 3),
        ("float64", torch.randn(3, 4, dtype=torch.float64), 5, 2),
        (
            "a little more than a half, float64",
            torch.tensor([[7.0, 0.5 + 1e-9, -0.5]], dtype=torch.float64),
            4,
            3,
        ),
        ("a half in float32 that is more in float64", torch.tensor([[3.0, 0.1, -3.0]]), 5, 3),
        ("a single weight", torch.tensor([[-0.5]]), 8, 1),
        ("nothing but zeros", torch.zeros(2, 3), 8, 8),
        ("12-bit codes", torch.randn(3, 40), 12, 7),
    ]:
        yield Case(about, (weight, value_bits, index_bits))


EXAMPLE_7_10 = torch.tensor([[7.0, 0.25, -3.0, 0.0], [0.0, 0.5, 0.0, -0.5]])


ex_7_10 = Exercise(
    "7.10",
    coded_bytes,
    _cases_7_10,
    verified="codes of 2 to 12 bits, halves, rows of zeros and of very different size, both float types",
    hint=(
        "Per row: scale, codes, the codes that are not 0. Then the bits of those, and what every row takes;"
        " bytes at the end."
    ),
    mistakes=[
        (
            "A code has a sign, and it takes one of the bits: the largest code is 2**(value_bits - 1) - 1.",
            lambda w, v, i: coded_bytes(w, v, i, levels=lambda bits: 2**bits - 1),
            lambda w, v, i: coded_bytes(w, v, i, levels=lambda bits: 2 ** (bits - 1)),
        ),
        (
            "A small weight may get the code 0. Such a weight is not stored: pruning and rounding meet here.",
            lambda w, v, i: coded_bytes(w, v, i, stored=lambda code, value: value != 0),
        ),
        (
            "The positions take bits, too: each stored code has its column number beside it.",
            lambda w, v, i: coded_bytes(w, v, 0),
        ),
        (
            "Every weight is stored here. Which codes need not be?",
            lambda w, v, i: coded_bytes(w, v, i, stored=lambda code, value: True),
        ),
        (
            "Each row has a scale of its own, and its 32 bits are in the file.",
            lambda w, v, i: coded_bytes(w, v, i, overhead=lambda rows: 32 * (rows + 1)),
        ),
        (
            "The row starts: 32 bits for each row, and one more for the end.",
            lambda w, v, i: coded_bytes(w, v, i, overhead=lambda rows: 64 * rows),
            lambda w, v, i: coded_bytes(w, v, i, overhead=lambda rows: 32 * rows),
        ),
        ("The scale is that of a row, not of the whole matrix.", lambda *a: coded_bytes(*a, per_row=False)),
        (
            "The nearest code, and of a half the even one, as round() does.",
            lambda *a: coded_bytes(*a, whole=half_up),
            lambda *a: coded_bytes(*a, whole=int),
        ),
        ("Those are bits. A byte has eight.", lambda *a: coded_bytes(*a, to_bytes=int)),
        (
            "A last byte that is not full counts as a byte.",
            lambda *a: coded_bytes(*a, to_bytes=lambda bits: bits // 8),
        ),
    ],
)

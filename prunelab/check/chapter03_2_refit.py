"""Exercises of chapter 03.2: a row fitted anew."""

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 3.6 refit_row(row, hessian, kept)


def refit_row(row, hessian, kept):
    inside = [i for i, stays in enumerate(kept.tolist()) if stays]
    result = torch.zeros_like(row)
    if inside:
        matrix = [[hessian[i, j].item() for j in inside] for i in inside]
        wanted = [sum(hessian[i, j].item() * row[j].item() for j in range(len(row))) for i in inside]
        result[inside] = torch.linalg.solve(
            torch.tensor(matrix, dtype=row.dtype), torch.tensor(wanted, dtype=row.dtype)
        )
    return result


def _placed(row, kept, values):
    result = torch.zeros_like(row)
    result[kept] = values
    return result


def _inside(hessian, kept):
    return hessian[kept][:, kept]


def _edges_3_6():
    three = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    inputs = torch.tensor([[2.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 4.0]], dtype=torch.float64)
    for about, row, matrix, kept in [
        ("one of several stays", three, inputs, [False, True, False]),
        ("the first alone stays", three, inputs, [True, False, False]),
        ("very small weights", 1e-9 * three, inputs, [True, False, True]),
        ("very large weights", 1e9 * three, inputs, [True, False, True]),
        (
            "float32, weights that are zero and equal",
            torch.tensor([0.0, 1.0, 1.0]),
            inputs.float(),
            [True, True, False],
        ),
        ("a single weight", three[:1], inputs[:1, :1], [True]),
    ]:
        yield Case(about, (row, matrix, torch.tensor(kept)))


def _cases_3_6():
    row = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    hessian = torch.tensor([[2.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 2.0]], dtype=torch.float64)
    kept = torch.tensor([True, False, True])
    yield Case("the example, the weight in the middle goes", (row, hessian, kept))
    for n, some in [(4, [0, 1]), (6, [1, 2, 5]), (10, [0, 3, 4, 8, 9])]:
        x = torch.randn(3 * n, n, dtype=torch.float64)
        kept = torch.zeros(n, dtype=torch.bool)
        kept[some] = True
        row = torch.randn(n, dtype=torch.float64)
        yield Case(f"{n} inputs, {len(some)} kept", (row, x.T @ x / n, kept))
    row = torch.tensor([1.0, -2.0], dtype=torch.float64)
    matrix = torch.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=torch.float64)
    for about, kept in (
        ("all kept", torch.tensor([True, True])),
        ("none kept", torch.tensor([False, False])),
    ):
        yield Case(about, (row, matrix, kept))
    yield from _edges_3_6()


ex_3_6 = Exercise(
    "3.6",
    refit_row,
    _cases_3_6,
    verified="rows of 2 to 10 weights, everything kept, nothing kept",
    hint=(
        "Set the derivative of the squared output error by each kept weight to zero: a linear system in the"
        " kept weights."
    ),
    mistakes=[
        (
            (
                "The kept weights have not moved. What did the removed ones contribute, and who can take it"
                " over?"
            ),
            lambda w, h, k: w * k,
        ),
        (
            "A part of the inverse is not the inverse of the part: cut the Hessian first, then solve.",
            lambda w, h, k: _placed(w, k, torch.linalg.inv(h)[k][:, k] @ (h @ w)[k]),
        ),
        (
            "You take the removed weights' part away once more. The kept ones have to add it.",
            lambda w, h, k: _placed(w, k, w[k] - torch.linalg.solve(_inside(h, k), h[k][:, ~k] @ w[~k])),
        ),
        (
            "The right side is what the whole dense row gives, H w, not the weights themselves.",
            lambda w, h, k: _placed(w, k, torch.linalg.solve(_inside(h, k), w[k])),
        ),
        (
            "That is only what the removed weights leave behind. The kept weights' own part is missing.",
            lambda w, h, k: _placed(w, k, torch.linalg.solve(_inside(h, k), h[k][:, ~k] @ w[~k])),
        ),
        (
            (
                "The kept inputs depend on each other: solve with the block of the Hessian, not with its"
                " diagonal."
            ),
            lambda w, h, k: _placed(w, k, (h @ w)[k] / h.diagonal()[k]),
        ),
        ("True means kept: you fit the weights that should be zero.", lambda w, h, k: refit_row(w, h, ~k)),
    ],
)

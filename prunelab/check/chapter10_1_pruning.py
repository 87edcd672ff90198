"""Exercises of chapter 10.1: Wanda, and a column of SparseGPT."""

import math

import torch

from prunelab.check.compare import difference, says
from prunelab.check.core import Case
from prunelab.check.draws import EXACTLY_ZERO
from prunelab.check.exercise import Exercise

# 10.2 wanda_mask(weight, inputs, sparsity)


def wanda_mask(weight, inputs, sparsity, squared=False, norm=True, rows=True, keep_low=False, cut=round):
    columns = weight.shape[1]
    reads = inputs.reshape(-1, columns).double().T.tolist()
    norms = [math.sqrt(sum(v * v for v in column)) if norm else 1.0 for column in reads]
    score = [
        [abs(w) * n if not squared else abs(w) * n * n for w, n in zip(row, norms, strict=True)]
        for row in weight.tolist()
    ]
    mask = [[True] * columns for _ in score]
    if not rows:
        order = sorted((s, i, j) for i, row in enumerate(score) for j, s in enumerate(row))
        for _, i, j in order[: cut(sparsity * len(order))]:
            mask[i][j] = False
    for i, row in enumerate(score if rows else []):
        order = sorted(range(columns), key=lambda j: (-row[j] if keep_low else row[j], j))
        for j in order[: cut(sparsity * columns)]:
            mask[i][j] = False
    return torch.tensor(mask)


def _edges_10_2():
    ones = torch.ones(1, 2)
    zeros = torch.tensor([[0.0, 0.0, 0.0, 2.0], [1.0, 0.0, 3.0, 0.0]])
    for about, weight, inputs, sparsity in [
        ("the norm over all texts", ones, torch.tensor([[[3.0, 2.0]], [[0.0, 2.0]]]), 0.5),
        ("half of five inputs: 2.5 is rounded to 2", torch.randn(3, 5), torch.randn(2, 2, 5), 0.5),
        ("a quarter of twenty inputs", torch.randn(2, 20), torch.randn(2, 3, 20), 0.25),
        ("rows with more zeros than go", zeros, torch.rand(2, 3, 4) + 0.5, 0.25),
        (
            "inputs that lie in memory in another order",
            torch.randn(2, 3),
            torch.randn(4, 3, 5).transpose(1, 2),
            0.4,
        ),
        ("very small numbers", 1e-9 * torch.randn(3, 4), 1e-9 * torch.randn(2, 3, 4), 0.5),
        ("very large numbers", 1e9 * torch.randn(3, 4), 1e9 * torch.randn(2, 3, 4), 0.5),
        (
            "scores that differ in the last digits, float64",
            1 + 1e-12 * torch.randperm(4).double().view(1, 4),
            torch.ones(1, 1, 4).double(),
            0.5,
        ),
        ("some scores equal", torch.tensor([[2.0, -1, 1, 1, 3]]), torch.ones(1, 1, 5), 0.4),
        ("a single weight", torch.tensor([[0.5]]), torch.ones(1, 1, 1), 1.0),
    ]:
        yield Case(about, (weight, inputs, sparsity))


def _cases_10_2():
    weight = torch.tensor([[1.0, -2.0, 3.0, 0.5], [4.0, 0.25, -1.0, 2.0]])
    inputs = torch.tensor(
        [[[4.0, 1.0, 0.5, 2.0], [0.0, 1.0, 0.0, 0.0]], [[3.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 2.0]]]
    )
    yield Case("the example, half of each row", (weight, inputs, 0.5))
    for rows, columns, texts, places, sparsity in [
        (3, 8, 4, 5, 0.25),
        (6, 5, 2, 3, 0.7),
        (4, 16, 1, 9, 0.9),
        (5, 6, 3, 4, 0.0),
    ]:
        x = torch.randn(texts, places, columns) * torch.rand(columns).mul(3).exp()
        yield Case(
            f"a ({rows}, {columns}) weight, {sparsity:.0%} of each row",
            (torch.randn(rows, columns), x, sparsity),
        )
    signs = torch.tensor([[1.0, -1.0, 1.0, -1.0], [-2.0, 2.0, 2.0, -2.0]])
    yield Case("all scores alike: the earlier position goes first", (signs, torch.ones(2, 3, 4), 0.5))
    yield Case(
        "an input that is always zero",
        (torch.tensor([[9.0, 1.0, 2.0, 3.0]]), torch.tensor([[[0.0, 1.0, 1.0, 1.0]]]), 0.25),
    )
    yield Case("3.5 of 7 and everything", (torch.randn(2, 7), torch.randn(2, 2, 7), 0.5))
    yield Case("everything goes", (torch.randn(2, 3), torch.randn(1, 2, 3), 1.0))
    yield from _edges_10_2()


ex_10_2 = Exercise(
    "10.2",
    wanda_mask,
    _cases_10_2,
    verified="several shapes, ties, a dead input, nothing and everything pruned",
    hint=(
        "Scores first: size of the weight times the L2 norm of its input over all places. Then rank every row"
        " by itself."
    ),
    mistakes=[
        (
            "Each output unit loses the same share: rank the rows one by one.",
            lambda w, x, s: wanda_mask(w, x, s, rows=False),
        ),
        (
            "Only the weights are looked at so far. What do the inputs say?",
            lambda w, x, s: wanda_mask(w, x, s, norm=False),
        ),
        ("The norm counts once, not squared.", lambda w, x, s: wanda_mask(w, x, s, squared=True)),
        ("Low scores go, high ones stay.", lambda w, x, s: wanda_mask(w, x, s, keep_low=True)),
        (
            "How many go is rounded, as in keep_top.",
            lambda w, x, s: wanda_mask(w, x, s, cut=math.floor),
            lambda w, x, s: wanda_mask(w, x, s, cut=math.ceil),
        ),
        (
            "A weight is large when its size is: its sign does not matter.",
            lambda w, x, s: wanda_mask(w - w.min() + 1, x, s),
        ),
        (
            "All places of all texts belong to the norm, not the first text alone.",
            lambda w, x, s: wanda_mask(w, x[:1], s),
        ),
        (
            "A sum of inputs lets signs cancel; a norm does not.",
            lambda w, x, s: wanda_mask(w, x.sum((0, 1), keepdim=True), s),
        ),
    ],
)


# 10.3 sparsegpt_step(weight, kept, factor, j)


def sparsegpt_step(weight, kept, factor, j, backwards=False, squared=False, forget=False, all_rows=False):
    rows = [list(row) for row in weight.tolist()]
    u = factor.tolist()
    for row, stays in zip(rows, kept.tolist(), strict=True):
        if stays and not all_rows:
            continue
        error = row[j] / (u[j][j] ** 2 if squared else u[j][j])
        for k in range(0 if backwards else j, len(row)):
            row[k] -= error * (u[k][j] if backwards else u[j][k])
        row[j] = 0.0 if not forget else weight.tolist()[0][j]
    return torch.tensor(rows, dtype=weight.dtype)


def _factor(n):
    root = torch.randn(n + 3, n, dtype=torch.float64)
    return torch.linalg.cholesky(torch.linalg.inv(root.T @ root / n + 0.1 * torch.eye(n)), upper=True)


def _exactly(args):
    """A weight that is gone is zero to the last bit: masks are made of zeros."""
    expected, (_, kept, _, j) = sparsegpt_step(*args), args

    def judge(result):
        problem = difference(result, expected)
        if problem is None and result[~kept, j].any():
            left = result[~kept, j].abs().max().item()
            return says(f"0.0 in column {j} of every row that loses its weight", left), EXACTLY_ZERO
        return problem

    return judge


def _edges_10_3():
    for number in range(20):
        kept = torch.rand(8) < 0.25
        args = (torch.randn(8, 6, dtype=torch.float64), kept, _factor(6), number % 6)
        yield Case(f"8 rows, column {number % 6} of 6, number {number}", args, judge=_exactly(args))
    for about, scale, dtype in [
        ("very small weights", 1e-9, torch.float64),
        ("very large weights, float32", 1e9, torch.float32),
    ]:
        weight = (scale * torch.tensor([[1.0, 1.0, -2.0], [0.0, 3.0, 1.0], [0.0, 0.0, 0.5]])).to(dtype)
        args = (weight, torch.tensor([False, True, False]), _factor(3).to(dtype), 1)
        yield Case(about, args, judge=_exactly(args))
    zeros = torch.tensor([[0.0, 2.0, 0.0, 1.0], [0.0, -1.0, 0.0, 0.0]], dtype=torch.float64)
    args = (zeros, torch.tensor([False, False]), _factor(4), 1)
    yield Case("zeros to the right of the column, which move like any weight", args, judge=_exactly(args))
    args = (torch.tensor([[0.5]]), torch.tensor([False]), torch.tensor([[2.0]]), 0)
    yield Case("a single weight", args, judge=_exactly(args))


def _cases_10_3():
    weight = torch.tensor([[1.0, 2.0, 4.0], [3.0, -2.0, 1.0]], dtype=torch.float64)
    factor = torch.tensor([[2.0, 1.0, 0.0], [0.0, 2.0, -1.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    yield Case("the example, column 1", (weight, torch.tensor([False, True]), factor, 1))
    for rows, n, j in [(4, 5, 0), (3, 6, 3), (5, 4, 3), (1, 8, 2)]:
        kept = torch.rand(rows) > 0.5
        kept[0] = False
        yield Case(
            f"{rows} rows, column {j} of {n}",
            (torch.randn(rows, n, dtype=torch.float64), kept, _factor(n), j),
        )
    yield Case(
        "every row keeps the column",
        (torch.randn(3, 4, dtype=torch.float64), torch.ones(3) > 0, _factor(4), 1),
    )
    yield Case("no row keeps it", (torch.randn(3, 4, dtype=torch.float64), torch.zeros(3) > 0, _factor(4), 2))
    yield from _edges_10_3()


ex_10_3 = Exercise(
    "10.3",
    sparsegpt_step,
    _cases_10_3,
    verified="first, middle and last columns, all rows and none",
    hint=(
        "Each row has one error, weight over diagonal element, or 0 if it keeps the weight. Row j of the"
        " factor spreads it."
    ),
    mistakes=[
        (
            "Columns before j are settled. Row j of the factor is zero there; its column j is not.",
            lambda w, k, u, j: sparsegpt_step(w, k, u, j, backwards=True),
        ),
        (
            "A row that keeps its weight has no error to make up for.",
            lambda w, k, u, j: sparsegpt_step(w, k, u, j, all_rows=True),
            lambda w, k, u, j: sparsegpt_step(w, ~k, u, j),
        ),
        (
            (
                "Put the step into the formula: the weight must come out as exactly zero. The diagonal"
                " element divides once."
            ),
            lambda w, k, u, j: sparsegpt_step(w, k, u, j, squared=True),
            lambda w, k, u, j: w - torch.outer(torch.where(k, 0, w[:, j]), u[j]),
        ),
        (
            "The others have not moved. What makes up for the loss?",
            lambda w, k, u, j: torch.where((torch.arange(w.shape[1]) == j) & ~k[:, None], 0, w),
        ),
        (
            "The step goes against the error.",
            lambda w, k, u, j: w + torch.outer(torch.where(k, 0, w[:, j]) / u[j, j], u[j]),
        ),
    ],
)

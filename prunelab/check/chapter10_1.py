"""Exercises of chapter 10.1: language models."""

import math

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 10.1 bits(logits, numbers)


def bits(logits, numbers):
    total = 0.0
    for row, number in zip(logits.double().tolist(), numbers.tolist()[1:], strict=True):
        highest = max(row)
        total += math.log2(sum(math.exp(v - highest) for v in row)) - (row[number] - highest) / math.log(2)
    return total / len(logits)


def _log_p(logits):
    return logits.double().log_softmax(1)


def _picked(logits, numbers):
    return _log_p(logits)[torch.arange(len(logits)), numbers]


def _cases_10_1():
    logits = torch.log(
        torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75], [0.25, 0.5, 0.25]], dtype=torch.float64)
    )
    yield Case("the example, three predictions", (logits, torch.tensor([2, 0, 0, 1])))
    for about, places, characters, dtype in [
        ("7 places, 5 characters", 7, 5, torch.float32),
        ("40 places, 85 characters, float64", 40, 85, torch.float64),
        ("a single prediction", 1, 4, torch.float32),
        ("two characters", 9, 2, torch.float32),
    ]:
        yield Case(
            about,
            (3 * torch.randn(places, characters, dtype=dtype), torch.randint(characters, (places + 1,))),
        )
    yield Case("large logits", (torch.tensor([[1000.0, 990.0], [-1000.0, -1001.0]]), torch.tensor([0, 1, 0])))


ex_10_1 = Exercise(
    "10.1",
    bits,
    _cases_10_1,
    verified="several alphabets, a single prediction, logits of a thousand",
    hint=(
        "The prediction at place t is about the character at place t + 1; its surprise is minus the logarithm"
        " of its probability."
    ),
    mistakes=[
        (
            "Natural logarithms give nats. A bit is a factor of two.",
            lambda logits, n: -_picked(logits, n[1:]).mean().item(),
        ),
        (
            "Which character does the prediction at place 0 speak about? Not the one that was just read.",
            lambda logits, n: -_picked(logits, n[:-1]).mean().item() / math.log(2),
        ),
        (
            "A mean over the characters, not a sum.",
            lambda logits, n: -_picked(logits, n[1:]).sum().item() / math.log(2),
        ),
        (
            "The surprise of something possible is never negative.",
            lambda logits, n: _picked(logits, n[1:]).mean().item() / math.log(2),
        ),
        (
            "Take the logarithm of each probability first, and the mean then.",
            lambda logits, n: -math.log2(max(_picked(logits, n[1:]).exp().mean().item(), 1e-300)),
        ),
        ("That is perplexity: two to the power of the answer.", lambda logits, n: 2 ** bits(logits, n)),
    ],
)


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

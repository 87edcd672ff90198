"""Exercises of chapter 02: filters with what reads them, and blocks."""

import math

import torch

from prunelab.check.core import Case
from prunelab.check.draws import half_up
from prunelab.check.exercise import Exercise

# 2.1 coupled_scores(weight, next_weight)


def coupled_scores(weight, next_weight, combine=lambda a, b: math.sqrt(a + b), power=2, columns=None):
    filters = len(weight)
    pixels = next_weight.shape[1] // filters
    columns = columns or (lambda k: range(k * pixels, (k + 1) * pixels))
    scores = []
    for k in range(filters):
        own = sum(abs(value) ** power for value in weight[k].flatten().tolist())
        read = sum(abs(value) ** power for c in columns(k) for value in next_weight[:, c].flatten().tolist())
        scores.append(combine(own, read))
    return torch.tensor(scores, dtype=weight.dtype)


def _edges_2_1():
    for about, weight, next_weight in [
        (
            "kernels that are not square, all sizes different",
            torch.randn(3, 2, 1, 4),
            torch.randn(5, 3, 2, 7),
        ),
        ("as many outputs as channels, behind a flatten", torch.randn(4, 3), torch.randn(4, 8)),
        ("very small weights", 1e-9 * torch.randn(3, 4), 1e-9 * torch.randn(2, 6)),
        ("very large weights", 1e9 * torch.randn(2, 5), 1e9 * torch.randn(4, 2)),
        ("equal weights", torch.ones(3, 2), torch.ones(2, 6) * torch.tensor([1.0, 1, 2, 2, 1, 1])),
    ]:
        yield Case(about, (weight, next_weight))


def _cases_2_1():
    example = (
        torch.tensor([[[[1.0, 2.0]]], [[[2.0, 0.0]]]]),
        torch.tensor([[[[2.0]], [[0.0]]], [[[0.0]], [[-1.5]]]]),
    )
    silent = torch.randn(4, 2, 3, 3)
    silent[1] = 0
    for about, weight, next_weight in [
        ("the example: 2 filters, read by a convolution", *example),
        (
            "a (4, 3, 5, 5) convolution behind which one of (6, 4, 3, 3) stands",
            torch.randn(4, 3, 5, 5),
            torch.randn(6, 4, 3, 3),
        ),
        ("as many channels everywhere", torch.randn(3, 3, 2, 2), torch.randn(3, 3, 2, 2)),
        ("a flatten between: 4 filters of 9 pixels each", torch.randn(4, 2, 3, 3), torch.randn(5, 36)),
        ("two Linear layers, one column per neuron", torch.randn(6, 8), torch.randn(3, 6)),
        ("a filter that is zero, but is read", silent, torch.randn(2, 4, 1, 1)),
        ("nothing is read", torch.randn(3, 1, 2, 2), torch.zeros(2, 3, 3, 3)),
        ("a single filter", torch.randn(1, 2, 2, 2), torch.randn(3, 4)),
        ("float64", torch.randn(3, 5, dtype=torch.float64), torch.randn(4, 6, dtype=torch.float64)),
    ]:
        yield Case(about, (weight, next_weight))
    yield from _edges_2_1()


ex_2_1 = Exercise(
    "2.1",
    coupled_scores,
    _cases_2_1,
    verified="convolutions, a flatten between, neurons, silent filters, both float types",
    hint=(
        "Filter k is gone with all that reads it: the squares of weight[k] and of next_weight's part k,"
        " added, then the root."
    ),
    mistakes=[
        (
            "You look at the filters only. What reads them goes, too.",
            lambda w, v: coupled_scores(w, v, combine=lambda a, b: math.sqrt(a)),
        ),
        (
            "You look at the next layer only. The filter itself goes, too.",
            lambda w, v: coupled_scores(w, v, combine=lambda a, b: math.sqrt(b)),
        ),
        (
            "Two norms do not add up to the norm of both together: add the squares, then take one root.",
            lambda w, v: coupled_scores(w, v, combine=lambda a, b: math.sqrt(a) + math.sqrt(b)),
        ),
        (
            "That is the sum of squares. The norm is its root.",
            lambda w, v: coupled_scores(w, v, combine=lambda a, b: a + b),
        ),
        (
            "The L2 norm is asked for, not L1.",
            lambda w, v: coupled_scores(w, v, power=1, combine=lambda a, b: a + b),
        ),
        (
            "A product is zero as soon as one part is. Add the squares.",
            lambda w, v: coupled_scores(w, v, combine=lambda a, b: math.sqrt(a * b)),
        ),
        (
            "That is the mean square: the number of weights has slipped in.",
            lambda w, v: coupled_scores(
                w, v, combine=lambda a, b: math.sqrt((a + b) / (w[0].numel() + v.numel() / len(w)))
            ),
        ),
        (
            (
                "Behind a flatten the pixels of one channel lie side by side: filter k owns a block of"
                " columns, not every so-many-th."
            ),
            lambda w, v: coupled_scores(w, v, columns=lambda k: range(k, v.shape[1], len(w))),
        ),
        (
            "Behind a flatten a filter owns as many columns as it has pixels, not one.",
            lambda w, v: coupled_scores(w, v, columns=lambda k: [k]),
        ),
    ],
)


# 2.2 block_mask(weight, height, width, sparsity)


def block_mask(weight, height, width, sparsity, power=2, whole=round, sign=1, runs=False):
    mask = torch.ones(weight.shape, dtype=torch.bool)
    places = [(i, j) for i in range(0, weight.shape[0], height) for j in range(0, weight.shape[1], width)]
    size = height * width
    flat = weight.flatten().tolist()
    scores = {}
    for k, (i, j) in enumerate(places):
        values = (
            flat[k * size : (k + 1) * size]
            if runs
            else weight[i : i + height, j : j + width].flatten().tolist()
        )
        scores[k] = sign * (sum(values) if power == 0 else sum(abs(v) ** power for v in values))
    for k in sorted(scores, key=lambda k: (scores[k], k))[: whole(sparsity * len(places))]:
        i, j = places[k]
        if runs:
            mask.view(-1)[k * size : (k + 1) * size] = False
        else:
            mask[i : i + height, j : j + width] = False
    return mask


def _single_weights(weight, height, width, sparsity):
    return block_mask(weight, 1, 1, sparsity)


def _edges_2_2():
    blocks = torch.tensor([[3.0, 1, 2, 1], [1, 2, 1, 1]]).repeat_interleave(2, 0).repeat_interleave(3, 1)
    near = torch.tensor([[1.004, 1.002, 1.0, 1.003, 1.001]]).repeat_interleave(2, 1)
    for about, weight, height, width, sparsity in [
        ("some blocks equal: of five equal ones three go", blocks, 2, 3, 0.375),
        ("some blocks equal: of five equal ones four go", blocks, 2, 3, 0.5),
        ("blocks of nearly the same norm", near, 1, 2, 0.4),
        ("very small weights", 1e-9 * torch.randn(4, 6), 2, 3, 0.5),
        ("very large weights", 1e9 * torch.randn(6, 4), 3, 2, 0.5),
        (
            "weights that differ in the last digits, float64",
            1 + 1e-12 * torch.randperm(6).double().view(2, 3),
            1,
            1,
            0.5,
        ),
        ("a single block", torch.randn(2, 3), 2, 3, 1.0),
        ("a quarter of forty weights", torch.randn(4, 10), 1, 1, 0.25),
    ]:
        yield Case(about, (weight, height, width, sparsity))


def _cases_2_2():
    example = torch.tensor(
        [[0.9, -0.8, 0.1, 0.1], [0.7, 0.6, -0.2, 0.1], [0.3, 0.1, 0.5, -0.4], [0.1, -0.3, 0.4, 0.6]]
    )
    alternating = torch.tensor([1.0, -1.0]).repeat(4, 3) * torch.tensor([[3.0], [3.0], [1.0], [1.0]])
    for about, weight, height, width, sparsity in [
        ("the example, half of four 2 x 2 blocks", example, 2, 2, 0.5),
        ("a (6, 8) matrix in 2 x 4 blocks", torch.randn(6, 8), 2, 4, 0.5),
        ("a (6, 9) matrix in 3 x 3 blocks, sparsity 0.3", torch.randn(6, 9), 3, 3, 0.3),
        ("a tall (12, 4) matrix in 4 x 2 blocks", torch.randn(12, 4), 4, 2, 0.66),
        ("weights of both signs that cancel", alternating, 2, 2, 0.5),
        ("five blocks, half of them: 2.5 is rounded to 2", torch.randn(2, 10), 2, 2, 0.5),
        ("equal blocks: those further up, then further left go first", torch.ones(4, 6), 2, 3, 0.5),
        ("blocks of one row", torch.randn(4, 6), 1, 6, 0.5),
        ("blocks of one column", torch.randn(4, 6), 4, 1, 0.5),
        ("single weights", torch.randn(3, 5), 1, 1, 0.4),
        (
            "one large weight among small ones",
            torch.tensor([[2.0, 0.0, 1.1, 1.1], [0.0, 0.0, 1.1, 1.1]]),
            2,
            2,
            0.5,
        ),
        (
            "a few large against many small",
            torch.tensor([[2.5, 0.0, 1.1, 1.1], [0.0, 0.0, 1.1, 1.1]]),
            2,
            2,
            0.5,
        ),
        ("sparsity 0", torch.randn(4, 4), 2, 2, 0.0),
        ("sparsity 1", torch.randn(4, 4), 2, 2, 1.0),
        ("float64", torch.randn(4, 8, dtype=torch.float64), 2, 2, 0.375),
    ]:
        yield Case(about, (weight, height, width, sparsity))
    yield from _edges_2_2()


ex_2_2 = Exercise(
    "2.2",
    block_mask,
    _cases_2_2,
    verified="blocks of several shapes, rows, columns and single weights, ties by position, sparsity 0 and 1",
    hint=(
        "Split both dimensions, (rows, height, columns, width), bring the two block dimensions together, and"
        " score each block."
    ),
    mistakes=[
        (
            (
                "Those are runs of weights along a row, not blocks. What does reshape(-1, height * width) put"
                " side by side?"
            ),
            lambda *a: block_mask(*a, runs=True),
        ),
        ("You rank single weights. All weights of a block stay or go together.", _single_weights),
        (
            "Height counts rows and width columns; you have exchanged them.",
            lambda w, h, b, s: (
                block_mask(w, b, h, s)
                if w.shape[0] % b == 0 and w.shape[1] % h == 0
                else _single_weights(w, h, b, s)
            ),
        ),
        ("You rank by the L1 norm. The L2 norm was asked for.", lambda *a: block_mask(*a, power=1)),
        ("Weights of both signs cancel in a sum.", lambda *a: block_mask(*a, power=0)),
        ("True means kept. Yours keeps the weakest blocks.", lambda *a: ~block_mask(*a)),
        ("You let the strongest blocks go.", lambda *a: block_mask(*a, sign=-1)),
        ("How many go? The nearest integer, not the next lower one.", lambda *a: block_mask(*a, whole=int)),
        (
            "How many go? round() takes the even neighbour of a half: round(2.5) is 2.",
            lambda *a: block_mask(*a, whole=half_up),
        ),
        ("That is the weight. The mask was asked for.", lambda *a: a[0] * block_mask(*a)),
    ],
)

"""Checkers of the exercises of chapter 02: the shapes that pruning can remove."""

import itertools
import math

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 2.1 filter_scores(weight)


def filter_scores(weight, dimension=0, combine=lambda values: math.sqrt(sum(value**2 for value in values))):
    scores = [combine(part.flatten().tolist()) for part in weight.unbind(dimension)]
    shape = [1] * weight.ndim
    shape[dimension] = len(scores)
    return torch.tensor(scores, dtype=weight.dtype).view(shape)


def _cases_2_1():
    example = torch.tensor(
        [[[[1.0, 0.0], [2.0, 0.0]], [[2.0, 0.0], [0.0, 0.0]]], [[[0.0, -3.0], [0.0, 0.0]], [[0.0, 0.0], [4.0, 0.0]]]]
    )
    empty = torch.randn(5, 2, 3, 3)
    empty[2] = 0
    for about, weight in [
        ("the example, 2 filters of 2 kernels", example),
        ("a random (4, 3, 5, 5) convolution", torch.randn(4, 3, 5, 5)),
        ("a convolution with as many outputs as inputs, (3, 3, 2, 2)", torch.randn(3, 3, 2, 2)),
        ("kernels that are not square, (2, 5, 1, 3)", torch.randn(2, 5, 1, 3)),
        ("a filter that is zero already", empty),
        ("a Linear layer's matrix (6, 4): its filters are its rows", torch.randn(6, 4)),
        ("a single filter", torch.randn(1, 2, 2, 2)),
        ("float64 weights", torch.randn(4, 2, 3, 3, dtype=torch.float64)),
    ]:
        yield Case(about, (weight,))


ex_2_1 = Exercise(
    "2.1",
    filter_scores,
    _cases_2_1,
    verified="convolutions of several shapes, matrices, empty and single filters, both float types",
    hint="All dimensions but the first belong to one filter. Sum the squares over them, keep them with size 1, take the root.",
    mistakes=[
        (
            "That is the sum of squares. The L2 norm is its square root, or layers cannot be compared.",
            lambda w: filter_scores(w, combine=lambda values: sum(value**2 for value in values)),
        ),
        ("That is the L1 norm.", lambda w: filter_scores(w, combine=lambda values: sum(map(abs, values)))),
        (
            "That is the root of the mean square: the number of weights has slipped in.",
            lambda w: filter_scores(w, combine=lambda values: math.sqrt(sum(value**2 for value in values) / len(values))),
        ),
        ("Weights of both signs cancel in a sum.", lambda w: filter_scores(w, combine=sum)),
        (
            "These are the scores of the channels W[:, i]. A filter W[o] makes one output: which dimension counts the outputs?",
            lambda w: filter_scores(w, dimension=1),
            lambda w: filter_scores(w, dimension=1).flatten(),
        ),
        (
            "The numbers are right, but one score per filter in a flat tensor does not broadcast over the weight. Keep the "
            "dimensions.",
            lambda w: filter_scores(w).flatten(),
        ),
        (
            "You sum over the filters: this is a score per position inside a filter.",
            lambda w: w.norm(dim=0, keepdim=True),
            lambda w: w.norm(dim=0),
        ),
        (
            "That is a score per kernel W[o, i]. A filter holds the kernels of all inputs.",
            lambda w: w.flatten(2).norm(dim=2)[..., None, None],
        ),
    ],
)


# 2.2 prune_small(weight, threshold)


def prune_small(weight, threshold, small=lambda value, threshold: abs(value) < threshold):
    values = [0.0 if small(value, threshold) else value for value in weight.flatten().tolist()]
    return torch.tensor(values, dtype=weight.dtype).view(weight.shape)


def _square_part_only(weight, threshold, **options):
    pruned, side = weight.clone(), weight.shape[0]
    if side > weight.shape[1]:
        raise IndexError(f"index {weight.shape[1]} is out of bounds for dimension 0 with size {weight.shape[1]}")
    pruned[:, :side] = prune_small(weight[:, :side], threshold, **options)
    return pruned


def _only_positive(value, threshold):
    return 0 < value < threshold


def _cases_2_2():
    example = torch.tensor([[0.9, -0.1, 0.2, -0.8], [-0.25, 0.25, -0.7, 0.1]])
    for about, weight, threshold in [
        ("the example, threshold 0.25", example, 0.25),
        ("a wide (3, 5) matrix", torch.randn(3, 5), 0.6),
        ("a tall (6, 4) matrix", torch.randn(6, 4), 0.6),
        ("a square (4, 4) matrix", torch.randn(4, 4), 0.6),
        ("magnitudes equal to the threshold", torch.tensor([[0.5, -0.5, 0.25], [1.0, -0.25, -1.0]]), 0.5),
        ("negative weights only", -torch.rand(3, 4), 0.4),
        ("threshold 0", torch.randn(2, 3), 0.0),
        ("a threshold above everything", torch.randn(2, 6), 9.0),
        ("float64 weights", torch.randn(3, 7, dtype=torch.float64), 0.5),
    ]:
        yield Case(about, (weight, threshold))


ex_2_2 = Exercise(
    "2.2",
    prune_small,
    _cases_2_2,
    verified="wide, tall and square matrices, both signs, magnitudes equal to the threshold, the argument left as it was",
    hint="Three faults: what counts as small, how far the loops run, and whose tensor is written to. A mask needs no loop.",
    mistakes=[
        (
            "That is what the broken loop gives. How many columns does it visit, and what does it do with -0.1?",
            lambda w, t: _square_part_only(w, t, small=_only_positive),
        ),
        ("The loop over columns counts rows: only a square matrix is visited as a whole.", _square_part_only),
        ("Small negative weights are still there.", lambda w, t: prune_small(w, t, small=_only_positive)),
        ("Now every negative weight dies, the large ones too.", lambda w, t: prune_small(w, t, small=lambda v, t: v < t)),
        (
            "A magnitude equal to the threshold stays: only smaller ones go.",
            lambda w, t: prune_small(w, t, small=lambda v, t: abs(v) <= t),
        ),
        ("You prune the large weights and keep the small ones.", lambda w, t: prune_small(w, t, small=lambda v, t: abs(v) >= t)),
        ("That is the mask. The weight with zeros in it was asked for.", lambda w, t: w.abs() >= t),
        ("The kept weights have lost their sign.", lambda w, t: prune_small(w, t).abs()),
    ],
)


# 2.3 filter_mask(weight, sparsity)


def _lowest(scores, count):
    return sorted(range(len(scores)), key=lambda i: (scores[i], i))[:count]


def filter_mask(weight, sparsity, dimension=0, count=round, combine=lambda values: math.sqrt(sum(v**2 for v in values))):
    mask = torch.ones(weight.shape, dtype=torch.bool)
    scores = [combine(part.flatten().tolist()) for part in weight.unbind(dimension)]
    for i in _lowest(scores, count(sparsity * len(scores))):
        mask.select(dimension, i).fill_(False)
    return mask


def _positions(weight, sparsity):
    scores = weight.norm(dim=0).flatten()
    mask = torch.ones(len(scores), dtype=torch.bool)
    mask[scores.argsort(stable=True)[: round(sparsity * len(scores))]] = False
    return mask.view(1, *weight.shape[1:]).expand_as(weight)


def _single_weights(weight, sparsity):
    mask = torch.ones(weight.numel(), dtype=torch.bool)
    mask[weight.abs().flatten().argsort(stable=True)[: round(sparsity * weight.numel())]] = False
    return mask.view(weight.shape)


def _cases_2_3():
    example = torch.tensor([[[[0.1, 0.2]]], [[[0.9, -0.9]]], [[[-0.8, 0.8]]], [[[0.6, 0.7]]]])
    for about, weight, sparsity in [
        ("the example, half of 4 filters", example, 0.5),
        ("a (6, 3, 3, 3) convolution, sparsity 0.5", torch.randn(6, 3, 3, 3), 0.5),
        ("20 filters of only 4 weights, sparsity 0.4", torch.randn(20, 4, 1, 1), 0.4),
        ("3 filters, sparsity 0.2: the nearest possible", torch.randn(3, 2, 3, 3), 0.2),
        ("8 filters, sparsity 0.35", torch.randn(8, 8, 2, 2), 0.35),
        ("equal filters, half of them: the earlier go first", torch.ones(4, 2, 2, 2), 0.5),
        ("sparsity 0", torch.randn(4, 2, 2, 2), 0.0),
        ("sparsity 1", torch.randn(4, 2, 2, 2), 1.0),
    ]:
        yield Case(about, (weight, sparsity))


ex_2_3 = Exercise(
    "2.3",
    filter_mask,
    _cases_2_3,
    verified="whole filters, the exact number of them, ranked by L2 norm, ties by position, in the weight's shape",
    hint="One score per filter first: the norm over every dimension but the first. Rank those, then expand the mask.",
    mistakes=[
        (
            "That is what the broken function gives: dim=0 is what it sums over, so one score is left per position inside "
            "the filters.",
            _positions,
        ),
        ("You drop channels W[:, i]: every output loses an input. A filter is W[o].", lambda w, s: filter_mask(w, s, dimension=1)),
        (
            "The right filters, but one entry each. The mask was asked for in the weight's shape: expand it.",
            lambda w, s: filter_mask(w, s)[:, :1, :1, :1],
            lambda w, s: filter_mask(w, s)[:, 0, 0, 0],
        ),
        ("You rank single weights. All weights of a filter stay or go together.", _single_weights),
        ("True means kept. Yours keeps the weakest filters.", lambda w, s: ~filter_mask(w, s)),
        (
            "You rank by the L1 norm. The L2 norm was asked for, and the two can disagree about a filter.",
            lambda w, s: filter_mask(w, s, combine=lambda values: sum(map(abs, values))),
        ),
        ("You rank by the plain sum, in which weights of both signs cancel.", lambda w, s: filter_mask(w, s, combine=sum)),
        (
            "You rank by the largest weight. The L2 norm looks at all of them.",
            lambda w, s: filter_mask(w, s, combine=lambda values: max(map(abs, values))),
        ),
        (
            "How many filters go? The nearest integer to sparsity times the number of filters.",
            lambda w, s: filter_mask(w, s, count=int),
        ),
    ],
)


# 2.4 prune_vectors(weight, count)


def prune_vectors(weight, count, combine=lambda values: sum(v**2 for v in values), length=None):
    rows = weight.clone().reshape(-1, length or weight.shape[-1])
    for i in _lowest([combine(row.tolist()) for row in rows], count):
        rows[i] = 0
    return rows.view(weight.shape)


def _cross(weight, count, column=True):
    pruned = weight.clone()
    for _ in range(count):
        point = pruned.masked_fill(pruned == 0, math.inf).abs().argmin().item()
        pruned.view(-1, weight.shape[-1])[point // weight.shape[-1]] = 0
        if column:
            pruned[..., point % weight.shape[-1]] = 0
    return pruned


def _cases_2_4():
    example = torch.tensor([[0.1, 0.9, -0.8], [0.3, -0.3, 0.4], [-0.5, 0.6, 0.7]])
    for about, weight, count in [
        ("the example, 1 of 3 rows", example, 1),
        ("2 rows of a (6, 4) matrix", torch.randn(6, 4), 2),
        ("5 rows of a (9, 3) matrix", torch.randn(9, 3), 5),
        ("7 of the 18 vectors of a (3, 2, 3, 3) convolution", torch.randn(3, 2, 3, 3), 7),
        ("4 of the 20 vectors of a (2, 5, 2, 4) convolution", torch.randn(2, 5, 2, 4), 4),
        ("equal rows, 2 of 4: the earlier go first", torch.ones(4, 2), 2),
        ("count 0", torch.randn(3, 3), 0),
        ("all 4 rows", torch.randn(4, 5), 4),
    ]:
        yield Case(about, (weight, count))


ex_2_4 = Exercise(
    "2.4",
    prune_vectors,
    _cases_2_4,
    verified="rows of matrices and of kernels, ranked by L2 norm, ties by position, nothing else changed",
    hint="Every row along the last dimension gets one score. Reshape to a list of rows, zero the weakest, give back the shape.",
    mistakes=[
        ("A row and a column die through one point. A vector is one row, and nothing outside it changes.", _cross),
        (
            "You choose the row that holds the smallest single weight. That row may be strong elsewhere: score the row as a whole.",
            lambda w, n: _cross(w, n, column=False),
            lambda w, n: prune_vectors(w, n, combine=lambda values: min(map(abs, values))),
        ),
        (
            "You prune columns. A vector is a row: it runs along the last dimension.",
            lambda w, n: prune_vectors(w.mT.contiguous(), n).mT.contiguous(),
        ),
        ("You rank by the plain sum, in which weights of both signs cancel.", lambda w, n: prune_vectors(w, n, combine=sum)),
        (
            "You rank by the L1 norm; the L2 norm was asked for.",
            lambda w, n: prune_vectors(w, n, combine=lambda values: sum(map(abs, values))),
        ),
        (
            "You prune all that belongs to one output. In a convolution a vector is one row of one kernel.",
            lambda w, n: prune_vectors(w, n, length=w[0].numel()),
        ),
        ("You prune the strongest vectors.", lambda w, n: prune_vectors(w, n, combine=lambda values: -sum(v**2 for v in values))),
        ("You prune a single vector, whatever count says.", lambda w, n: prune_vectors(w, 1)),
    ],
)


# 2.5 reached_sparsity(shapes, sparsity)


def _gone(shapes, sparsity, count=round):
    return [(count(sparsity * shape[0]), shape[0], math.prod(shape[1:])) for shape in shapes]


def reached_sparsity(shapes, sparsity, count=round):
    gone = _gone(shapes, sparsity, count)
    return sum(n * size for n, _, size in gone) / sum(total * size for _, total, size in gone)


def _cases_2_5():

    def draw(low, high):
        return int(torch.randint(low, high, ()))

    def network(kernel):
        widths = [draw(1, 4), *(draw(3, 12) for _ in range(3))]
        return [(out, into, kernel, kernel) for into, out in itertools.pairwise(widths)]

    for about, shapes, sparsity in [
        ("one layer of 3 filters, sparsity 0.2", [(3, 10, 4, 5)], 0.2),
        ("the example, sparsity 0.3", [(4, 1, 3, 3), (10, 4, 3, 3)], 0.3),
        *((f"random network {i + 1}, sparsity {s}", network(2 * (i % 3) + 1), s) for i, s in enumerate([0.35, 0.6, 0.15, 0.45])),
        ("convolutions and a matrix", [(6, 1, 5, 5), (16, 6, 5, 5), (10, 256)], 0.25),
        ("sparsity too small for any filter", [(4, 2, 3, 3), (5, 4, 3, 3)], 0.05),
        ("sparsity 1", [(4, 2, 3, 3), (5, 4, 3, 3)], 1.0),
    ]:
        yield Case(f"{about}, {shapes}", (shapes, sparsity))


ex_2_5 = Exercise(
    "2.5",
    reached_sparsity,
    _cases_2_5,
    verified="random networks, convolutions and matrices, sparsities that no filter fits, 1",
    hint="Per layer: the filters that go, times the weights each of them holds. Add up over the layers, divide by all weights.",
    mistakes=[
        ("That is the sparsity asked for. Filters cannot be cut in halves: how many go in each layer?", lambda shapes, s: float(s)),
        (
            "That is the share of filters. Filters of different layers hold different numbers of weights.",
            lambda shapes, s: sum(n for n, _, _ in _gone(shapes, s)) / sum(total for _, total, _ in _gone(shapes, s)),
        ),
        (
            "That is the mean over layers, as if all layers were equally large.",
            lambda shapes, s: sum(n / total for n, total, _ in _gone(shapes, s)) / len(shapes),
        ),
        ("You round down. The nearest whole number of filters goes.", lambda shapes, s: reached_sparsity(shapes, s, count=int)),
        (
            "Half a filter: Python's round() takes the even neighbour, and round(2.5) is 2.",
            lambda shapes, s: reached_sparsity(shapes, s, count=lambda filters: int(filters + 0.5)),
        ),
        ("You round up. The nearest whole number of filters goes.", lambda shapes, s: reached_sparsity(shapes, s, count=math.ceil)),
        (
            "That is what single weights can reach. Here whole filters go, layer by layer.",
            lambda shapes, s: round(s * sum(map(math.prod, shapes))) / sum(map(math.prod, shapes)),
        ),
        (
            "You count input channels. The number of filters is the first dimension.",
            lambda shapes, s: reached_sparsity([(shape[1], shape[0], *shape[2:]) for shape in shapes], s),
        ),
        ("That is the density, the share that is left.", lambda shapes, s: 1 - reached_sparsity(shapes, s)),
        ("A sparsity lies between 0 and 1; yours is in percent.", lambda shapes, s: 100 * reached_sparsity(shapes, s)),
    ],
)


# 2.6 coarsest(weight, sparsity, budget)

ORDER = ["weight", "vector", "kernel", "filter"]  # from fine to coarse, by the number of dimensions a group spans: 0 to 3


def _kept_share(weight, spans, sparsity, power=2, rank=2):
    groups = weight.reshape(-1, math.prod(weight.shape[weight.ndim - spans :])).tolist()
    scores = [sum(abs(value) ** rank for value in group) for group in groups]
    pruned = set(_lowest(scores, round(sparsity * len(groups))))
    shares = [sum(abs(value) ** power for value in group) for group in groups]
    return sum(share for i, share in enumerate(shares) if i not in pruned) / sum(shares)


def coarsest(weight, sparsity, budget, power=2, strict=False, rank=2):
    shares = [_kept_share(weight, spans, sparsity, power, rank) for spans in range(4)]
    meeting = [name for name, share in zip(ORDER, shares, strict=True) if (share > budget if strict else share >= budget)]
    return meeting[-1] if meeting else "dense"


def _finest(weight, sparsity, budget):
    return "weight" if coarsest(weight, sparsity, budget) != "dense" else "dense"


def _cases_2_6():
    plain = torch.randn(8, 4, 3, 3)
    scales = {
        "filter": (torch.arange(8.0) % 2 + 0.05).view(8, 1, 1, 1),
        "kernel": (torch.arange(32.0) % 2 + 0.05).view(8, 4, 1, 1)[:, torch.randperm(4)],
        "vector": ((torch.arange(96.0) * 7 % 12) % 2 + 0.05).view(8, 4, 3, 1),
        "weight": torch.ones(1, 1, 1, 1),
    }
    spikes = torch.full((8, 4, 3, 3), 0.5)
    spikes[::2] = 0
    spikes[::2, 1, 1, 1] = -9
    for about, weight, sparsity, budget in [
        ("filters of very different size, sparsity 0.5, budget 0.9", plain * scales["filter"], 0.5, 0.9),
        ("kernels of very different size, sparsity 0.5, budget 0.9", plain * scales["kernel"], 0.5, 0.9),
        ("no structure at all, sparsity 0.75, budget 0.5", plain, 0.75, 0.5),
        ("vectors of very different size, sparsity 0.5, budget 0.9", plain * scales["vector"], 0.5, 0.9),
        ("no structure at all, sparsity 0.5, budget 0.9", plain, 0.5, 0.9),
        ("no structure at all, sparsity 0.9, budget 0.9", plain, 0.9, 0.9),
        ("no structure at all, sparsity 0.25, budget 0.75", plain, 0.25, 0.75),
        ("no structure at all, sparsity 0.5, budget 0.6", plain, 0.5, 0.6),
        ("weights of one size, sparsity 0.25: the budget 0.75 is met exactly", plain.sign(), 0.25, 0.75),
        ("filters with one large weight beside filters of many small ones, sparsity 0.5, budget 0.85", spikes, 0.5, 0.85),
        *((f"random weights, sparsity {s}, budget {b}", torch.randn(6, 5, 3, 3), s, b) for s, b in _DRAWS_2_6),
    ]:
        yield Case(about, (weight, sparsity, budget))


_DRAWS_2_6 = [(0.3, 0.85), (0.3, 0.95), (0.6, 0.5), (0.6, 0.6), (0.75, 0.4), (0.75, 0.5), (0.5, 0.7), (0.5, 0.8), (0.2, 0.9)]


ex_2_6 = Exercise(
    "2.6",
    coarsest,
    _cases_2_6,
    verified="weights with and without structure, budgets met by every shape, by some, exactly, and by none",
    hint="For each granularity, from fine to coarse: scores, mask, squares of the kept weights over squares of all.",
    mistakes=[
        ("That one meets the budget, but a coarser one may meet it as well. Try them all.", _finest),
        ("You add up magnitudes. Energy is the sum of squares.", lambda w, s, b: coarsest(w, s, b, power=1)),
        (
            "You rank groups by the L1 norm. The L2 norm was asked for: its square is the energy of the group.",
            lambda w, s, b: coarsest(w, s, b, rank=1),
        ),
        (
            "You compare a root with the budget. Energy is the sum of squares, without the root.",
            lambda w, s, b: coarsest(w, s, math.sqrt(b)),
        ),
        (
            "You compare norms with the budget. Energy is the sum of squares, without the root.",
            lambda w, s, b: coarsest(w, s, b**2),
        ),
        ("Is the budget what is kept, or what may be lost?", lambda w, s, b: coarsest(w, s, 1 - b)),
        ("The coarsest of all is not the answer if it misses the budget.", lambda w, s, b: ORDER[-1]),
        (
            "Here not even single weights meet the budget: the answer is 'dense'.",
            lambda w, s, b: ORDER[0] if coarsest(w, s, b) == "dense" else coarsest(w, s, b),
        ),
        ("A share equal to the budget meets it.", lambda w, s, b: coarsest(w, s, b, strict=True)),
    ],
)

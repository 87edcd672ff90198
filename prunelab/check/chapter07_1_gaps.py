"""Exercises of chapter 07.1: gaps in place of positions."""

import math

import torch

from prunelab.check.core import Case
from prunelab.check.draws import gaps_with_filler, sparse_matrix
from prunelab.check.exercise import Exercise

# 7.4 gaps_with_filler(tape, bits)


def _no_fillers(tape, bits):
    positions = tape.nonzero().flatten()
    return positions.diff(prepend=torch.tensor([-1])), tape[positions]


def _one_filler_at_most(tape, bits):
    gaps, values = _no_fillers(tape, bits)
    out = [(g, v) for g, v in zip(gaps.tolist(), values.tolist(), strict=True)]
    out = [pair for g, v in out for pair in ([(2**bits, 0.0), (g - 2**bits, v)] if g > 2**bits else [(g, v)])]
    return torch.tensor([g for g, _ in out], dtype=torch.int64), torch.tensor(
        [v for _, v in out], dtype=tape.dtype
    )


def _filler_for_the_end(tape, bits):
    gaps, values = gaps_with_filler(tape, bits)
    rest = (len(tape) - 1 - int(gaps.sum() - 1)) // 2**bits
    return torch.cat([gaps, gaps.new_full((rest,), 2**bits)]), torch.cat([values, values.new_zeros(rest)])


def _eager_filler(tape, bits):
    gaps, values, here = [], [], -1
    for position, value in enumerate(tape.tolist()):
        if value != 0:
            while position - here >= 2**bits:
                gaps, values, here = [*gaps, 2**bits], [*values, 0.0], here + 2**bits
            gaps, values, here = [*gaps, position - here], [*values, value], position
    return torch.tensor(gaps, dtype=torch.int64), torch.tensor(values, dtype=tape.dtype)


def _tape(length, at, seed=0):
    tape = torch.zeros(length)
    tape[at] = torch.randint(1, 90, (len(at),), generator=torch.Generator().manual_seed(seed)).float()
    return tape


def _edges_7_4():
    for about, tape, bits in [
        (
            "float64 that float32 cannot hold",
            torch.tensor([0.0, 1e300, 0.0, 0.0, -1e-300, 0.0], dtype=torch.float64),
            1,
        ),
        ("very small and endless values", torch.tensor([1e-9, 0.0, 0.0, 0.0, 0.0, -torch.inf, 1e9, 1e9]), 2),
        ("very small values alone", torch.tensor([1e-9, 0.0, 0.0, 0.0, 0.0, 0.0, -2e-9]), 2),
        ("a single weight", torch.tensor([-0.5]), 3),
    ]:
        yield Case(about, (tape, bits))


def _cases_7_4():
    many = sparse_matrix(1, 400, 0.1).flatten()
    for about, tape, bits in [
        ("the example, 2 bits", _tape(16, [1, 2, 7, 15]), 2),
        ("gaps of exactly 4 and 8, 2 bits", _tape(14, [3, 7, 12]), 2),
        ("a gap that needs three fillers, 2 bits", _tape(20, [0, 16]), 2),
        ("zeros at the end, 3 bits", _tape(40, [5, 6]), 3),
        ("a nonzero at position 0, 1 bit", _tape(6, [0, 2, 5]), 1),
        ("no nonzero", torch.zeros(10), 3),
        ("no zero", torch.arange(1.0, 8.0), 5),
        ("400 weights with negative values, 4 bits", many, 4),
        ("the same with 2 bits", many, 2),
        ("float64, 5 bits", _tape(100, [31, 64, 99]).double(), 5),
    ]:
        yield Case(about, (tape, bits))
    yield from _edges_7_4()


ex_7_4 = Exercise(
    "7.4",
    gaps_with_filler,
    _cases_7_4,
    verified="exact reach, several fillers in a row, position 0, zeros at the end, an empty and a full tape",
    hint=(
        "While the next nonzero is more than 2**bits away, write a filler: the gap 2**bits and the value 0."
        " Then the rest."
    ),
    mistakes=[
        ("A gap larger than 2**bits does not fit. Where are the fillers?", _no_fillers),
        (
            "Nobody needs a gap of 0, so with b bits the gaps 1 to 2**b can be written: 2**bits still fits.",
            lambda t, b: gaps_with_filler(t, b, 2**b - 1),
        ),
        (
            "The first gap counts from position -1, so that a nonzero at position 0 has the gap 1.",
            lambda t, b: gaps_with_filler(t, b, start=0),
        ),
        ("A gap of exactly 2**bits still fits: no filler there.", _eager_filler),
        ("After one filler the rest can still be out of reach: go on until it fits.", _one_filler_at_most),
        (
            "Zeros after the last nonzero need no entry: the reader knows how long the tape is.",
            _filler_for_the_end,
        ),
        (
            "A filler is a whole entry: it has a value, 0, as well as a gap.",
            lambda t, b: (gaps_with_filler(t, b)[0], t[t != 0]),
        ),
        (
            "The gap between neighbours is 1. You count the zeros in between.",
            lambda t, b: (gaps_with_filler(t, b)[0] - 1, gaps_with_filler(t, b)[1]),
        ),
    ],
)


# 7.9 best_gap(tape, value_bits)


def best_gap(
    tape,
    value_bits,
    widths=range(1, 17),
    entries=lambda tape, bits: len(gaps_with_filler(tape, bits)[0]),
    cost=None,
    better=min,
):
    cost = cost or (lambda entries, bits: entries * (value_bits + bits))
    totals = {bits: cost(entries(tape, bits), bits) for bits in widths}
    bits = better(totals, key=totals.get)
    return bits, totals[bits]


def _nonzeros(tape, bits):
    return int(tape.count_nonzero())


def _covering(tape, value_bits):
    bits = next(b for b in range(1, 17) if len(gaps_with_filler(tape, b)[0]) == _nonzeros(tape, b))
    return bits, _nonzeros(tape, bits) * (value_bits + bits)


def _largest_tie(tape, value_bits):
    return best_gap(tape, value_bits, widths=range(16, 0, -1))


def _edges_7_9():
    for about, at, length, value_bits in [
        ("one nonzero at position 4 of 40", [4], 40, 8),
        ("one nonzero at position 3 of 40", [3], 40, 8),
        ("fifteen nonzeros, then gaps of 5", [*range(15), 19, 24], 30, 8),
        ("gaps of 16 and 17", [15, 32, 48, 65], 70, 4),
        ("values of 64 bits", [0, 2, 300], 400, 64),
    ]:
        yield Case(about, (_tape(length, at), value_bits))
    small = torch.tensor([0.0, 1e-9, 0.0, -1e9, 0.5, 0.5], dtype=torch.float64)
    yield Case("very small, very large and equal values, float64", (small, 8))
    below = torch.tensor([0.0, 1e-60, 0.0, 0.0, -1e-60, 0.0], dtype=torch.float64)
    yield Case("numbers that float32 takes for zeros", (below, 8))
    yield Case("a single weight", (torch.tensor([-0.5]), 8))


def _cases_7_9():
    example = torch.zeros(40)
    example[torch.tensor([1, 2, 7, 35])] = torch.tensor([3.0, -8.0, 5.0, 6.0])
    for about, tape, value_bits in [
        ("the example: 4 nonzeros of 40, values of 8 bits", example, 8),
        ("the example, values of 32 bits", example, 32),
        ("2 % of 2,000 weights, values of 8 bits", sparse_matrix(1, 2000, 0.02).flatten(), 8),
        ("2 % of 2,000 weights, values of 32 bits", sparse_matrix(1, 2000, 0.02).flatten(), 32),
        ("30 % of 600 weights, values of 4 bits", sparse_matrix(1, 600, 0.3).flatten(), 4),
        ("10 % of 1,000 weights, values of 1 bit", sparse_matrix(1, 1000, 0.1).flatten(), 1),
        ("one nonzero at the far end", _tape(3000, [2999]), 16),
        ("no zero at all", torch.arange(1.0, 20.0), 8),
        ("two widths that cost the same: the smaller one", _tape(4, [0, 3]), 2),
        ("a first gap that just fits into 2 bits", _tape(4, [3]), 8),
        ("a gap for which 17 bits would be best, and 16 are allowed", _tape(2**17, [2**17 - 1]), 8),
        ("no nonzero: 1 bit, nothing to store", torch.zeros(9), 8),
    ]:
        yield Case(about, (tape, value_bits))
    yield from _edges_7_9()


ex_7_9 = Exercise(
    "7.9",
    best_gap,
    _cases_7_9,
    verified="dense and sparse tapes, narrow and wide values, far ends, ties, an empty tape",
    hint=(
        "For each width from 1 to 16: count the entries, fillers included, times the bits of one entry. Take"
        " the smallest total."
    ),
    mistakes=[
        (
            "Fillers are entries, too: with narrow gaps there are many of them.",
            lambda t, v: best_gap(t, v, entries=_nonzeros),
        ),
        (
            (
                "A width without fillers need not be the cheapest: a few fillers may cost less than wider"
                " gaps everywhere."
            ),
            _covering,
        ),
        (
            "Each entry stores its value as well as its gap.",
            lambda t, v: best_gap(t, v, cost=lambda n, b: n * b),
        ),
        (
            "A filler stores a value like any entry, a zero of value_bits bits.",
            lambda t, v: best_gap(t, v, cost=lambda n, b: n * b + _nonzeros(t, b) * v),
        ),
        (
            "A gap of b bits reaches 2**b positions, not 2**b - 1.",
            lambda t, v: best_gap(t, v, entries=lambda t, b: len(gaps_with_filler(t, b, 2**b - 1)[0])),
        ),
        ("Of two widths that cost the same, the smaller one is asked for.", _largest_tie),
        (
            "The total is asked for in bits, not in bytes.",
            lambda t, v: (best_gap(t, v)[0], math.ceil(best_gap(t, v)[1] / 8)),
        ),
        ("The width comes first, then the total.", lambda t, v: best_gap(t, v)[::-1]),
        ("You return the dearest width.", lambda t, v: best_gap(t, v, better=max)),
        (
            "5 bits are a habit. Try them all: which width is best depends on the density.",
            lambda t, v: best_gap(t, v, widths=[5]),
            lambda t, v: best_gap(t, v, widths=[4]),
            lambda t, v: best_gap(t, v, widths=[8]),
        ),
    ],
)

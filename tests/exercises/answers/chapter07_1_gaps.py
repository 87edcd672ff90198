"""Answers to 7.4 and 7.9: right ones, written differently, and wrong ones that must be refused."""

import itertools
import math

import torch

from answers import plausible, right
from prunelab.storage import gap_code

# 7.4 gaps_with_filler


@right("7.4")
def gaps_loop(tape, bits):
    gaps, values, here = [], [], -1
    for position in tape.nonzero().flatten().tolist():
        while position - here > 2**bits:
            gaps.append(2**bits)
            values.append(0.0)
            here += 2**bits
        gaps.append(position - here)
        values.append(tape[position].item())
        here = position
    return torch.tensor(gaps, dtype=torch.int64), torch.tensor(values, dtype=tape.dtype)


@right("7.4")
def gaps_package(tape, bits):
    return gap_code(tape, bits)


@right("7.4")
def gaps_divmod(tape, bits):
    gaps, values, previous = [], [], -1
    for position, value in enumerate(tape.tolist()):
        if value:
            fillers, rest = divmod(position - previous - 1, 2**bits)
            gaps += [2**bits] * fillers + [rest + 1]
            values += [0.0] * fillers + [value]
            previous = position
    return torch.tensor(gaps, dtype=torch.int64), torch.tensor(values, dtype=tape.dtype)


def _gaps(tape, bits, reach=None, start=-1, filler=0.0, more=lambda gap, reach: gap > reach):
    reach, here, gaps, values = reach or 2**bits, start, [], []
    for at in tape.nonzero().flatten().tolist():
        while more(at - here, reach):
            gaps, values, here = [*gaps, reach], [*values, filler], here + reach
        gaps, values, here = [*gaps, at - here], [*values, tape[at].item()], at
    return torch.tensor(gaps, dtype=torch.int64), torch.tensor(values, dtype=tape.dtype)


plausible(
    "7.4",
    lambda t, b: _gaps(t, b, reach=2**b - 1),
    lambda t, b: _gaps(t, b, start=0),
    lambda t, b: _gaps(t, b, more=lambda gap, reach: gap >= reach),
    lambda t, b: _gaps(t, b, reach=10**9),
    lambda t, b: _gaps(t, b, filler=1.0),
    lambda t, b: tuple(part.float() for part in _gaps(t, b)),
    lambda t, b: _gaps(t, b)[::-1],
    lambda t, b: _gaps(t.abs(), b),
    lambda t, b: _gaps(t, b + 1),
)


# 7.9 best_gap


@right("7.9")
def gap_by_package(tape, value_bits):
    return min(
        ((bits, len(gap_code(tape, bits)[0]) * (value_bits + bits)) for bits in range(1, 17)),
        key=lambda pair: pair[1],
    )


@right("7.9")
def gap_by_ceil(tape, value_bits):
    at = [-1, *tape.nonzero().flatten().tolist()]
    gaps = [b - a for a, b in itertools.pairwise(at)]
    best = None
    for bits in range(1, 17):
        total = sum(math.ceil(gap / 2**bits) for gap in gaps) * (value_bits + bits)
        if best is None or total < best[1]:
            best = (bits, total)
    return best


def _gap(tape, v, widths=range(1, 17), total=None):
    totals = {
        b: (total or (lambda n, b, k: n * (v + b)))(len(gap_code(tape, b)[0]), b, int(tape.count_nonzero()))
        for b in widths
    }
    best = min(totals, key=totals.get)
    return best, totals[best]


plausible(
    "7.9",
    lambda t, v: _gap(t, v, range(1, 9)),
    lambda t, v: _gap(t, v, range(2, 17)),
    lambda t, v: _gap(t, v, range(16, 0, -1)),
    lambda t, v: _gap(t, v, total=lambda n, b, k: k * (v + b)),
    lambda t, v: _gap(t, v, total=lambda n, b, k: n * b + k * v),
    lambda t, v: _gap(t, v, total=lambda n, b, k: n * b),
    lambda t, v: _gap(t, v)[0],
    lambda t, v: (_gap(t, v)[0], _gap(t, v)[1] / 8),
    lambda t, v: (
        g := t.nonzero().flatten().diff(prepend=torch.tensor([-1])),
        (b := max(1, math.ceil(math.log2(max(1, int(g.max()) if len(g) else 1)))), len(g) * (v + b)),
    )[1],
)

"""Answers to 7.4 and 7.9: right ones, written differently, and wrong ones that must be refused."""

import itertools
import math

import numpy as np
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

# 7.4, once more from the text alone


def _eq_parts_7_4(t, b):
    g, v, h = [], [], -1
    for p in t.nonzero().flatten().tolist():
        gap = p - h
        n = (gap - 1) // 2**b + 1
        q = gap // n
        g += [q] * (n - 1) + [gap - q * (n - 1)]
        v += [0.0] * (n - 1) + [t[p].item()]
        h = p
    return torch.tensor(g, dtype=torch.int64), torch.tensor(v, dtype=t.dtype)


def _gf_7_4(t, bits, reach=None, tail=False, start=-1, fill=lambda v: 0.0):
    reach = reach(bits) if reach else 2**bits
    g, v, h = [], [], start
    for p in t.nonzero().flatten().tolist():
        while p - h > reach:
            g.append(reach)
            v.append(0.0)
            h += reach
        g.append(p - h)
        v.append(t[p].item())
        h = p
    if tail and h < len(t) - 1:
        while len(t) - 1 - h > 0:
            q = min(reach, len(t) - 1 - h)
            g.append(q)
            v.append(0.0)
            h += q
    return torch.tensor(g, dtype=torch.int64), torch.tensor(v, dtype=t.dtype)


def _r74_7_4(t, bits):
    p = t.nonzero().flatten()
    gap = p.diff(prepend=torch.tensor([-1]))
    n = (gap - 1) // 2**bits
    rep = torch.repeat_interleave(torch.arange(len(gap)), n + 1)
    last = torch.zeros(len(rep), dtype=torch.bool)
    last[(n + 1).cumsum(0) - 1] = True
    g = torch.where(last, (gap - n * 2**bits)[rep], torch.tensor(2**bits))
    return g, torch.where(last, t[p][rep], torch.zeros((), dtype=t.dtype))


def _rem_first_7_4(t, b):
    g, v, h = [], [], -1
    for p in t.nonzero().flatten().tolist():
        gap = p - h
        n = (gap - 1) // 2**b
        parts = [gap - n * 2**b] + [2**b] * n
        g += parts
        v += [0.0] * n + [t[p].item()]
        h = p
    return torch.tensor(g, dtype=torch.int64), torch.tensor(v, dtype=t.dtype)


right("7.4")(_r74_7_4)

plausible(
    "7.4",
    lambda t, b: _gf_7_4(t, b, tail=True),  # fillers to the end
    lambda t, b: _gf_7_4(t, b, reach=lambda b: 2**b - 1),  # reach one less
    lambda t, b: (lambda g, v: (g, v))(*_rem_first_7_4(t, b)),  # remainder first
    lambda t, b: _eq_parts_7_4(t, b),  # equal parts
    lambda t, b: (lambda g, v: (g, v.masked_fill(v == 0, 1e-6)))(*_gf_7_4(t, b)),  # fillers repeat the value
    lambda t, b: _gf_7_4(t.clamp(min=0), b),  # positive nonzeros
)

# 7.9, once more from the text alone


def _bg_7_9(
    t, v, ent=lambda g, b: sum((x - 1) // 2**b + 1 for x in g), rng=range(1, 17), per=lambda v, b: v + b
):
    g = np.diff([-1, *t.nonzero().flatten().tolist()]).tolist()
    T = {b: ent(g, b) * per(v, b) for b in rng}
    k = min(T, key=T.get)
    return k, T[k]


right("7.9")(_bg_7_9)

plausible(
    "7.9",
    lambda t, v: (
        lambda g: (lambda b: (b, len(g) * (v + b)))(max(1, math.ceil(math.log2(max(g))))) if g else (1, 0)
    )(np.diff([-1, *t.nonzero().flatten().tolist()]).tolist()),  # widest gap
    lambda t, v: (
        lambda g: (
            (lambda b: (b, sum((x - 1) // 2**b + 1 for x in g) * (v + b)))(
                min(16, max(1, round(math.log2(max(1.0, sum(g) / len(g))))))
            )
            if g
            else (1, 0)
        )
    )(np.diff([-1, *t.nonzero().flatten().tolist()]).tolist()),  # mean gap
    lambda t, v: _bg_7_9(t, v, rng=range(1, 9)),  # up to 8 bits
    lambda t, v: _bg_7_9(t, v, rng=range(16, 0, -1)),  # largest width among equals
    lambda t, v: (lambda r: (r[0], -(-r[1] // 8)))(_bg_7_9(t, v)),  # bytes
    lambda t, v: (
        lambda g: (lambda T: (min(T, key=T.get), min(T.values())))(
            {b: len(g) * v + sum((x - 1) // 2**b + 1 for x in g) * b for b in range(1, 17)}
        )
    )(np.diff([-1, *t.nonzero().flatten().tolist()]).tolist()),  # fillers without a value
    lambda t, v: _bg_7_9(t, v, ent=lambda g, b: sum(x // 2**b + 1 for x in g)),  # exact powers need a filler
)


# found by readers


plausible("7.4", lambda t, b: (lambda g, v: (g, v.float().to(t.dtype)))(*_gf_7_4(t, b)))


def _first_minimum(t, v):
    g = np.diff([-1, *t.nonzero().flatten().tolist()]).tolist()
    totals = [sum((x - 1) // 2**b + 1 for x in g) * (v + b) for b in range(1, 17)]
    best = next((k for k in range(15) if totals[k] <= totals[k + 1]), 15)
    return best + 1, totals[best]


plausible("7.9", _first_minimum, lambda t, v: _bg_7_9(torch.cat([t[:1], t]), v))

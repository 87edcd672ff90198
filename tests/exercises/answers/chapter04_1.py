"""Answers to 4.1 and 4.2: right ones, written differently, and wrong ones that must be refused."""

import math

from answers import plausible, right, wrong
from prunelab.schedules import cubic, from_sensitivity

# 4.1 cubic_sparsity


@right("4.1")
def cubic_by_clamping_x(step, start, end, final, initial):
    x = min(max((step - start) / (end - start), 0), 1)
    return final + (initial - final) * (1 - x) ** 3


@right("4.1")
def cubic_by_cases(step, start, end, final, initial):
    if step < start:
        return initial
    if step > end:
        return final
    left = (end - step) / (end - start)
    return initial * left**3 + final * (1 - left**3)


@right("4.1")
def cubic_by_package(step, start, end, final, initial):
    return cubic(step, start, end, final, initial)


def _cubic(step, start, end, final, initial, power=3, low=0.0, high=1.0):
    x = min(max((step - start) / (end - start), low), high)
    return final + (initial - final) * (1 - x) ** power


plausible(
    "4.1",
    lambda t, a, b, f, i: _cubic(t, a, b, f, i, power=2),
    lambda t, a, b, f, i: _cubic(t, a, b, f, i, power=1),
    lambda t, a, b, f, i: _cubic(t, a, b, f, i, low=-9.0),
    lambda t, a, b, f, i: _cubic(t, a, b, f, i, high=9.0),
    lambda t, a, b, f, i: _cubic(t, a, b, f, 0.0),
    lambda t, a, b, f, i: i + (f - i) * min(max((t - a) / (b - a), 0), 1) ** 3,
    lambda t, a, b, f, i: 0.0 if t < a else _cubic(t, a, b, f, i),
    lambda t, a, b, f, i: 1.0 if t > b else _cubic(t, a, b, f, i),
    lambda t, a, b, f, i: _cubic(t, a, a + b, f, i),
    lambda t, a, b, f, i: i if t <= a else f if t >= b else f + (i - f) * (1 - (t - a) // (b - a)) ** 3,
)


# 4.2 choose_ratios


@right("4.2")
def ratios_by_loops(curves, tau):
    ratios = {}
    for name, curve in curves.items():
        for sparsity in sorted(curve):
            if sparsity > 0 and curve[0.0] - curve[sparsity] < tau:
                ratios[name] = sparsity
    return ratios


@right("4.2")
def ratios_by_comprehension(curves, tau):
    best = {
        name: max((s for s in c if s and c[s] > c[0.0] - tau), default=None) for name, c in curves.items()
    }
    return {name: s for name, s in best.items() if s is not None}


@right("4.2")
def ratios_by_package(curves, tau):
    return from_sensitivity(curves, tau)


def _ratios(curves, passes, pick=max, default=None):
    found = {
        n: pick([s for s, v in c.items() if s > 0 and passes(c[0.0], v)], default=default)
        for n, c in curves.items()
    }
    return {n: s for n, s in found.items() if s is not None}


plausible(
    "4.2",
    lambda c, t: _ratios(c, lambda d, v: d - v <= t),
    lambda c, t: _ratios(c, lambda d, v: abs(d - v) < t),
    lambda c, t: _ratios(c, lambda d, v: d - v < t, default=0.0),
    lambda c, t: _ratios(c, lambda d, v: d - v < t, pick=min),
    lambda c, t: _ratios(c, lambda d, v: v > t),
    lambda c, t: _ratios(c, lambda d, v: (d - v) / d < t / 100),
    lambda c, t: {n: s for n, s in _ratios(c, lambda d, v: d - v < t).items() if s >= 0.5},
    lambda c, t: {n: list(x)[-1] for n, x in c.items()},
    lambda c, t: {n: max(s for s, v in x.items() if x[0.0] - v < t) for n, x in c.items()},
)

# 4.1, once more from the text alone


def _cu_4_1(t, a, b, f, i, p=3, lo=0, hi=1):
    x = min(max((t - a) / (b - a), lo), hi)
    return f + (i - f) * (1 - x) ** p


right("4.1")(
    lambda t, a, b, f, i: float(i if t <= a else f if t >= b else f + (i - f) * ((b - t) / (b - a)) ** 3)
)

plausible(
    "4.1",
    lambda t, a, b, f, i: i + (f - i) * min(max((t - a) / (b - a), 0), 1) ** 3,  # cube of the road
    lambda t, a, b, f, i: f + (i - f) * (1 - min(max((t - a) // (b - a), 0), 1)) ** 3,  # integer road
    lambda t, a, b, f, i: 0.0 if t < a else _cu_4_1(t, a, b, f, i),  # start before is zero
    lambda *x: round(_cu_4_1(*x), 3),  # three digits
)

# 4.2, once more from the text alone


def _cr_4_2(curves, tau, ok=None, base=lambda c: c[0.0], pick=max, order=lambda c: c.items()):
    out = {}
    for n, c in curves.items():
        g = [s for s, v in order(c) if s > 0 and (ok or (lambda d, v, t: d - v < t))(base(c), v, tau)]
        if g:
            out[n] = pick(g)
    return out


right("4.2")(
    lambda cs, t: {
        n: m
        for n, c in cs.items()
        for m in [max((s for s in c if s and c[s] > c[0.0] - t), default=None)]
        if m is not None
    }
)

plausible(
    "4.2",
    lambda *a: _cr_4_2(*a, ok=lambda d, v, t: abs(d - v) < t),  # gain counts as loss
    lambda *a: _cr_4_2(*a, base=lambda c: max(c.values())),  # best of the curve as dense
    lambda *a: _cr_4_2(*a, base=lambda c: next(iter(c.values()))),  # first listed as dense
    lambda *a: _cr_4_2(*a, pick=lambda g: g[-1]),  # last listed that qualifies
    lambda cs, t: _cr_4_2(cs, t, base=lambda c: next(iter(cs.values()))[0.0]),  # one dense accuracy for all
    lambda *a: _cr_4_2(*a, ok=lambda d, v, t: (d - v) / d * 100 < t),  # percent of dense
)


# found by readers: half way a cosine is where a straight line is
@wrong("4.1", "Let x run from 0 at start")
def cubic_by_cosine(step, start, end, final, initial):
    part = min(max((step - start) / (end - start), 0), 1)
    return final + (initial - final) * (1 + math.cos(math.pi * part)) / 2

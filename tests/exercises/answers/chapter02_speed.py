"""Answers to 2.8: right ones, written differently, and wrong ones that must be refused."""

import statistics

import numpy as np

from answers import plausible, right, wrong

# 2.8 most_filters


@right("2.8")
def by_numpy(times, speedup):
    medians = {kept: np.median(seconds) for kept, seconds in times.items()}
    fast = [kept for kept, seconds in medians.items() if medians[max(times)] / seconds >= speedup]
    return max(fast, default=None)


@right("2.8")
def from_many_to_few(times, speedup):
    whole = statistics.median(times[max(times)])
    for kept in sorted(times, reverse=True):
        if whole / statistics.median(times[kept]) >= speedup:
            return kept
    return None


@wrong("2.8", "")
def always_sixteen(times, speedup):
    return 16


def _kept(times, speedup, middle=statistics.median, base=max):
    whole = middle(times[base(times)])
    return max((k for k, seconds in times.items() if whole / middle(seconds) >= speedup), default=None)


plausible(
    "2.8",
    lambda t, s: _kept(t, s, middle=statistics.median_low),
    lambda t, s: _kept(t, s, middle=statistics.median_high),
    lambda t, s: _kept(t, s, middle=lambda seconds: seconds[0]),
    lambda t, s: _kept(t, s, middle=max),
    lambda t, s: _kept(t, s, base=lambda t: max(t, key=lambda k: statistics.median(t[k]))),
    lambda t, s: _kept(t, s) or min(t),
    lambda t, s: _kept(t, s + 0.01),
    lambda t, s: _kept(t, round(s, 1) - 0.001),
    lambda t, s: None if _kept(t, s) is None else max(t) - _kept(t, s),
    lambda t, s: None if _kept(t, s) is None else list(t).index(_kept(t, s)),
    lambda t, s: None if _kept(t, s) is None else _kept(t, s) // 16 * 16 or _kept(t, s),
)


# found by readers

plausible("2.8", lambda t, s: _kept(t, s, middle=lambda v: statistics.fmean(sorted(v)[1:-1] or v)))

# the other median of an even number is no mean
wrong("2.8", "Medians first")(lambda t, s: _kept(t, s, middle=statistics.median_low))

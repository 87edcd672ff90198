"""Exercises of chapter 02: how many filters must go before a layer is faster."""

import statistics

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 2.8 most_filters(times, speedup)


def most_filters(
    times, speedup, middle=statistics.median, enough=lambda ratio, wanted: ratio >= wanted, pick=max
):
    whole = middle(times[max(times)])
    fitting = [kept for kept, seconds in times.items() if enough(whole / middle(seconds), speedup)]
    return pick(fitting) if fitting else None


def _until_it_fails(times, speedup):
    """Look from many filters to few and stop at the first that is fast enough, by halving."""
    kept = sorted(times)
    low, high = 0, len(kept) - 1
    while low < high:
        here = (low + high + 1) // 2
        fast = statistics.median(times[max(times)]) / statistics.median(times[kept[here]]) >= speedup
        low, high = (here, high) if fast else (low, here - 1)
    fast = statistics.median(times[max(times)]) / statistics.median(times[kept[low]]) >= speedup
    return kept[low] if fast else None


def _stairs(filters, block, noise=0.0):
    """Return times of a layer whose work is done in blocks; every round is slower than the one before."""
    return {k: [1.0 + -(-k // block) + noise * r for r in range(5)] for k in filters}


def _cases_2_8():
    yield Case("the example: a staircase", (EXAMPLE_2_8, 1.5))
    for about, times, speedup in [
        ("the example, twice as fast", EXAMPLE_2_8, 2.0),
        ("the example, ten times as fast: None", EXAMPLE_2_8, 10.0),
        ("no speed-up asked for: all may stay", EXAMPLE_2_8, 1.0),
        ("blocks of 16", _stairs(range(1, 51), 16), 1.25),
        ("a bound that is met exactly", {10: [2.0] * 3, 7: [1.0] * 3, 9: [1.5] * 3}, 2.0),
        ("numbers in no order", {7: [3.0], 30: [9.0], 12: [4.0], 25: [7.0]}, 2.0),
        ("fewer filters that take longer", {8: [8.0], 7: [3.0], 6: [6.0], 5: [3.5], 4: [9.0]}, 2.0),
        ("one disturbed round", {4: [8.0, 8.0, 80.0], 3: [4.0, 4.0, 400.0], 2: [1.0, 1.0, 1.0]}, 2.0),
        (
            "two disturbed rounds of five",
            {4: [8.0] * 5, 3: [3.9, 40.0, 3.9, 3.9, 40.0], 2: [1.0] * 5},
            2.0,
        ),
        ("one lucky round", {4: [8.0, 8.0, 1.0], 3: [6.0, 6.0, 0.1], 2: [3.0, 3.0, 3.0]}, 2.0),
        ("an even number of rounds", {4: [8.0, 8.0, 8.0, 8.0], 3: [3.0, 3.75, 4.25, 9.0], 2: [1.0] * 4}, 2.0),
        ("an even number of rounds, once more", {4: [8.0], 3: [3.0, 3.75, 4.5, 9.0], 2: [1.0]}, 2.0),
        ("a speed-up of 1.25", {4: [5.0], 3: [4.1], 2: [4.0]}, 1.25),
        ("no multiple of 16", {40: [2.0], 20: [1.0], 10: [0.5]}, 2.0),
        ("the whole layer is not the slowest", {8: [4.0], 7: [2.5], 4: [6.0], 3: [2.0]}, 2.0),
        ("very short times", {4: [8e-9], 3: [4.1e-9], 2: [4e-9], 1: [1e-9]}, 2.0),
        ("very long times, some equal", {4: [8e9], 3: [4e9], 2: [4e9]}, 1.5),
        ("speed-ups that are nearly equal", {4: [8.0], 3: [4.001], 2: [3.999]}, 2.0),
        ("one number of filters", {5: [1.0, 2.0]}, 1.5),
    ]:
        yield Case(about, (times, speedup))


EXAMPLE_2_8 = {
    50: [1.0, 1.02, 1.0, 3.0],
    40: [0.98, 0.97, 0.99, 0.98],
    33: [0.97, 0.99, 0.2, 0.98],
    32: [0.66, 0.65, 0.66, 2.0],
    17: [0.64, 0.66, 0.65, 0.65],
    16: [0.36, 0.35, 0.36, 0.36],
}


ex_2_8 = Exercise(
    "2.8",
    most_filters,
    _cases_2_8,
    verified="staircases, bounds met exactly, disturbed and lucky rounds, times that do not fall",
    hint="Medians first. All filters over each other number; of those fast enough the largest number.",
    mistakes=[
        (
            "You ask for more than the speed-up. One that is met exactly is enough.",
            lambda t, s: most_filters(t, s, enough=lambda ratio, wanted: ratio > wanted),
        ),
        (
            "One disturbed or lucky round decides in yours. Take the median of each, and one over the other.",
            lambda t, s: most_filters(t, s, middle=statistics.fmean),
            lambda t, s: most_filters(t, s, middle=min),
        ),
        (
            "You keep as few filters as you can. The most that are fast enough are asked for.",
            lambda t, s: most_filters(t, s, pick=min),
        ),
        (
            "Times need not fall with the filters: look at every number, do not search by halving.",
            _until_it_fails,
        ),
        (
            "Speed does not follow from the number of filters: the times are a staircase. Read them.",
            lambda t, s: max((k for k in t if max(t) / k >= s), default=None),
        ),
        (
            "A speed-up is the old time over the new one.",
            lambda t, s: most_filters(t, s, enough=lambda ratio, wanted: 1 / ratio >= wanted),
        ),
        (
            "The first entry need not be the whole layer: that is the largest number of filters.",
            lambda t, s: max(
                (
                    k
                    for k, v in t.items()
                    if statistics.median(next(iter(t.values()))) / statistics.median(v) >= s
                ),
                default=None,
            ),
        ),
    ],
)

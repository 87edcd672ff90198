"""Exercises of chapter 04.2: which speed-ups to believe."""

import random

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 4.5 judge_speedups(timings)


FASTER, SLOWER, SAME = "faster", "slower", "no measurable difference"


def _quantile(values, q):
    values = sorted(values)
    place = q * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


def _verdict(low, high, band=1.1):
    return FASTER if low > band else SLOWER if high < 1 / band else SAME


def judge_speedups(
    timings,
    summary=lambda a, b: (_quantile([x / y for x, y in zip(a, b, strict=True)], q) for q in (0.25, 0.75)),
    verdict=_verdict,
):
    first, *others = timings
    return {name: verdict(*summary(timings[first], timings[name])) for name in others}


def _of_summaries(summary):
    """Compare one summary of the baseline with one of the candidate, as if it had no spread."""
    return lambda a, b: (summary(a) / summary(b),) * 2


def _edges_4_5():
    rounds = [1.0, 1.135, 1.3, 1.4]
    four = {"plain": [10.0] * 4, "pruned": [10 / r for r in rounds], "dense": [10 * r for r in rounds]}
    yield Case("four rounds: the quartile lies between two of them; the baseline has another name", (four,))
    five = {
        "z": [6.0, 5.0, 4.0, 3.0, 2.0],
        "y": [5.0, 5.0, 3.0, 3.0, 1.5],
        "a": [7.0, 8.0, 4.25, 4.0, 4.0],
        "b": [2.0, 3.0, 4.0, 5.0, 6.0],
    }
    yield Case("names that do not rise, rounds in no order", (five,))
    yield Case(
        "very short and very long times",
        ({"base": [1e-9, 2e-9, 1e-9], "a": [5e-10, 1e-9, 6e-10], "b": [1e9, 1e9, 2e9]},),
    )


def _cases_4_5():
    example = {
        "dense": [10.0, 10.0, 20.0, 10.0, 10.0],
        "masked": [10.0, 9.5, 20.0, 10.5, 4.0],
        "removed": [5.0, 5.0, 10.0, 5.0, 40.0],
    }
    yield Case("the example", (example,))
    small = {
        "dense": [10.0] * 7,
        "8 % faster": [9.25] * 7,
        "20 % faster": [8.0] * 7,
        "8 % slower": [10.8] * 7,
        "twice": [20.0] * 7,
    }
    yield Case("differences without any noise", (small,))
    edge = {
        "dense": [11.0] * 5,
        "exactly 1.1": [10.0] * 5,
        "0.905": [11.0 / 0.905] * 5,
        "1.105": [11.0 / 1.105] * 5,
    }
    yield Case("speed-ups at the edges of the band: 1.1 is not above 1.1", (edge,))
    yield Case("a speed-up of 1 / 1.1, which is not below it", ({"dense": [10.0] * 4, "slow": [11.0] * 4},))
    yield Case("a single round", ({"dense": [3.0], "same": [3.0], "fast": [1.0], "slow": [4.0]},))
    yield from _noisy()
    yield from _edges_4_5()


def _noisy():
    waves = [1.0, 5.0, 2.0, 8.0, 1.0, 4.0, 3.0, 9.0]
    paired = {
        "dense": waves,
        "half": [0.5 * x for x in waves],
        "a little": [0.95 * x for x in waves],
        "worse": [1.5 * x for x in waves],
    }
    yield Case("a machine that is busy now and then: both are hit together", (paired,))
    torn = {
        "dense": [10.0] * 9,
        "torn": [5.0, 12.0, 5.0, 12.0, 5.0, 12.0, 5.0, 5.0, 12.0],
        "lucky": [10.0] * 8 + [1.0],
    }
    yield Case("candidates that are sometimes faster", (torn,))
    hit = {
        "dense": [10.0] * 8 + [200.0],
        "same": [10.0] * 9,
        "hit": [6.0] * 8 + [300.0],
        "slow": [20.0] * 8 + [1.0],
    }
    yield Case("one disturbed round", (hit,))
    draw = random.Random(45)
    for number in range(20):
        rounds = draw.choice([5, 8, 11, 21])
        load = [draw.choice([1.0, 1.0, 1.0, 3.0]) for _ in range(rounds)]
        timings = {"dense": [10 * x * draw.uniform(0.95, 1.05) for x in load]}
        for name in ("a", "b", "c")[: draw.randint(1, 3)]:
            factor, noise = draw.choice([0.4, 0.85, 0.93, 1.0, 1.08, 1.3]), draw.choice([0.02, 0.3])
            timings[name] = [10 * factor * x * draw.uniform(1 - noise, 1 + noise) for x in load]
        yield Case(f"random timings, number {number}, {rounds} rounds", (timings,))


ex_4_5 = Exercise(
    "4.5",
    judge_speedups,
    _cases_4_5,
    verified="small and large differences, busy machines, disturbed rounds, luck, 20 random tables",
    hint=(
        "Ratios round by round, baseline over candidate; then the lower and the upper quartile against 1.1"
        " and 1 / 1.1."
    ),
    mistakes=[
        (
            (
                "You compare means. One disturbed round moves a mean; look at the ratio round by round, and"
                " at its middle half."
            ),
            lambda t: judge_speedups(t, _of_summaries(lambda v: sum(v) / len(v))),
        ),
        (
            (
                "You compare medians, which says nothing of the spread: is the *lower quartile* of the ratios"
                " above the band?"
            ),
            lambda t: judge_speedups(t, _of_summaries(lambda v: _quantile(v, 0.5))),
        ),
        (
            (
                "You look at the median of the ratios. Half of the rounds may say the opposite: use the"
                " quartiles."
            ),
            lambda t: judge_speedups(
                t, lambda a, b: (_quantile([x / y for x, y in zip(a, b, strict=True)], 0.5),) * 2
            ),
        ),
        (
            "You compare the fastest rounds and ignore all others.",
            lambda t: judge_speedups(t, _of_summaries(min)),
        ),
        (
            "A difference below 10 % is called no difference here.",
            lambda t: judge_speedups(t, verdict=lambda low, high: _verdict(low, high, 1.0)),
        ),
        (
            (
                "The runs are interleaved: round i of one belongs to round i of the other. Take ratios first,"
                " quartiles after."
            ),
            lambda t: judge_speedups(
                t,
                lambda a, b: (
                    _quantile(a, 0.25) / _quantile(b, 0.75),
                    _quantile(a, 0.75) / _quantile(b, 0.25),
                ),
            ),
        ),
        (
            "Upside down: a speed-up is the baseline's time divided by the candidate's.",
            lambda t: judge_speedups(
                t,
                lambda a, b: (_quantile([y / x for x, y in zip(a, b, strict=True)], q) for q in (0.25, 0.75)),
            ),
        ),
        (
            "You demand it of nearly every round. The quartiles leave out the disturbed ones.",
            lambda t: judge_speedups(
                t,
                lambda a, b: (
                    min(x / y for x, y in zip(a, b, strict=True)),
                    max(x / y for x, y in zip(a, b, strict=True)),
                ),
            ),
        ),
        (
            "The baseline itself gets no verdict.",
            lambda t: {
                name: verdict for name, verdict in ({next(iter(t)): SAME} | judge_speedups(t)).items()
            },
        ),
        (
            "A speed-up of exactly 1.1 is not above 1.1, and one of 1 / 1.1 not below it.",
            lambda t: judge_speedups(
                t, verdict=lambda low, high: FASTER if low >= 1.1 else SLOWER if high <= 1 / 1.1 else SAME
            ),
        ),
        (
            "The lower edge of the band is 1 / 1.1 = 0.909..., not 0.9.",
            lambda t: judge_speedups(
                t, verdict=lambda low, high: FASTER if low > 1.1 else SLOWER if high < 0.9 else SAME
            ),
        ),
    ],
)

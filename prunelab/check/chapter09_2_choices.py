"""Exercises of chapter 09.2: a latency table, and a choice within a budget."""

import random

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 9.4 overall(milliseconds, faster)


def overall(milliseconds, faster):
    after = sum(time / faster.get(layer, 1) for layer, time in milliseconds.items())
    return sum(milliseconds.values()) / after


def _touched(milliseconds, faster):
    return sum(milliseconds[layer] for layer in faster)


def _edges_9_4():
    yield Case(
        "a factor below one beside one above", ({"z": 8.0, "a": 8.0, "m": 1.0}, {"a": 0.25, "z": 16.0})
    )
    yield Case("very short and very long times", ({"a": 1e-9, "b": 1e9}, {"b": 1e9}))


def _cases_9_4():
    yield Case(
        "the example: two of four layers get faster",
        ({"conv1": 4.0, "pool": 2.0, "conv2": 8.0, "fc": 2.0}, {"conv1": 4.0, "conv2": 2.0}),
    )
    yield Case("nothing gets faster", ({"conv": 3.0, "fc": 1.0}, {}))
    yield Case("one layer, all of the time", ({"fc": 0.5}, {"fc": 8.0}))
    yield Case("a layer gets slower", ({"conv": 4.0, "fc": 4.0}, {"fc": 0.5}))
    yield Case("a large factor for a small layer", ({"conv": 63.0, "fc": 1.0}, {"fc": 1024.0}))
    draw = random.Random(94)
    for number in range(12):
        table = {f"layer{i}": draw.randint(1, 400) / 16 for i in range(draw.randint(2, 7))}
        chosen = draw.sample(list(table), draw.randint(1, len(table)))
        yield Case(
            f"random table, number {number}, {len(table)} layers",
            (table, {name: draw.choice((1.5, 2, 4, 8)) for name in chosen}),
        )
    yield from _edges_9_4()


ex_9_4 = Exercise(
    "9.4",
    overall,
    _cases_9_4,
    verified="layers that stay, a layer that gets slower, one layer alone, 12 random tables",
    hint="Times add up, factors do not: add the times before, add the times after, divide once.",
    mistakes=[
        (
            "You average the factors, weighed or not. Times add up, factors do not: how long is each layer?",
            lambda ms, f: sum(f.get(layer, 1) for layer in ms) / len(ms),
            lambda ms, f: sum(f.values()) / len(f),
            lambda ms, f: sum(ms[layer] * f.get(layer, 1) for layer in ms) / sum(ms.values()),
        ),
        (
            "You forget the layers that did not get faster. They still take their time.",
            lambda ms, f: _touched(ms, f) / sum(ms[layer] / f[layer] for layer in f),
            lambda ms, f: sum(ms.values()) / sum(ms[layer] / f[layer] for layer in f),
        ),
        ("Upside down: a speed-up is the time before over the time after.", lambda ms, f: 1 / overall(ms, f)),
        (
            "A layer that gets 4 times faster takes a quarter of its time, not 4 times of it.",
            lambda ms, f: sum(ms.values()) / sum(ms[layer] * f.get(layer, 1) for layer in ms),
        ),
        (
            "That is the time that is left, in milliseconds. The question was the speed-up.",
            lambda ms, f: sum(ms[layer] / f.get(layer, 1) for layer in ms),
        ),
        (
            "That is the factor of one layer. The others take time, too.",
            lambda ms, f: max(f.values()),
            lambda ms, f: f[max(f, key=ms.get)],
        ),
    ],
)


# 9.5 choose(milliseconds, accuracies, points)


def choose(milliseconds, accuracies, points):
    best = 0
    for i, (time, accuracy) in enumerate(zip(milliseconds, accuracies, strict=True)):
        faster = time < milliseconds[best] or (time == milliseconds[best] and accuracy > accuracies[best])
        if accuracies[0] - accuracy <= points and faster:
            best = i
    return best


def _picked(key, allowed=lambda ms, acc, points, i: acc[0] - acc[i] <= points):
    """Return the wrong choice: the smallest ``key`` among those that are ``allowed``, the first of equal
    ones.
    """

    def wrong(ms, acc, points):
        return min(
            (i for i in range(len(ms)) if allowed(ms, acc, points, i)),
            key=lambda i: key(ms, acc, i),
            default=0,
        )

    return wrong


def _fast(ms, acc, i):
    return ms[i], -acc[i]


def _edges_9_5():
    yield Case("a gain larger than the budget", ([8.0, 4.0, 6.0], [90.0, 95.0, 90.5], 1.0))
    yield Case("two that are equal in both: the first", ([8.0, 4.0, 4.0], [90.0, 90.0, 90.0], 0.0))
    yield Case(
        "a large budget: fast, and not accurate for its time", ([8.0, 5.0, 4.75], [98.0, 98.0, 80.0], 20.0)
    )
    yield Case("a loss that rounding would take for the budget", ([8.0, 4.0], [98.0, 97.46875], 0.5))
    yield Case("a loss just above the budget", ([8.0, 4.0], [98.0, 97.5 - 2**-21], 0.5))
    yield Case("very short times", ([8e-9, 5e-9, 4e-9], [90.0, 89.5, 80.0], 1.0))
    yield Case("very long times", ([8e9, 5e9, 4e9], [90.0, 88.0, 89.0], 1.0))


def _cases_9_5():
    yield Case(
        "the example: five networks, one point",
        ([16.0, 10.0, 8.0, 5.0, 4.0], [98.0, 98.5, 97.5, 97.0, 90.0], 1.0),
    )
    yield Case("a loss of exactly the budget is within it", ([8.0, 4.0, 2.0], [97.5, 97.0, 96.5], 0.5))
    yield Case(
        "no pruned network qualifies: the dense one, number 0", ([8.0, 4.0, 2.0], [99.0, 90.0, 80.0], 1.0)
    )
    yield Case(
        "the pruned networks are better, the budget is 0",
        ([8.0, 6.0, 5.0, 3.0], [95.0, 96.0, 95.5, 94.5], 0.0),
    )
    yield Case(
        "two equally fast ones: the more accurate", ([8.0, 4.0, 4.0, 4.0], [98.0, 97.25, 97.75, 97.5], 1.0)
    )
    yield Case("pruned and not faster", ([4.0, 5.0, 6.0], [98.0, 98.0, 98.5], 2.0))
    yield Case("the dense network is alone", ([4.0], [98.0], 1.0))
    yield Case("not in the order of time", ([16.0, 4.0, 9.0, 2.0, 3.0], [90.0, 89.5, 90.5, 70.0, 89.0], 1.0))
    draw = random.Random(95)
    for number in range(14):
        n = draw.randint(3, 8)
        times = [draw.randint(40, 80) / 4, *(draw.randint(4, 72) / 4 for _ in range(n))]
        accuracies = [97.5, *(97.5 - draw.randint(-4, 16) / 4 for _ in range(n))]
        yield Case(f"random networks, number {number}", (times, accuracies, draw.choice((0.5, 1.0, 2.0))))
    yield from _edges_9_5()


ex_9_5 = Exercise(
    "9.5",
    choose,
    _cases_9_5,
    verified=(
        "losses of exactly the budget, no network that qualifies, equal times, better networks, 14 random"
        " tables"
    ),
    hint="Among the networks that lose at most `points` against the dense one, number 0, take the fastest.",
    mistakes=[
        (
            "A loss of exactly `points` is within the budget: percentage points, dense minus pruned.",
            _picked(_fast, lambda ms, acc, points, i: i == 0 or acc[0] - acc[i] < points),
        ),
        (
            "The budget is counted from the dense network, number 0, not from the most accurate one.",
            _picked(_fast, lambda ms, acc, points, i: max(acc) - acc[i] <= points),
        ),
        (
            "You look at the time alone. The fastest network may be beyond the budget.",
            _picked(_fast, lambda ms, acc, points, i: True),
        ),
        (
            "You take the most accurate one. The budget is there to be spent on speed.",
            _picked(lambda ms, acc, i: (-acc[i], ms[i])),
        ),
        ("You take the slowest one.", _picked(lambda ms, acc, i: (-ms[i], -acc[i]))),
        (
            "You take the one that comes closest to the budget. Less accurate is not always faster.",
            _picked(lambda ms, acc, i: (acc[i], ms[i])),
        ),
        ("Of two equally fast networks take the more accurate one.", _picked(lambda ms, acc, i: ms[i])),
        (
            "The loss may be negative: a network that is better than the dense one qualifies.",
            _picked(_fast, lambda ms, acc, points, i: abs(acc[0] - acc[i]) <= points),
        ),
    ],
)

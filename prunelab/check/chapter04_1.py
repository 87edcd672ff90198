"""Exercises of chapter 04.1: how much, and when."""

import random

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 4.1 cubic_sparsity(step, start, end, final, initial)


def cubic_sparsity(step, start, end, final, initial, power=3, clamp=(True, True), origin=None):
    if clamp[0] and step <= start:
        return float(initial)
    if clamp[1] and step >= end:
        return float(final)
    origin = start if origin is None else origin
    return final + (initial - final) * (1 - (step - origin) / (end - origin)) ** power


def _edges_4_1():
    for args in [
        (13, 10, 20, 0.7, 0.7),
        (15, 10, 30, 0.0, 0.0),
        (0, 2, 8, 0.95, 0.05),
        (10**9, 3, 10**9 + 3, 1.0, 0.1),
    ]:
        yield Case(f"cubic_sparsity{args}", args)


def _cases_4_1():
    draw = random.Random(41)
    for about, args in [
        ("the example, half way", (20, 10, 30, 0.8, 0.0)),
        ("a quarter of the way, from an initial sparsity", (25, 0, 100, 0.9, 0.5)),
        ("before start: the initial sparsity", (3, 10, 30, 0.9, 0.2)),
        ("at start", (10, 10, 30, 0.9, 0.2)),
        ("at end", (30, 10, 30, 0.9, 0.2)),
        ("long after end: the final sparsity", (500, 10, 30, 0.9, 0.2)),
        ("one step from start to end", (7, 7, 8, 0.5, 0.0)),
        ("start is the first step", (1, 0, 3, 0.9, 0.0)),
        ("initial and final are the same", (15, 10, 30, 0.4, 0.4)),
    ]:
        yield Case(about, args)
    for _ in range(20):
        start, length = draw.randint(0, 50), draw.randint(1, 100)
        initial = draw.choice([0.0, round(draw.uniform(0, 0.5), 2)])
        args = (draw.randint(0, 200), start, start + length, round(draw.uniform(0.5, 1), 2), initial)
        yield Case(f"cubic_sparsity{args}", args)
    yield from _edges_4_1()


ex_4_1 = Exercise(
    "4.1",
    cubic_sparsity,
    _cases_4_1,
    verified="inside, at both ends and outside, from 0 and from another sparsity, 20 random schedules",
    hint=(
        "Let x run from 0 at start to 1 at end. What is (1 - x) ** 3 at both ends, and how does it lead to"
        " final?"
    ),
    mistakes=[
        (
            "Before start the formula goes below initial. Clamp it.",
            lambda *args: cubic_sparsity(*args, clamp=(False, True)),
        ),
        (
            "After end the formula runs on. Clamp it.",
            lambda *args: cubic_sparsity(*args, clamp=(True, False)),
        ),
        (
            "The formula holds between start and end only. What happens outside?",
            lambda *args: cubic_sparsity(*args, clamp=(False, False)),
        ),
        (
            "That is the linear schedule: equally fast all the time.",
            lambda *args: cubic_sparsity(*args, power=1),
        ),
        ("That is a parabola. The schedule is cubic.", lambda *args: cubic_sparsity(*args, power=2)),
        ("You start from 0. Where is initial?", lambda *args: cubic_sparsity(*args[:4], 0.0)),
        ("The clock starts at start, not at step 0.", lambda *args: cubic_sparsity(*args, origin=0)),
        ("That is the density. The sparsity was asked for.", lambda *args: 1 - cubic_sparsity(*args)),
        (
            "Slow first and fast at the end: the curve is upside down. Early steps should remove most.",
            lambda step, start, end, final, initial: cubic_sparsity(
                start + end - step, start, end, initial, final
            ),
            lambda step, start, end, final, initial: (
                initial + (final - initial) * (max(0, min(step, end) - start) / (end - start)) ** 3
            ),
        ),
    ],
)


# 4.2 choose_ratios(curves, tau)


def choose_ratios(
    curves, tau, drop=lambda dense, value: dense - value, passes=lambda drop, tau: drop < tau, pick=max
):
    ratios = {}
    for name, curve in curves.items():
        fitting = [s for s in curve if s > 0 and passes(drop(curve[0.0], curve[s]), tau)]
        if fitting:
            ratios[name] = pick(fitting)
    return ratios


def _until_it_fails(curves, tau):
    ratios = {}
    for name, curve in curves.items():
        for s in sorted(curve)[1:]:
            if curve[0.0] - curve[s] >= tau:
                break
            ratios[name] = s
    return ratios


def _with_zeros(curves, tau):
    return {name: choose_ratios(curves, tau).get(name, 0.0) for name in curves}


def _edges_4_2():
    apart = {
        "z": {0.5: 97.0, 0.0: 98.0, 0.25: 97.75},
        "a": {0.9: 89.75, 0.0: 90.0, 0.5: 85.0},
        "m": {0.0: 60.0, 0.75: 58.75},
    }
    yield Case("layers of different dense accuracies, names that do not rise", (apart, 1.0))
    rising = {"a": {0.0: 91.0, 0.5: 99.0, 0.75: 90.25, 0.9: 90.0}}
    yield Case("a gain that is larger than tau", (rising, 1.0))
    yield Case("a drop just below a quarter", ({"a": {0.0: 90.0, 0.5: 89.78125, 0.75: 80.0}}, 0.25))


def _cases_4_2():
    draw = random.Random(42)
    example = {
        "conv1": {0.0: 99.0, 0.25: 98.75, 0.5: 97.0, 0.75: 60.0},
        "fc1": {0.0: 99.0, 0.25: 99.25, 0.5: 98.75, 0.75: 98.25},
        "fc2": {0.0: 99.0, 0.25: 98.0, 0.5: 95.0, 0.75: 50.0},
    }
    yield Case("the example", (example, 0.5))
    yield Case("no layer passes: an empty dict", ({"a": {0.0: 99.0, 0.5: 50.0}}, 0.25))
    exact = {"a": {0.0: 98.0, 0.5: 97.5, 0.9: 97.0}, "b": {0.0: 98.0, 0.5: 97.75, 0.9: 97.5}}
    yield Case("drops of exactly tau", (exact, 0.5))
    better = {"a": {0.0: 95.0, 0.5: 97.0, 0.9: 96.5}, "b": {0.0: 95.0, 0.5: 94.5, 0.9: 90.0}}
    yield Case("a layer that gets better when it is pruned", (better, 1.0))
    again = {
        "a": {0.0: 90.0, 0.3: 88.0, 0.6: 89.5, 0.9: 70.0},
        "b": {0.0: 90.0, 0.3: 89.75, 0.6: 80.0, 0.9: 10.0},
    }
    yield Case("a curve that recovers after a fall", (again, 1.0))
    low = {"a": {0.0: 50.0, 0.5: 49.25, 0.9: 40.0}, "b": {0.0: 50.0, 0.5: 49.75, 0.9: 49.0}}
    yield Case("a network at 50 %: points are not percent", (low, 1.0))
    for number in range(15):
        grid = sorted(draw.sample([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95], draw.randint(2, 8)))
        dense = draw.choice([98.0, 99.0, 97.5])
        curves = {}
        for layer in range(draw.randint(1, 6)):
            fragile = draw.choice([0.1, 1, 8])
            points = [0.0, *grid]
            if draw.random() < 0.3:
                draw.shuffle(points)
            curves[f"layer{layer}"] = {
                s: dense if s == 0 else dense - round(4 * fragile * draw.gauss(s, 0.4)) / 4 for s in points
            }
        tau = draw.choice([0.25, 0.5, 1.0, 2.0])
        yield Case(f"random curves, number {number}, tau {tau}", (curves, tau))
    yield from _edges_4_2()


ex_4_2 = Exercise(
    "4.2",
    choose_ratios,
    _cases_4_2,
    verified=(
        "exact ties with tau, curves that recover or improve, mixed order, layers that are left out, 15"
        " random sets"
    ),
    hint=(
        "For each layer: collect the ratios above 0 whose drop from curve[0.0] is under tau; take the"
        " largest, if any."
    ),
    mistakes=[
        (
            "A drop of exactly tau is not under tau.",
            lambda c, t: choose_ratios(c, t, passes=lambda drop, tau: drop <= tau),
        ),
        (
            (
                "You stop at the first ratio that fails. Curves are noisy: a larger ratio may pass again."
                " Look at them all."
            ),
            _until_it_fails,
        ),
        (
            "A layer for which nothing passes is left out of the result, not put in with a 0.",
            _with_zeros,
            lambda c, t: {n: r for n, c_ in c.items() for r in [max(s for s in c_ if c_[0.0] - c_[s] < t)]},
        ),
        ("That is the smallest ratio that passes.", lambda c, t: choose_ratios(c, t, pick=min)),
        (
            (
                "A network that gets better has no drop: do not take the absolute value, and leave out what"
                " does not pass."
            ),
            lambda c, t: (
                {name: 0.0 for name, curve in c.items()}
                | choose_ratios(c, t, passes=lambda drop, tau: abs(drop) < tau)
            ),
        ),
        (
            "An accuracy above the dense one is no drop. Do not take the absolute value.",
            lambda c, t: choose_ratios(c, t, passes=lambda drop, tau: abs(drop) < tau),
        ),
        (
            "tau is in percentage points: dense minus pruned.",
            lambda c, t: choose_ratios(c, t, drop=lambda dense, value: 1 - value / dense),
        ),
        (
            (
                "tau is in percentage points of accuracy, dense minus pruned, not in percent of the dense"
                " accuracy."
            ),
            lambda c, t: choose_ratios(c, t, drop=lambda dense, value: 100 * (1 - value / dense)),
        ),
        (
            "You take the largest ratio of every curve, whatever it costs.",
            lambda c, t: {name: max(curve) for name, curve in c.items()},
        ),
        (
            "That is the accuracy there. The ratio was asked for.",
            lambda c, t: {
                name: curve[choose_ratios({name: curve}, t)[name]]
                for name, curve in c.items()
                if name in choose_ratios({name: curve}, t)
            },
        ),
    ],
)

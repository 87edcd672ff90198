"""How long one forward pass takes: single calls, in turns, and what may be said of two networks' times."""

import functools
import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from prunelab import arguments
from prunelab.arguments import Example

REAL = 0.10  # a difference below 10 % is called no difference
SAME = "no measurable difference"
ROUNDS = (31, 101)  # turns of each model, at least and at most
SECONDS = 0.3  # and as many between the two as fit into this time
# A turn is as many calls, each timed by itself, as fit into 2 ms: what the neighbour left in the caches, and
# a core that had to be waited for, touch the first of them.
TURN_SECONDS, TURN_CALLS = 0.002, 16
STEPS = 100  # what is timed at once takes at least this many steps of the clock


@dataclass(frozen=True)
class Latency:
    """Seconds per call: the median of single calls, and their quartiles ``low`` and ``high``; with the
    conditions. Source: notebook 00.
    """

    median: float
    low: float
    high: float
    threads: int
    batch: int

    def __str__(self) -> str:
        return (
            f"~{1e3 * self.median:7.3f} ms (middle half of the runs ~{1e3 * self.low:7.3f} to"
            f" ~{1e3 * self.high:7.3f} ms, batch {self.batch}, ~{self.threads} threads)"
        )


def latency(model: nn.Module, example_input: Example) -> Latency:
    """Return the time of one forward pass of ``example_input`` (a batch, a tuple or a dict of arguments):
    warmed up, in eval and inference mode.

    It is the median of single calls. On one thread, where the system tells (Linux), the time in which a call
    waited for a core is taken off: another process on the machine does not make a network slower.

    Raises TypeError or ValueError if ``example_input`` is no tensor or ``model`` no module. Source: notebook
    00."""
    arguments.module("model", model)
    return summary(turns({"model": model}, example_input)["model"], example_input)


def latencies(models: Mapping[str, nn.Module], example_input: Example) -> dict[str, Latency]:
    """Return the ``latency`` of each of ``models`` (name -> model); their timed calls take turns, so they may
    be compared.

    Raises as ``compare`` does. Source: notebook 07.2.
    """
    return {name: summary(times, example_input) for name, times in turns(models, example_input).items()}


def verdict(low: float, middle: float, high: float) -> str:
    """Return what may be said of a speed-up (first time / own time) with the interval ``low`` to ``high``.

    Raises TypeError or ValueError for what is no positive number. Source: notebook 00.
    """
    for name, value in (("low", low), ("middle", middle), ("high", high)):
        arguments.positive(name, value)
    if low > 1 + REAL:
        return f"~{middle:5.2f} x faster"
    if high < 1 / (1 + REAL):
        return f"~{1 / middle:5.2f} x slower"
    return SAME


def turns(models: Mapping[str, nn.Module], example_input: Example) -> dict[str, list[float]]:
    """Return seconds per call of each of ``models``, one number per round, as ``race`` does. Source: notebook
    00.

    Raises TypeError or ValueError if there is no model, a value is no module, or the example does not fit
    one.
    """
    positional, named = arguments.example("example_input", example_input)
    if not isinstance(models, Mapping) or not models:
        raise ValueError(f"models must be a non-empty dict of name -> model, got {models!r:.80}")
    with ExitStack() as stack:
        for name, model in models.items():
            arguments.module(f"models[{name!r}]", model)
            arguments.fits("example_input", example_input, model)
            stack.enter_context(arguments.eval_mode(model))
        stack.enter_context(torch.inference_mode())
        return race({name: functools.partial(model, *positional, **named) for name, model in models.items()})


def race(calls: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return seconds per call of each of ``calls`` (name -> function without arguments), one number per
    round: the median of the calls of its turn. Within a round they take turns in random order. Source:
    notebook 00.

    Raises TypeError or ValueError unless ``calls`` holds functions, at least one.
    """
    plans, longest = {}, 0.0
    for name, call in arguments.mapping("calls", calls).items():
        # the fastest of a few: one slow call must not shorten the turns
        seconds = min(timed(call, 1) for _ in range(5))
        plans[name] = _plan(seconds)
        longest = max(longest, seconds * plans[name][0] * plans[name][1])
    rounds = min(max(round(SECONDS / longest), ROUNDS[0]), ROUNDS[1])
    times: dict[str, list[float]] = {name: [] for name in calls}
    order, shuffler = list(calls), random.Random(0)
    for _ in range(rounds):
        shuffler.shuffle(order)  # a fixed order could beat in time with something else on the machine
        for name in order:
            number, block = plans[name]
            turn = [timed(calls[name], block) for _ in range(number)]
            times[name].append(statistics.median(turn[1:] or turn))
    return times


def summary(times: list[float], example_input: Example) -> Latency:
    """Return the ``Latency`` of ``times``, seconds per call. Source: notebook 00.

    Raises TypeError or ValueError unless there are two numbers or more, and for what is no example.
    """
    if len(arguments.numbers("times", times, low=0)) < 2:
        raise ValueError(f"times must hold at least 2 numbers, got {times!r:.80}")
    low, _, high = statistics.quantiles(times, n=4)
    batch = arguments.batch(example_input)
    return Latency(statistics.median(times), low, high, torch.get_num_threads(), batch)


def ratio_interval(first: list[float], own: list[float]) -> tuple[float, float, float]:
    """Return (low, median, high) of first / own time over the rounds, with a 90 % bootstrap interval.

    Neighbouring rounds are drawn together: a disturbance of the machine may last longer than one. Source:
    Künsch, "The jackknife and the bootstrap for general stationary observations" (1989); notebook 00.

    Raises TypeError or ValueError unless both hold positive numbers of the same rounds."""
    times = arguments.numbers("first", first, low=1e-12)
    ratios = times / arguments.numbers("own", own, low=1e-12, length=len(times))
    n = len(ratios)
    length = round(n ** (1 / 3))  # rounds drawn together
    starts = np.random.default_rng(0).integers(n, size=(2000, -(-n // length), 1))
    draws = ratios[(starts + np.arange(length)).reshape(2000, -1)[:, :n] % n]
    low, high = np.quantile(np.median(draws, axis=1), [0.05, 0.95])
    return float(low), float(np.median(ratios)), float(high)


def timed(call: Callable[[], object], times: int) -> float:
    """Return the seconds of one ``call()``, of ``times`` in a row; what it waited for a core is taken off
    where that is known. Source: notebook 00.

    Raises TypeError or ValueError unless ``call`` is a function and ``times`` a positive count."""
    if not callable(call):
        raise TypeError(f"call must be a function without arguments, got {call!r:.80}")
    times = arguments.count("times", times)
    collecting = gc.isenabled()
    gc.disable()  # the collector would run in one call of many
    try:
        waited, worked, start = _waited(), _worked(), _now()
        for _ in range(times):
            call()
        end, worked, waited = _now(), _worked() - worked, _waited() - waited
        # a wait beside the call, between two readings, must not be taken off: it never ran for less than this
        return max(end - start - waited, min(worked, end - start), _step()) / times
    finally:
        if collecting:
            gc.enable()


_now = time.perf_counter


def _waited() -> float:
    """Return the seconds this thread has spent ready to run, without a core; 0 where nobody can tell."""
    if torch.get_num_threads() > 1:  # the others wait for cores too, and the call for them
        return 0.0
    try:
        with open("/proc/thread-self/schedstat", "rb", buffering=0) as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def _worked() -> float:
    """Return the seconds of a core that this thread has had."""
    return time.thread_time() if torch.get_num_threads() == 1 else 0.0


def _plan(seconds: float) -> tuple[int, int]:
    """Return how many numbers a turn takes of a call of so many ``seconds``, and of how many calls each."""
    block = max(1, round(STEPS * _step() / seconds))
    return max(1, min(TURN_CALLS, int(TURN_SECONDS / (seconds * block)))), block


@functools.cache
def _step() -> float:
    """Return the smallest time that the clock can tell from none: its tick, or the reading of it."""
    steps = []
    for _ in range(20):
        start = end = _now()
        while end == start:
            end = _now()
        steps.append(end - start)
    return min(steps)

"""The clock: what a disturbed machine does to it, on a clock that is told, and what its interval covers."""

import numpy as np
import pytest
import torch
from torch import nn

from prunelab import measure
from prunelab.measure import clock


class Machine:
    """A clock that only moves when a network runs, and a core that is sometimes taken away."""

    def __init__(self, monkeypatch, tick=1e-9):
        self.time, self.waited, self.worked, self.tick = 0.0, 0.0, 0.0, tick
        self.draw = np.random.default_rng(0)
        self.share, self.away, self.tells = 0.0, 0.0, True
        monkeypatch.setattr(clock, "_now", lambda: round(self._look() / self.tick) * self.tick)
        monkeypatch.setattr(clock, "_waited", lambda: self.waited if self.tells else 0.0)
        monkeypatch.setattr(clock, "_worked", lambda: self.worked)
        monkeypatch.setattr(clock, "_step", clock._step.__wrapped__)

    def _look(self):
        self.time += 4e-8
        return self.time

    def run(self, seconds):
        """Take ``seconds`` of a core, and lose it in a part of all milliseconds, for a while each time."""
        lost = self.draw.poisson(self.share * seconds / 1e-3) * self.away
        self.time += seconds + lost
        self.waited += lost
        self.worked += seconds


class Takes(nn.Module):
    def __init__(self, machine, seconds, spread=0.02):
        super().__init__()
        self.machine, self.seconds, self.spread = machine, seconds, spread

    def forward(self, x):
        self.machine.run(self.seconds * (1 + self.spread * self.machine.draw.standard_exponential()))
        return x


X = torch.zeros(1, 1)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def machine(monkeypatch):
    return Machine(monkeypatch)


@pytest.mark.parametrize("tells", [True, False])
def test_short_calls_between_preemptions(machine, tells):
    machine.share, machine.away, machine.tells = 0.3, 0.004, tells
    models = {"a": Takes(machine, 3e-4), "b": Takes(machine, 1e-4)}
    row = measure.compare(models, X).rows[1]
    assert row["speedup"] == pytest.approx(3, rel=0.05) and row["latency"].median == pytest.approx(
        1e-4, rel=0.05
    )
    assert row["speedup_low"] <= 3 <= row["speedup_high"] * 1.02


def test_a_call_longer_than_its_slice_is_timed_without_the_wait(machine):
    machine.share, machine.away = 0.3, 0.004
    models = {"long": Takes(machine, 2e-2), "short": Takes(machine, 2e-4)}
    found = measure.latencies(models, X)
    assert found["long"].median == pytest.approx(2e-2, rel=0.05)
    assert found["long"].median / found["short"].median == pytest.approx(100, rel=0.1)
    machine.tells = False
    assert measure.latency(models["long"], X).median > 3e-2, "without the system's word the wait is inside"


def test_a_wait_beside_the_call_is_not_taken_off(machine, monkeypatch):
    waits = iter(range(1000))
    monkeypatch.setattr(
        clock, "_waited", lambda: float(next(waits))
    )  # between its reading and the call's start
    assert clock.timed(lambda: machine.run(1e-3), 1) == pytest.approx(1e-3, rel=0.01)


def test_calls_shorter_than_a_step_are_taken_in_blocks(monkeypatch):
    machine = Machine(monkeypatch, tick=1e-6)
    assert clock._step() == pytest.approx(1e-6, rel=0.1)
    assert clock._plan(1e-3) == (2, 1) and clock._plan(1e-5) == (16, 10)
    found = measure.latency(Takes(machine, 2e-6, spread=0), X)
    assert found.median == pytest.approx(2e-6, rel=0.1)


def test_a_call_of_ordinary_length_is_timed_by_itself(machine):
    assert clock._plan(1e-4)[1] == 1 and clock._plan(5e-2) == (1, 1)


def test_the_same_network_is_no_faster_than_itself(machine):
    machine.share, machine.away = 0.5, 0.01
    rows = measure.compare({name: Takes(machine, 1e-3) for name in "abc"}, X).rows
    assert [row["verdict"] for row in rows] == ["-", measure.verdict(1, 1, 1), measure.verdict(1, 1, 1)]


def test_the_interval_covers():
    """90 % are promised; rounds that are disturbed together, and drift, must not make it much fewer."""
    draw, hits, runs = np.random.default_rng(1), 0, 300
    for _ in range(runs):
        drift = np.exp(np.cumsum(draw.normal(0, 0.03, 41)))  # the processor's frequency: both feel it
        own = np.exp(draw.normal(0, 0.05, 41) + 0.5 * (draw.random(41) < 0.1))
        first = 1.5 * np.exp(draw.normal(0, 0.05, 41) + 0.5 * (draw.random(41) < 0.1))
        low, middle, high = clock.ratio_interval(list(first * drift), list(own * drift))
        assert low <= middle <= high
        hits += low <= 1.5 <= high
    assert 0.84 < hits / runs < 0.97


def test_the_interval_is_honest_about_neighbours():
    draw = np.random.default_rng(2)
    independent = np.exp(draw.normal(0, 0.2, 96))
    together = np.repeat(independent[:16], 6)  # six rounds share a disturbance
    spread = [
        np.diff(clock.ratio_interval(list(times), [1.0] * 96)[::2])[0] for times in (independent, together)
    ]
    assert spread[1] > 1.5 * spread[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clock.timed(3, 1), "call must be a function"),
        (lambda: clock.timed(lambda: 0, 0), "times must be at least 1"),
        (lambda: clock.summary([1.0], X), "times must hold at least 2 numbers"),
        (lambda: clock.ratio_interval([1.0, 0.0], [1.0, 1.0]), "first must hold finite numbers"),
        (lambda: clock.ratio_interval([1.0, 2.0], [1.0]), "own must be 2 numbers"),
    ],
)
def test_refusals(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_the_collector_is_as_it_was():
    import gc

    clock.timed(lambda: None, 3)
    assert gc.isenabled()


# --- time ------------------------------------------------------------------------------------------
class Waiting(nn.Module):
    """A layer that takes as long as it is told, whatever else the machine does."""

    def __init__(self, work: int):
        super().__init__()
        self.layer, self.work = nn.Linear(64, 64), work

    def forward(self, x):
        for _ in range(self.work):
            y = self.layer(x)
        return y


def test_latency_states_its_conditions():
    time = measure.latency(Waiting(1), torch.zeros(3, 64))
    assert 0 < time.low <= time.median <= time.high < 1
    assert (time.batch, time.threads) == (3, 1)
    assert "batch 3" in str(time) and "ms" in str(time) and str(time).startswith("~")


def test_latency_is_of_one_call_in_eval_and_inference_mode():
    seen = []

    class Spy(nn.Linear):
        def forward(self, x):
            seen.append((self.training, torch.is_inference_mode_enabled()))
            return super().forward(x)

    layer = Spy(64, 64)
    layer.train()
    measure.latency(layer, torch.zeros(1, 64))
    assert set(seen) == {(False, True)} and layer.training


def test_compare_finds_more_work_slower_and_the_same_work_equal():
    table = measure.compare(
        {"once": Waiting(10), "again": Waiting(10), "ten times": Waiting(100)}, torch.zeros(2, 64)
    )
    once, again, ten = table.rows
    assert once["speedup"] == 1 and once["verdict"] == "-"
    assert 0.5 < again["speedup"] < 2, "the same work, on however busy a machine"
    assert ten["verdict"].endswith("x slower") and ten["speedup_high"] < 0.5
    assert ten["speedup_low"] <= ten["speedup"] <= ten["speedup_high"]


@pytest.mark.parametrize(
    ("low", "middle", "high", "expected"),
    [
        (0.95, 1.02, 1.09, "no measurable difference"),
        (1.05, 1.3, 1.6, "no measurable difference"),  # the interval reaches into the band
        (1.2, 1.3, 1.4, "~ 1.30 x faster"),
        (0.4, 0.5, 0.6, "~ 2.00 x slower"),
        (0.8, 0.92, 0.95, "no measurable difference"),
    ],
)
def test_verdict_needs_the_whole_interval_beyond_ten_percent(low, middle, high, expected):
    assert measure.verdict(low, middle, high) == expected


def test_the_interval_is_narrow_for_steady_ratios_and_wide_for_noisy_ones():
    steady = clock.ratio_interval([1.5] * 31, [1.0] * 31)
    noisy = clock.ratio_interval(np.random.default_rng(1).lognormal(0, 0.5, 31), [1.0] * 31)
    assert steady == (1.5, 1.5, 1.5)
    assert noisy[0] < noisy[1] < noisy[2] and noisy[2] - noisy[0] > 0.1

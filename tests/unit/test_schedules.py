"""Schedules and ratios against hand-computed values, a second implementation and properties."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import schedules
from prunelab.masks import keep_top, mask_model, prunable
from prunelab.models import MODELS
from prunelab.training import accuracy

# ---- over time


def test_cubic_by_hand():
    values = [schedules.cubic(step, start=10, end=30, final=0.9) for step in (0, 10, 20, 25, 30, 99)]
    assert values == pytest.approx(
        [0, 0, 0.7875, 0.8859375, 0.9, 0.9]
    )  # 0.9 * (1 - 0.5 ** 3), 0.9 * (1 - 0.25 ** 3)
    assert schedules.cubic(20, 10, 30, final=0.9, initial=0.5) == pytest.approx(0.85)
    assert schedules.cubic(30, 10, 30, final=0.7) == 0.7  # exactly, not but for rounding


@given(st.integers(0, 50), st.integers(1, 50), st.floats(0, 1), st.floats(0, 1))
def test_cubic_is_monotone_and_between_its_ends(start, length, a, b):
    low, high = min(a, b), max(a, b)
    values = [schedules.cubic(step, start, start + length, high, low) for step in range(start + length + 2)]
    assert values[0] == low and values[-1] == high
    assert all(x <= y + 1e-12 for x, y in itertools.pairwise(values))
    assert all(low - 1e-12 <= value <= high + 1e-12 for value in values)


@pytest.mark.parametrize(
    "arguments, word",
    [
        ((-1, 0, 1, 0.5), "step"),
        ((0, -1, 1, 0.5), "start"),
        ((0, 5, 5, 0.5), "end"),
        ((0, 0, 1, 1.5), "final"),
        ((0, 0, 1, float("nan")), "final"),
        ((0, 0, 1, 0.5, -0.1), "initial"),
        ((0, 0, 1, 0.5, 0.6), "final"),
    ],
)
def test_cubic_refuses(arguments, word):
    with pytest.raises(ValueError, match=word):
        schedules.cubic(*arguments)


def test_iterative_by_hand():
    assert schedules.iterative(0.9, 1) == [0.9]
    assert schedules.iterative(0.75, 2) == pytest.approx([0.5, 0.75])
    assert schedules.iterative(1 - 0.8**3, 3) == pytest.approx([0.2, 0.36, 0.488])
    assert schedules.iterative(0.0, 3) == [0, 0, 0]
    assert schedules.iterative(0.3, 7)[-1] == 0.3
    for bad in ((1, 3), (1.0, 1), (0.5, 0), (-0.1, 2)):
        with pytest.raises(ValueError):
            schedules.iterative(*bad)
    with pytest.raises(TypeError, match="rounds"):
        schedules.iterative(0.5, 2.0)


# ---- over layers


def small_net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 2))


def test_erk_by_hand():
    # sizes 200, 600, 60; sums of dimensions 30, 50, 32. Keep 20 % = 172 = factor * 112, factor 1.5357:
    # densities 46, 77, 49 of 60
    ratios = schedules.erk(small_net(), 0.8)
    assert [round((1 - r) * n) for r, n in zip(ratios.values(), (200, 600, 60), strict=True)] == [46, 77, 49]
    # keep 40 % = 344: the last layer would keep 98 of 60, is clipped to 60, and 284 = factor * 80 remain:
    # 106.5 and 177.5
    ratios = schedules.erk(small_net(), 0.6)
    assert ratios["4.weight"] == 0
    kept = [(1 - r) * n for r, n in zip(ratios.values(), (200, 600, 60), strict=True)]
    assert kept == pytest.approx([106.5, 177.5, 60], abs=0.51) and sum(kept) == pytest.approx(344)


def test_erk_counts_the_kernel():
    ratios = schedules.erk(MODELS["lenet5"](), 0.9)
    densities = {name: 1 - ratio for name, ratio in ratios.items()}
    per_share = {
        n: densities[n] * w.numel() / sum(w.shape)
        for n, w in prunable(MODELS["lenet5"]()).items()
        if densities[n] < 1
    }
    assert len(per_share) >= 3 and max(per_share.values()) / min(per_share.values()) < 1.02
    assert densities["conv1.weight"] > densities["conv2.weight"] > densities["fc1.weight"]


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=25, deadline=None)
@given(sparsity_=st.floats(0, 1))
def test_erk_hits_the_total(name, sparsity_):
    model = MODELS[name]()
    ratios = schedules.erk(model, sparsity_)
    assert all(0 <= ratio <= 1 for ratio in ratios.values())
    masks = mask_model({n: torch.ones_like(w) for n, w in prunable(model).items()}, ratios)
    total = sum(mask.numel() for mask in masks.values())
    assert sum(int((~mask).sum()) for mask in masks.values()) == round(sparsity_ * total)


@pytest.fixture(scope="module")
def scanned():
    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x[:, :2] @ torch.randn(2, 2)).argmax(1)
    model = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 2))
    dataset = TensorDataset(x, y)
    return model, dataset


def test_scan_prunes_one_layer_at_a_time(scanned):
    model, dataset = scanned
    before = {name: value.clone() for name, value in model.state_dict().items()}
    curves = schedules.sensitivity_scan(model, dataset, [0.5, 0.9, 0.0])
    assert list(curves) == ["0.weight", "2.weight"] and all(
        list(c) == [0.0, 0.5, 0.9] for c in curves.values()
    )
    for name in curves:
        for s in (0.0, 0.5, 0.9):  # the slow way, from scratch
            state = {n: v.clone() for n, v in before.items()}
            state[name] = state[name] * keep_top(state[name].abs(), s)
            copy = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 2))
            copy.load_state_dict(state)
            assert curves[name][s] == accuracy(copy, dataset)
    assert len({curves[n][s] for n in curves for s in curves[n]}) > 2, (
        "the curves must differ for the test to see anything"
    )
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_scan_takes_group_scores_and_a_function_and_leaves_the_model_alone_when_it_fails(scanned):
    model, dataset = scanned
    before = model[0].weight.detach().clone()
    rows = {"0.weight": model[0].weight.detach().abs().sum(1, keepdim=True)}
    seen = []

    def evaluate(model):
        seen.append(model[0].weight.detach().clone())
        return accuracy(model, dataset)

    curves = schedules.sensitivity_scan(model, evaluate, [0.5], rows)
    assert curves == schedules.sensitivity_scan(model, dataset, [0.5], rows) and list(curves) == ["0.weight"]
    assert int((seen[-1] == 0).all(1).sum()) == 4

    def broken(model):
        if model[0].weight.eq(0).any():
            raise RuntimeError("stop")
        return 0.0

    with pytest.raises(RuntimeError):
        schedules.sensitivity_scan(model, broken, [0.5], rows)
    assert torch.equal(model[0].weight, before)


def test_scan_refuses(scanned):
    model, dataset = scanned
    with pytest.raises(ValueError, match="sparsities"):
        schedules.sensitivity_scan(model, dataset, [])
    with pytest.raises(ValueError, match="sparsities"):
        schedules.sensitivity_scan(model, dataset, [1.2])
    with pytest.raises(ValueError, match="masks"):
        schedules.sensitivity_scan(model, dataset, [0.5], {"nope": torch.ones(3)})
    with pytest.raises(ValueError, match=r"0\.weight"):
        schedules.sensitivity_scan(model, dataset, [0.5], {"0.weight": torch.ones(3, 3)})


CURVES = {
    "0.weight": {0.0: 99.0, 0.3: 98.9, 0.6: 98.5, 0.9: 90.0},
    "2.weight": {0.0: 99.0, 0.3: 98.4, 0.6: 97.0, 0.9: 50.0},
    "4.weight": {0.0: 99.0, 0.3: 99.1, 0.6: 98.2, 0.9: 98.6},
}


def test_from_sensitivity_by_hand():
    assert schedules.from_sensitivity(CURVES, 0.55) == {
        "0.weight": 0.6,
        "4.weight": 0.9,
    }  # 2.weight is too sensitive: left out
    assert schedules.from_sensitivity(CURVES, 0.5) == {
        "0.weight": 0.3,
        "4.weight": 0.9,
    }  # a drop of tau itself does not pass
    assert schedules.from_sensitivity(CURVES, 100) == dict.fromkeys(CURVES, 0.9)
    assert schedules.from_sensitivity({"a": {0.0: 90.0, 0.5: 80.0}}, 1) == {}


def test_equal_drop_by_hand():
    # sizes 200, 600, 60. At a drop of 0.3: 0.3 + 0.3 * (0.2 / 0.4) = 0.45; 0.15; 0.3 + 0.3 * (0.3 / 0.8) =
    # 0.4125
    model = small_net()
    total = 0.45 * 200 + 0.15 * 600 + 0.4125 * 60
    ratios = schedules.equal_drop(model, CURVES, total / 860)
    assert list(ratios.values()) == pytest.approx([0.45, 0.15, 0.4125], abs=0.02)
    assert schedules.equal_drop(model, CURVES, 0.9) == pytest.approx(dict.fromkeys(CURVES, 0.9))
    # the third curve is flat up to 0.3 and nothing else is: asking for less than that shrinks it
    assert schedules.equal_drop(model, CURVES, 9 / 860) == pytest.approx(
        {"0.weight": 0, "2.weight": 0, "4.weight": 9 / 60}
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=9, max_size=9), st.floats(0, 0.9))
def test_equal_drop_hits_the_total(values, wanted):
    model = small_net()
    curves = {
        name: {0.0: 99.0} | dict(zip((0.3, 0.6, 0.9), values[3 * i : 3 * i + 3], strict=True))
        for i, name in enumerate(CURVES)
    }
    masks = mask_model(
        {n: torch.ones_like(w) for n, w in prunable(model).items()},
        schedules.equal_drop(model, curves, wanted),
    )
    assert sum(int((~m).sum()) for m in masks.values()) == round(wanted * 860)


def test_predicted_accuracy_by_hand():
    # 99 - (0.1 + 0.4 * 1/3) at 0.4, - 0.6 at 0.3, + 0.1 at 0.3
    ratios = {"0.weight": 0.4, "2.weight": 0.3, "4.weight": 0.3}
    assert schedules.predicted_accuracy(CURVES, ratios) == pytest.approx(99 - 0.1 - 0.4 / 3 - 0.6 + 0.1)
    assert schedules.predicted_accuracy(CURVES, {}) == 99
    assert schedules.predicted_accuracy(CURVES, dict.fromkeys(CURVES, 0.0)) == 99
    assert (
        schedules.predicted_accuracy(CURVES | {"a": {0.0: 99.0, 1.0: 0.0}}, {"a": 1.0, "2.weight": 0.9}) == 0
    )
    with pytest.raises(ValueError, match="curve ends"):
        schedules.predicted_accuracy(CURVES, {"0.weight": 0.95})
    with pytest.raises(ValueError, match="ratios"):
        schedules.predicted_accuracy(CURVES, {"x": 0.5})


def test_curves_are_checked():
    for function in (
        lambda c: schedules.from_sensitivity(c, 1),
        lambda c: schedules.equal_drop(small_net(), c, 0.5),
    ):
        with pytest.raises(TypeError, match="curves"):
            function({})
        with pytest.raises(ValueError, match="dense accuracy"):
            function({"0.weight": {0.5: 90.0, 0.6: 80.0}})
    for tau in (0, -1, float("nan"), "1", True):
        with pytest.raises(ValueError, match="tau"):
            schedules.from_sensitivity(CURVES, tau)
    with pytest.raises(ValueError, match=r"at most 0\.900"):
        schedules.equal_drop(small_net(), CURVES, 0.95)
    with pytest.raises(ValueError, match="curves"):
        schedules.equal_drop(small_net(), {"x": CURVES["0.weight"]}, 0.5)

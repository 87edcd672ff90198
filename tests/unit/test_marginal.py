"""Ratios by the price of the next weight: against an exhaustive search, and against the rule of equal
drops."""

import itertools

import pytest
import torch
from torch import nn

from prunelab.marginal import equal_marginal_drop
from prunelab.schedules import equal_drop, predicted_accuracy

CURVES = {
    "0.weight": {0.0: 99.0, 0.25: 99.0, 0.5: 98.0, 0.75: 96.0, 1.0: 90.0},
    "1.weight": {0.0: 99.0, 0.25: 98.9, 0.5: 98.5, 0.75: 97.9, 1.0: 60.0},
    "2.weight": {0.0: 99.0, 0.25: 98.9, 0.5: 98.7, 0.75: 98.0, 1.0: 97.0},
}


def chain():
    return nn.Sequential(nn.Linear(20, 20), nn.Linear(20, 10), nn.Linear(10, 2))  # 400, 200, 20 weights


def test_small_enough_to_see():
    # 100 weights of the first layer are free; per weight, the next cheapest are 1.weight's first 50
    ratios = equal_marginal_drop(chain(), CURVES, 150 / 620)
    assert ratios == {"0.weight": 0.25, "1.weight": 0.25, "2.weight": 0.0}


@pytest.mark.parametrize("removed", [100, 150, 250, 300, 400, 500])
def test_no_other_choice_on_the_grid_with_this_total_is_predicted_better(removed):
    ratios = equal_marginal_drop(chain(), CURVES, removed / 620)
    sizes = {"0.weight": 400, "1.weight": 200, "2.weight": 20}
    assert sum(round(r * sizes[n]) for n, r in ratios.items()) == removed
    ours = predicted_accuracy(CURVES, ratios)
    for grid in itertools.product((0, 0.25, 0.5, 0.75, 1.0), repeat=3):
        other = dict(zip(CURVES, grid, strict=True))
        if sum(r * sizes[n] for n, r in other.items()) >= removed:
            assert ours >= predicted_accuracy(CURVES, other) - 1e-9
    assert ours >= predicted_accuracy(CURVES, equal_drop(chain(), CURVES, removed / 620)) - 1e-9


def test_the_small_layer_is_left_alone_where_equal_drops_empty_it():
    same, marginal = (rule(chain(), CURVES, 0.7) for rule in (equal_drop, equal_marginal_drop))
    assert same["2.weight"] == 1.0 and marginal["2.weight"] == 0.25


def test_a_dent_in_a_curve_is_bridged():
    # cheap at 1.0 only after an expensive step: the hull prices both steps alike
    curves = {"0.weight": {0.0: 99.0, 0.5: 95.0, 1.0: 95.0}, "1.weight": {0.0: 99.0, 1.0: 96.0}}
    model = nn.Sequential(nn.Linear(10, 10), nn.Linear(10, 10))
    assert equal_marginal_drop(model, curves, 0.5) == {"0.weight": 0.0, "1.weight": 1.0}
    assert equal_marginal_drop(model, curves, 0.75) == {"0.weight": 0.5, "1.weight": 1.0}


def test_the_whole_range():
    assert set(equal_marginal_drop(chain(), CURVES, 0.0).values()) == {0.0}
    assert set(equal_marginal_drop(chain(), CURVES, 1.0).values()) == {1.0}


@pytest.mark.parametrize(
    ("curves", "sparsity", "error", "says"),
    [
        ({}, 0.5, TypeError, "curves"),
        ({"9.weight": {0.0: 99.0, 1.0: 10.0}}, 0.5, ValueError, "a name in curves"),
        ({"0.weight": {0.5: 99.0, 1.0: 10.0}}, 0.5, ValueError, "dense accuracy at 0.0"),
        ({"0.weight": {0.0: 99.0, 0.5: 10.0}}, 0.8, ValueError, "sparsity must be at most 0.500"),
        (CURVES, 1.2, ValueError, "sparsity"),
    ],
)
def test_bad_arguments(curves, sparsity, error, says):
    with pytest.raises(error, match=says):
        equal_marginal_drop(chain(), curves, sparsity)
    with pytest.raises(TypeError, match="model"):
        equal_marginal_drop(torch.ones(2), CURVES, 0.5)

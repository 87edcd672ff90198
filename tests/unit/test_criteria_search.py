import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.criteria import evolve, expected_best_of, masked_loss, random_search


def small():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 3)
    ).eval()


def data(n=60):
    g = torch.Generator().manual_seed(1)
    return TensorDataset(torch.randn(n, 1, 4, 4, generator=g), torch.randint(0, 3, (n,), generator=g))


def counts(masks):
    return {name: (int(m.sum()), tuple(m.shape)) for name, m in masks.items()}


@pytest.mark.parametrize(
    "search",
    [
        lambda *a, **k: random_search(*a, draws=12, **k),
        lambda *a, **k: evolve(*a, generations=3, population=6, **k),
    ],
)
def test_a_search_keeps_the_best_of_what_it_saw_and_is_reproducible(search):
    model, ds = small(), data()
    before = [p.clone() for p in model.parameters()]
    found, again, other = search(model, ds, 0.5), search(model, ds, 0.5), search(model, ds, 0.5, seed=1)
    assert found.loss == min(found.losses) == pytest.approx(masked_loss(model, found.masks, ds))
    assert found.losses == again.losses and found.losses != other.losses
    assert counts(found.masks) == {"1.weight": (3, (5, 1)), "3.weight": (3, (5, 1))}
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))


def test_evolution_finds_the_best_of_all_sets_of_units():
    model, ds = small(), data()
    every = []
    for a, b in itertools.product(itertools.combinations(range(5), 2), repeat=2):
        masks = {
            "1.weight": torch.zeros(5, 1, dtype=torch.bool),
            "3.weight": torch.zeros(5, 1, dtype=torch.bool),
        }
        masks["1.weight"][list(a)], masks["3.weight"][list(b)] = True, True
        every.append(masked_loss(model, masks, ds))
    found = evolve(model, ds, 0.6, generations=12, population=8)
    assert len(found.losses) == 8 + 12 * 4
    assert found.loss <= sorted(every)[2] + 1e-9, (
        "56 of 100 candidates drawn, with repeats; one of the three best found"
    )


def test_evolution_never_loses_its_best():
    found = evolve(small(), data(), 0.5, generations=4, population=6)
    assert found.loss == min(found.losses)


@pytest.mark.parametrize("sparsity", [0.0, 1.0])
def test_where_there_is_nothing_to_choose_every_candidate_is_the_same(sparsity):
    assert len(set(evolve(small(), data(), sparsity, generations=1, population=4).losses)) == 1


def test_the_expected_best_of_n_is_known_for_small_n_and_simulated_for_large():
    assert expected_best_of(1) == 0
    assert expected_best_of(2) == pytest.approx(1 / math.sqrt(math.pi), abs=1e-9)
    assert expected_best_of(3) == pytest.approx(1.5 / math.sqrt(math.pi), abs=1e-9)
    best = np.random.default_rng(0).normal(size=(20_000, 50)).max(1)
    assert expected_best_of(50) == pytest.approx(best.mean(), abs=0.01)
    for n in (2, 10, 1000):
        assert expected_best_of(n) < math.sqrt(2 * math.log(n))


def test_bad_input_is_refused():
    model, ds = small(), data()
    for call, message in (
        (lambda: random_search(model, ds, 0.5, draws=0), "draws must be at least 1"),
        (lambda: random_search(model, ds, 1.5), "must lie in"),
        (lambda: evolve(model, ds, 0.5, population=3), "population must be at least 4"),
        (lambda: evolve(model, ds, 0.5, generations=-1), "generations must be at least 0"),
        (lambda: expected_best_of(0), "draws must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="dataset must be a TensorDataset"):
        evolve(model)

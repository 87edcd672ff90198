"""The search for an order of the columns: beside a plain search, and where it ends."""

from itertools import combinations

import pytest
import torch

from prunelab.semi_structured import kept_magnitude, permutation, permute_columns


@pytest.mark.parametrize("seed", range(3))
def test_eight_columns_reach_the_optimum(seed):
    weight = torch.randn(6, 8, generator=torch.Generator().manual_seed(seed))
    order = permute_columns(weight)
    assert sorted(order.tolist()) == list(range(8))
    deals = [
        (0, *three, *(c for c in range(8) if c not in (0, *three))) for three in combinations(range(1, 8), 3)
    ]
    best = max(kept_magnitude(weight[:, list(deal)]) for deal in deals)
    assert kept_magnitude(weight[:, order]) == pytest.approx(best, abs=1e-7)


def test_more_columns_gain_and_never_lose():
    weight = torch.randn(32, 32, generator=torch.Generator().manual_seed(1))
    order = permute_columns(weight)
    assert sorted(order.tolist()) == list(range(32))
    assert kept_magnitude(weight[:, order]) > kept_magnitude(weight) + 0.01
    already = weight[:, order]
    assert torch.equal(permute_columns(already), torch.arange(32)), "a second search finds nothing to gain"


def plain_search(weight):
    """The reference: every deal of every pair of groups in turn, in float64, until none gains."""
    order = list(range(weight.shape[1]))
    kept = lambda columns: weight[:, columns].double().abs().topk(2, dim=1).values.sum().item()  # noqa: E731
    moved = True
    while moved:
        moved = False
        for a, b in combinations(range(0, len(order), 4), 2):
            eight = order[a : a + 4] + order[b : b + 4]
            deals = [
                [eight[i] for i in (0, *three, *(c for c in range(8) if c not in (0, *three)))]
                for three in combinations(range(1, 8), 3)
            ]
            best = max(deals, key=lambda deal: kept(deal[:4]) + kept(deal[4:]))
            gain = kept(best[:4]) + kept(best[4:]) - kept(eight[:4]) - kept(eight[4:])
            if gain > 1e-4:
                order[a : a + 4], order[b : b + 4], moved = best[:4], best[4:], True
    return order


@pytest.mark.parametrize("columns", [12, 20, 36])
def test_the_search_ends_where_no_pair_gains(columns):
    weight = torch.randn(40, columns, generator=torch.Generator().manual_seed(columns))
    found = weight[:, permute_columns(weight)]
    assert plain_search(found) == list(range(columns))
    assert abs(kept_magnitude(found) - kept_magnitude(weight[:, plain_search(weight)])) < 0.01


def test_a_wide_layer_is_searched_in_pools(monkeypatch):
    weight = torch.randn(24, 160, generator=torch.Generator().manual_seed(1))
    whole = kept_magnitude(weight[:, permute_columns(weight)])
    searched = []
    tables = permutation._Tables
    monkeypatch.setattr(permutation, "_Tables", lambda groups: searched.append(len(groups)) or tables(groups))
    monkeypatch.setattr(permutation, "WHOLE", 39)
    monkeypatch.setattr(permutation, "POOL", 16)
    order = permute_columns(weight)
    assert sorted(order.tolist()) == list(range(160))
    assert searched == [16, 16, 8] * 2, "the time grows with the columns, not with their square"
    kept = kept_magnitude(weight[:, order])
    assert kept_magnitude(weight) + 0.75 * (whole - kept_magnitude(weight)) < kept <= whole + 0.002


def test_the_second_time_other_groups_meet(monkeypatch):
    weight = torch.randn(24, 160, generator=torch.Generator().manual_seed(2))
    monkeypatch.setattr(permutation, "WHOLE", 39)
    monkeypatch.setattr(permutation, "POOL", 10)
    kept = []
    for passes in (1, 2):
        monkeypatch.setattr(permutation, "PASSES", passes)
        kept.append(kept_magnitude(weight[:, permute_columns(weight)]))
    assert kept[1] > kept[0] + 0.001


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int8])
def test_every_type_and_size_of_number(dtype):
    weight = 20 * torch.randn(16, 32, generator=torch.Generator().manual_seed(3))
    weight = weight.to(dtype) * (1e200 if dtype == torch.float64 else 1)
    order = permute_columns(weight)
    assert sorted(order.tolist()) == list(range(32))
    assert kept_magnitude(weight[:, order].double()) > kept_magnitude(weight.double()) + 0.005


def test_the_sums_are_those_of_the_larger_numbers():
    here, there = torch.rand(3, 4, 1100), torch.rand(5, 6, 1100)
    found = permutation._sums_of_larger(here, there)
    expected = torch.maximum(here[:, None, :, None], there[None, :, None]).sum(4)
    assert found.shape == (3, 5, 4, 6) and torch.allclose(found, expected, rtol=1e-6)


def test_equal_columns_end_the_search():
    assert torch.equal(permute_columns(torch.ones(3, 12)), torch.arange(12))

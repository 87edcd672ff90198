"""The search for an order of the columns: beside a plain search, and where it ends."""

from itertools import combinations

import pytest
import torch

from prunelab.semi_structured import kept_magnitude, permute_columns


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


def test_the_search_ends_after_its_tries():
    weight = torch.randn(64, 64, generator=torch.Generator().manual_seed(1))
    kept = [kept_magnitude(weight[:, permute_columns(weight, tries)]) for tries in (1, 50, 500, 50_000)]
    assert kept_magnitude(weight) <= kept[0] < kept[1] < kept[2] <= kept[3]
    assert sorted(permute_columns(weight * 1e30, 50).tolist()) == list(range(64))
    with pytest.raises(ValueError, match="tries must be at least 1"):
        permute_columns(weight, 0)


def test_equal_columns_end_the_search():
    assert torch.equal(permute_columns(torch.ones(3, 12)), torch.arange(12))

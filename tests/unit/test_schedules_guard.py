"""The guard: the best that was seen comes back."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prunelab import schedules
from prunelab.masks import mask_model, sparsity

# ---- the guard


def test_guard_brings_back_the_best():
    scores = {"a": torch.tensor([[3.0], [1.0], [2.0], [2.0]]), "b": torch.tensor([1.0, 2.0, 3.0])}
    masks = {"a": torch.zeros(4, 1, dtype=torch.bool), "b": torch.tensor([False, True, True])}
    guarded = schedules.guard_masks(masks, scores)
    assert guarded["a"].flatten().tolist() == [True, False, False, False] and torch.equal(
        guarded["b"], masks["b"]
    )
    assert schedules.guard_masks(masks, scores, at_least=2)["a"].flatten().tolist() == [
        True,
        False,
        True,
        False,
    ]
    rounded = schedules.guard_masks(masks, scores, multiple=4)
    assert int(rounded["a"].sum()) == 4 and int(rounded["b"].sum()) == 3  # never more than there are
    assert not masks["a"].any(), "the argument must stay as it was"


@given(st.integers(1, 30), st.floats(0, 1), st.integers(1, 9), st.integers(1, 9))
def test_guard_properties(n, s, at_least, multiple):
    scores = {"a": torch.rand(n)}
    masks = mask_model(scores, s)
    guarded = schedules.guard_masks(masks, scores, at_least, multiple)["a"]
    kept = int(guarded.sum())
    assert kept == n or (
        kept >= at_least and kept % multiple == 0 and kept - max(int(masks["a"].sum()), at_least) < multiple
    )
    assert bool(guarded[masks["a"]].all()) and sparsity(guarded) == 1 - kept / n
    if kept < n:
        assert scores["a"][guarded].min() >= scores["a"][~guarded].max()


def test_guard_refuses():
    scores, masks = {"a": torch.ones(3)}, {"a": torch.ones(3, dtype=torch.bool)}
    for bad_masks, bad_scores, keywords in (
        (masks, {"b": torch.ones(3)}, {}),
        ({"a": torch.ones(2, dtype=torch.bool)}, scores, {}),
        ({"a": torch.ones(3)}, scores, {}),
        (masks, scores, {"at_least": 0}),
        (masks, scores, {"multiple": 0}),
    ):
        with pytest.raises(ValueError):
            schedules.guard_masks(bad_masks, bad_scores, **keywords)

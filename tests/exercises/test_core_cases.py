"""The machinery of the checkers: data sets stay, judges hint, cases are drawn alike."""

import pytest
import torch
from test_core import doubled, message
from torch.utils.data import TensorDataset

from prunelab.check import Mistake
from prunelab.check.compare import difference
from prunelab.check.core import Case, verify
from prunelab.check.exercise import Exercise


@pytest.mark.parametrize("entries", [10, 2_000_000])
def test_a_dataset_must_stay_as_it_is(entries):
    splits = [TensorDataset(torch.zeros(entries), torch.zeros(entries)) for _ in range(2)]
    cases = [Case("splits", (splits,), 1)]
    doubled(cases)(lambda splits: 1)
    assert "tensors[1]" in message(doubled(cases), lambda splits: [splits[1].tensors[1].add_(1), 1][1])


def test_a_judge_may_give_the_hint():
    cases = [Case("any", (1,), 0, judge=lambda result: ("Expected: more", "A hint of the judge."))]
    assert "A hint of the judge." in message(doubled(cases), lambda x: 5)


def test_cases_are_drawn_alike_whatever_the_function_draws():
    def cases():
        for _ in range(3):
            yield Case("random", (torch.randn(4),))

    def twice(x):
        return 2 * x

    def draws(x):
        torch.manual_seed(int(x[0] * 1000))
        seen.append(x.clone())
        return 2 * x

    exercise, seen = Exercise("9.1", twice, cases, verified="doubles", hint="general"), []
    assert exercise.name == "ex_9_1" and exercise.signature == "twice(x)" and "twice(x)" in repr(exercise)
    exercise(draws)
    assert all(torch.equal(x, case.args[0]) for x, case in zip(seen, exercise.all_cases(), strict=True))


def test_a_tensor_that_is_not_to_be_built_is_refused():
    cases = [Case("a product", (torch.ones(3, 4), torch.ones(4)), torch.full((3,), 4.0), largest=4)]
    options = {"verified": "one", "hint": "Row by row."}
    verify("0.1", "f(a, x)", lambda a, x: torch.stack([(row * x).sum() for row in a]), cases, **options)
    with pytest.raises(Mistake, match="12 entries; at most 4 are allowed"):
        verify("0.1", "f(a, x)", lambda a, x: (a * x).sum(1), cases, **options)


def test_a_hint_that_fits_by_chance_is_not_shown():
    cases = [Case(f"number {n}", (n,), 2 * n) for n in (3, 1, 2, 5, 7)]
    mistakes = [(lambda n: n + 1, "You add one.")]
    options = {"verified": "numbers", "hint": "Twice the number.", "mistakes": mistakes}
    with pytest.raises(Mistake, match=r"Hint: +Twice the number"):
        verify("0.1", "f(n)", lambda n: 4 if n == 3 else 0, cases, **options)
    with pytest.raises(Mistake, match=r"Hint: +You add one"):
        verify("0.1", "f(n)", lambda n: n + 1, cases, **options)


def test_small_tensors_are_compared_on_their_own_scale():
    small = 1e-9 * torch.tensor([1.0, 2.0])
    assert difference(small, small) is None
    assert difference(torch.zeros(2), small) and difference(2 * small, small)
    assert difference(torch.full((2,), 1e-9), torch.zeros(2)) is None

"""The machinery of the checkers: data sets stay, judges hint, cases are drawn alike."""

import pytest
import torch
from test_core import doubled, message
from torch.nn.utils import prune
from torch.utils.data import TensorDataset

from prunelab.check import Mistake
from prunelab.check.compare import difference, other_kind
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


def test_a_mistake_that_is_right_in_this_case_is_not_its_cause():
    numbers = [Case(f"number {n}", (n,), min(n, 9)) for n in (3, 1, 2, 10)]
    options = {
        "verified": "numbers",
        "hint": "At most 9.",
        "mistakes": [(lambda n: n, "Nothing is above 9.")],
    }
    with pytest.raises(Mistake, match=r"Hint: +First return the right kind"):
        verify("0.1", "f(n)", lambda n: float(min(n, 9)), numbers, **options)


def test_cases_that_both_get_right_do_not_speak_for_a_mistake():
    cases = [Case(f"number {n}", (n,), min(n, 9)) for n in (1, 2, 3, 4, 10, 5, 6, 20, 30)]
    options = {
        "verified": "numbers",
        "hint": "At most 9.",
        "mistakes": [(lambda n: n, "Nothing is above 9.")],
    }
    with pytest.raises(Mistake, match=r"Hint: +At most 9"):
        verify("0.1", "f(n)", lambda n: n if n <= 10 else 0, cases, **options)
    with pytest.raises(Mistake, match=r"Hint: +Nothing is above 9"):
        verify("0.1", "f(n)", lambda n: n, cases, **options)


def test_a_result_is_called_the_same_in_all_cases_only_if_it_stays_so():
    cases = [Case(f"number {n}", (n,), n > 2) for n in (3, 1, 4, 2)]
    options = {"verified": "numbers", "hint": "Above 2."}
    with pytest.raises(Mistake, match=r"Hint: +Above 2"):
        verify("0.1", "f(n)", lambda n: n != 2, cases, **options)
    with pytest.raises(Mistake, match=r"Hint: +The result is the same in all cases"):
        verify("0.1", "f(n)", lambda n: True, cases, **options)


@pytest.mark.parametrize(
    ("got", "expected", "other"),
    [
        (["a"], ["a", "b"], False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": "1"}, {"a": 1}, True),
        (1, None, False),
        ("a", ["a"], True),
        ((1, 2), (1, 2, 3), True),
        ((0.5, ["a"], {}), (0.25, [], {"b": 2}), False),
        ((0.5, "a", {}), (0.25, [], {}), True),
        (torch.ones(2), torch.ones(3), True),
    ],
)
def test_what_a_list_or_a_dict_holds_is_its_value_and_not_its_kind(got, expected, other):
    assert other_kind(got, expected) == other


def test_small_numbers_are_compared_on_their_own_scale():
    assert difference(0.0, 1e-9) and difference(2e-9, 1e-9)
    assert difference(1e-9 * (1 + 1e-6), 1e-9) is None
    assert difference(0.0, 1e-16) is None and difference(1e-16, 0.0) is None  # what rounding leaves


def test_a_hook_that_is_gone_is_not_called_left_behind():
    layer = torch.nn.Linear(2, 2)
    with torch.no_grad():  # so that the layer can be copied
        prune.l1_unstructured(layer, "weight", amount=0.5)
    said = message(
        doubled([Case("a masked layer", (layer,), 1)]), lambda m: [prune.remove(m, "weight"), 1][1]
    )
    assert "A hook is gone" in said


def test_small_tensors_are_compared_on_their_own_scale():
    small = 1e-9 * torch.tensor([1.0, 2.0])
    assert difference(small, small) is None
    assert difference(torch.zeros(2), small) and difference(2 * small, small)
    assert difference(torch.full((2,), 1e-9), torch.zeros(2)) is None

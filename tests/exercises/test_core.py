"""The machinery of the checkers: what it compares, what it says, and what it leaves alone."""

import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.check import Mistake
from prunelab.check.compare import describe, difference
from prunelab.check.core import Case, verify
from prunelab.check.exercise import Exercise

SAME = [
    (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.00001])),
    (torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([1.0, 2.0])),
    (np.array([1, 2]), np.array([1, 2])),
    (2, 2),
    (np.int64(2), 2),
    (torch.tensor(2), 2),
    (2, 2.0),
    (np.float32(0.5), 0.5),
    (torch.tensor(0.5), 0.5),
    (float("inf"), float("inf")),
    (np.True_, True),
    ("filter", "filter"),
    (None, None),
    ([1, 0.5], (1, 0.5)),
    ({"b": 1, "a": [torch.ones(2)]}, {"a": [torch.ones(2)], "b": 1}),
]
DIFFERENT = [
    (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.1]), "Expected: [1, 2.1]"),
    (
        torch.zeros(30),
        torch.zeros(30).index_fill(0, torch.tensor([7]), 1.0),
        "at [7] (1 of 30 entries differ)",
    ),
    (torch.tensor([1.0, float("nan")]), torch.tensor([1.0, 2.0]), "nan"),
    (torch.ones(2, dtype=torch.float64), torch.ones(2), "a tensor of torch.float32"),
    (torch.ones(2).int(), torch.ones(2).bool(), "a tensor of torch.bool"),
    (torch.ones(2, 1), torch.ones(2), "a tensor of shape (2,)"),
    (torch.eye(2).to_sparse(), torch.eye(2), "ordinary"),
    ([1.0], torch.ones(1), "a torch.float32 tensor"),
    ([1, 2], np.array([1, 2]), "a numpy array of int64"),
    (np.array([1, 3]), np.array([1, 2]), "[1, 3]"),
    (2.0, 2, "an integer"),
    (True, 1, "an integer"),
    (1, True, "True"),
    (3, 2, "Got:      3"),
    (0.5001, 0.5, "Expected: 0.5"),
    (float("nan"), 0.5, "nan"),
    ("0.5", 0.5, "'0.5'"),
    (10**400, 1e300, "1e+300"),
    ("filters", "filter", "'filters'"),
    (0, None, "None"),
    ((1, 2, 3), (1, 2), "2 values"),
    ((1, 3), (1, 2), "result's [1]"),
    ({"a": 1}, {"a": 1, "b": 2}, "the keys ['a', 'b']"),
    ({"a": {"b": 2}}, {"a": {"b": 3}}, "result's ['b']"),
    (3, nn.Linear(1, 1), "a torch.nn.Module"),
    (nn.Linear(2, 1), nn.Linear(2, 2), "['weight']"),
]


@pytest.mark.parametrize(("got", "expected"), SAME, ids=str)
def test_no_difference(got, expected):
    assert difference(got, expected) is None


@pytest.mark.parametrize(("got", "expected", "said"), DIFFERENT, ids=str)
def test_a_difference_in_words(got, expected, said):
    try:
        problem = difference(got, expected)
    except OverflowError:  # verify() shows what it expected and what came
        return
    assert said in problem


def test_form_only_looks_at_type_dtype_shape_and_finiteness():
    assert difference((torch.zeros(2), 1, "a"), (torch.ones(2), 5, "b"), form_only=True) is None
    assert "shape" in difference(torch.zeros(3), torch.ones(2), form_only=True)
    assert "finite" in difference(torch.full((2,), torch.nan), torch.ones(2), form_only=True)
    assert "finite" in difference(float("nan"), 1.0, form_only=True)


def test_describe_is_short_for_anything():
    for value in [
        "x" * 9999,
        list(range(9999)),
        torch.zeros(99, 99),
        nn.Linear(2, 2),
        10**6000,
        {1: torch.ones(3)},
        object(),
    ]:
        assert len(describe(value)) < 300


def doubled(cases=None, **options):
    """Return a checker of ``lambda x: 2 * x``."""
    cases = cases or [Case(f"x = {x}", (torch.tensor(x),), torch.tensor(2 * x)) for x in (0.0, 2.0, 3.0)]
    options = {"verified": "doubles", "hint": "general", **options}
    return lambda function: verify("9.1", "double(x)", function, cases, **options)


def message(checker, function):
    with pytest.raises(Mistake) as caught:
        checker(function)
    return str(caught.value)


def test_success_prints_one_line(capsys):
    doubled()(lambda x: x + x)
    assert capsys.readouterr().out == "Exercise 9.1: right. Verified on 3 cases: doubles.\n"


def test_a_mistake_is_shown_without_a_traceback():
    error = Mistake("first line\nsecond line")
    assert error._render_traceback_() == ["first line", "second line"]


def test_hints_go_from_special_to_general():
    mistakes = [(lambda x: x**2, "a square"), (lambda x: x + 2, "a sum"), (lambda x: 3 * x - 2, "another")]
    checker = doubled(mistakes=mistakes)
    assert "Hint:     a square" in message(checker, lambda x: x * x)  # 0 and 2 do not tell; 3 does
    assert "Hint:     a sum" in message(checker, lambda x: 2 + x)
    assert "Hint:     general" in message(checker, lambda x: x - 5)
    assert "its arguments as it is" in message(checker, lambda x: x)
    cases = [Case("one", (torch.tensor(1.0),), torch.tensor(2.0), hint="of the case")]
    assert "Hint:     of the case" in message(doubled(cases), lambda x: x - 5)


def test_of_several_known_mistakes_the_one_that_goes_on_fitting_is_named():
    cases = [Case(f"x = {x}", (torch.tensor(x),), torch.tensor(2 * x)) for x in (1.0, 3.0)]
    mistakes = [(lambda x: x**2, "a square"), (lambda x: torch.ones_like(x), "always one")]
    assert "always one" in message(doubled(cases, mistakes=mistakes), lambda x: x / x)


def test_cases_are_drawn_as_they_are_needed():
    def cases():
        yield Case("cheap", (torch.tensor(1.0),), torch.tensor(2.0))
        raise RuntimeError("the costly case was built")

    assert "cheap" in message(doubled(cases()), lambda x: "junk")


def test_a_judge_sees_well_formed_results_only():
    def judge(result):
        return None if result.sum() == 2 else "Expected: a sum of 2"

    checker = doubled([Case("any", (torch.tensor(2.0),), torch.zeros(2), judge=judge)])
    checker(lambda x: torch.ones(2))
    assert "a sum of 2" in message(checker, lambda x: torch.zeros(2))
    assert "shape (2,)" in message(checker, lambda x: torch.ones(3))


def test_the_line_of_an_error_is_named():
    def divides(x):
        return x / (1 // 0)

    text = message(doubled(), divides)
    assert "ZeroDivisionError" in text and "In line:  return x / (1 // 0)" in text


def test_arguments_are_copies_and_must_stay_as_they_are():
    tensor, model, table = torch.ones(3), nn.Linear(2, 2), {"a": [torch.ones(2)]}
    cases = [Case("all kinds", (tensor, model, table), 1)]
    before = model.weight.clone()

    def spoils(t, m, d):
        t.add_(1)
        m.weight.data.add_(1)
        d["a"][0].add_(1)
        return 1

    assert "changed what it was given" in message(doubled(cases), spoils)
    assert tensor.eq(1).all() and model.weight.equal(before) and table["a"][0].eq(1).all()


def test_warnings_stderr_and_random_state_are_kept_in_order(capsys):
    def noisy(x):
        warnings.warn("careful", stacklevel=1)
        print("to stderr", file=sys.stderr)
        torch.manual_seed(0)
        return 2 * x

    state = torch.get_rng_state()
    doubled()(noisy)
    captured = capsys.readouterr()
    assert captured.err == "" and "to stderr" in captured.out
    assert torch.get_rng_state().equal(state)


def test_an_interrupt_is_not_swallowed():
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        doubled()(interrupted)


def _net():
    return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.ReLU())


def _leave_gradients(model):
    model(torch.ones(3, 2)).sum().backward()


LEFT_BEHIND = {  # what a function does to a network in training mode, and a piece of what it is told
    "0.weight.grad": (_leave_gradients, "torch.autograd.grad"),
    "0.training": (lambda model: model[0].eval(), "another mode"),
    "the whole network's mode": (lambda model: model.eval(), "another mode"),
    "0.weight.requires_grad": (lambda model: model[0].weight.requires_grad_(False), "requires_grad"),
    "0.hooks": (lambda model: model[0].register_forward_hook(lambda *args: None), "A hook is left"),
    "running statistics": (lambda model: torch.no_grad()(model)(torch.ones(3, 2)), "Work on a copy"),
    "a weight": (lambda model: model[0].weight.data.mul_(2), "Work on a copy"),
    "a layer more": (lambda model: model.append(nn.ReLU()), ""),
}


@pytest.mark.parametrize("about", LEFT_BEHIND)
def test_what_a_function_leaves_behind_is_named(about):
    act, advice = LEFT_BEHIND[about]
    text = message(doubled([Case("a network", (_net(),), 1)]), lambda model: [act(model), 1][1])
    assert "changed what it was given" in text and advice in text
    assert (
        about not in ("0.weight.grad", "0.training", "0.weight.requires_grad", "0.hooks")
        or f": {about}." in text
    )


def test_what_was_there_before_may_stay():
    model, weight = _net().eval(), torch.ones(2, requires_grad=True)
    _leave_gradients(model)
    weight.grad = torch.ones(2)

    def looks(model, weight):
        assert all(p.grad is not None for p in model.parameters()) and weight.grad is not None
        return 1

    doubled([Case("gradients and a mode of its own", (model, weight), 1)])(looks)


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

"""Every checker accepts right answers and rejects wrong ones with the hint that fits; no junk passes or
crashes it.

The checkers' own known mistakes are wrong answers, too, and stand in ``prunelab/check`` alone. Further
answers stand in ``answers/``, in a module of the same name: right ones, written differently, and wrong ones
that no checker knows literally, with a piece of the hint that they must get. More wrong answers are made here
from the right ones.
"""

import contextlib
import functools
import gc
import importlib
import io
import math
import pkgutil
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from answers import RIGHT, WRONG
from torch import nn

from prunelab import check

ANSWERS = sorted(path.stem for path in (Path(__file__).parent / "answers").glob("chapter*.py"))
for name in ANSWERS:
    importlib.import_module(f"answers.{name}")
MODULES = {
    m.name: importlib.import_module(f"prunelab.check.{m.name}")
    for m in pkgutil.iter_modules(check.__path__)
    if m.name.startswith("chapter")
}
EXERCISES = [exercise.number for exercise in check.EXERCISES.values()]
KNOWN = [
    (e.number, i, j)
    for e in check.EXERCISES.values()
    for i, (_, *wrongs) in enumerate(e.mistakes)
    for j in range(len(wrongs))
]


def checker(number):
    return check.EXERCISES[f"ex_{number.replace('.', '_')}"]


def run(exercise, function):
    """Return what the checker prints; let its Mistake pass, and only that."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert checker(exercise)(function) is None
    return printed.getvalue()


def rejection(exercise, function):
    with pytest.raises(check.Mistake) as caught:
        run(exercise, function)
    assert not isinstance(caught.value, check.NotAttempted)
    return str(caught.value)


def exercises_of(module):
    return {name: value for name, value in vars(module).items() if isinstance(value, check.Exercise)}


def test_what_the_modules_hold_is_exported_by_name():
    held = {name: value for module in MODULES.values() for name, value in exercises_of(module).items()}
    assert all(name == value.name for name, value in held.items())
    assert held == check.EXERCISES == {name: getattr(check, name) for name in held}
    assert set(check.__all__) == {"EXERCISES", "Exercise", "Mistake", "NotAttempted", *held}


def test_answers_stand_in_the_module_of_the_name_of_the_check():
    assert ANSWERS == sorted(MODULES)
    for name in ANSWERS:
        text = (Path(__file__).parent / "answers" / f"{name}.py").read_text(encoding="utf-8")
        answered = set(re.findall(r'(?:right|wrong|plausible)\(\s*"(\d+\.\d+)"', text))
        assert answered == {exercise.number for exercise in exercises_of(MODULES[name]).values()}, name


def test_one_chapter_alone_does_not_make_the_package_slow_to_import():
    found = "import sys, prunelab.check; print([m for m in ('scipy.stats', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_exercise_has_answers():
    assert set(RIGHT) | set(WRONG) <= set(EXERCISES), "answers to an exercise that is not there"
    hints = {
        n: {hint for hint, *_ in checker(n).mistakes} | {hint for _, hint in WRONG[n]} for n in EXERCISES
    }
    assert not [number for number in EXERCISES if len(RIGHT[number]) < 2], (
        "at least 2 right answers, written differently"
    )
    assert not [number for number in EXERCISES if len(hints[number]) < 3], (
        "at least 3 wrong answers with different hints"
    )


def right_answers():
    """Return every right answer; the first of an exercise runs all lines that the others run, and counts."""
    return [
        pytest.param(name, f, marks=pytest.mark.no_cover if i else ())
        for name in EXERCISES
        for i, f in enumerate(RIGHT[name])
    ]


@pytest.mark.parametrize(("exercise", "function"), right_answers())
def test_right_answer_is_accepted(exercise, function):
    printed = run(exercise, function)
    assert f"Exercise {exercise}: right. Verified on " in printed


@pytest.mark.parametrize(("exercise", "mistake", "number"), KNOWN)
def test_known_mistake_gets_its_own_hint(exercise, mistake, number):
    hint, *wrongs = checker(exercise).mistakes[mistake]
    assert hint in rejection(exercise, wrongs[number]).split("Hint:")[-1]


@pytest.mark.parametrize(
    ("exercise", "function", "hint"), [(n, f, h) for n in EXERCISES for f, h in WRONG[n]]
)
def test_wrong_answer_gets_the_hint_that_fits(exercise, function, hint):
    message = rejection(exercise, function)
    assert hint in message.split("Hint:")[-1], message
    assert "Case:" in message
    assert len(message) < 1500


def stub(exercise):
    @functools.wraps(RIGHT[exercise][0])
    def untouched(*args):
        raise NotImplementedError()

    return untouched


@pytest.mark.parametrize("exercise", EXERCISES)
def test_untouched_stub_is_not_attempted_yet(exercise):
    with pytest.raises(check.NotAttempted, match="not attempted yet"):
        run(exercise, stub(exercise))


class Broken:
    """An object that breaks when it is looked at."""

    def __repr__(self):
        raise RuntimeError("no")

    __eq__ = __len__ = __iter__ = __float__ = __getattr__ = __repr__
    __hash__ = None


def _raise(error):
    raise error


JUNK = {
    "None": lambda *args: None,
    "a string": lambda *args: "0.5",
    "NaN": lambda *args: math.nan,
    "infinity": lambda *args: math.inf,
    "a huge integer": lambda *args: 10**6000,
    "True": lambda *args: True,
    "an empty list": lambda *args: [],
    "an empty dict": lambda *args: {},
    "a complex number": lambda *args: 1j,
    "a tensor of NaN": lambda *args: torch.full((2, 3), math.nan),
    "an empty tensor": lambda *args: torch.empty(0),
    "a sparse tensor": lambda *args: torch.eye(3).to_sparse(),
    "a meta tensor": lambda *args: torch.empty(3, 3, device="meta"),
    "a class": lambda *args: nn.Linear,
    "itself": lambda *args: JUNK["itself"],
    "a broken object": lambda *args: Broken(),
    "a tuple of broken objects": lambda *args: (Broken(), Broken(), Broken()),
    "an error": lambda *args: _raise(ValueError("something")),
    "an error without a message": lambda *args: _raise(KeyError()),
    "a library's NotImplementedError": lambda *args: _raise(NotImplementedError("this op has no CPU kernel")),
    "an exit": lambda *args: _raise(SystemExit(1)),
    "endless recursion": lambda *args: JUNK["endless recursion"](*args),
    "no parameters": lambda: None,
    "too many parameters": lambda a, b, c, d, e, f, g, h, i, j: None,
}


@pytest.mark.no_cover  # here and below: what right and wrong answers run is counted above, at half the pace
@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("exercise", EXERCISES)
def test_junk_is_rejected_in_words_within_a_tenth_of_a_second(exercise, junk, request):
    # as timeit does: what thousands of other tests left behind is not the checker's to clear away
    gc.disable()
    request.addfinalizer(gc.enable)
    seconds = []
    for _ in range(2):  # the first call may have to import or to warm up
        began = time.process_time()
        assert rejection(exercise, JUNK[junk]).startswith(f"Exercise {exercise}: ")
        seconds.append(time.process_time() - began)
    assert min(seconds) < 0.1


@pytest.mark.no_cover
@pytest.mark.parametrize("not_a_function", [None, 3, "text", [1], torch.ones(2), math.nan], ids=str)
@pytest.mark.parametrize("exercise", EXERCISES)
def test_what_is_no_function_is_refused(exercise, not_a_function):
    assert "pass the function itself" in rejection(exercise, not_a_function)


def mapped(value, change):
    """Return ``value`` with every tensor, module and number in it replaced by ``change(it)``."""
    if isinstance(value, dict):
        return {key: mapped(part, change) for key, part in value.items()}
    if type(value) in (tuple, list):
        return type(value)(mapped(part, change) for part in value)
    return change(value)


def other_type(value):
    if isinstance(value, torch.Tensor):
        return value.int() if value.is_floating_point() else value.float()
    return value.encode() if isinstance(value, str) else str(value)


def other_shape(value):
    return value.unsqueeze(0) if isinstance(value, torch.Tensor) else [value]


def other_value(value):
    if isinstance(value, torch.Tensor):
        return ~value if value.dtype == torch.bool else value + 1
    if isinstance(value, bool | str | None):
        return not value
    return nn.Identity() if isinstance(value, nn.Module) else value + 1


@torch.no_grad()
def spoil(value):
    if isinstance(value, nn.Module):
        for parameter in value.parameters():
            parameter.add_(1)
    elif isinstance(value, torch.Tensor):
        stored = value if value.layout == torch.strided else value.values()
        stored.logical_not_() if value.dtype == torch.bool else stored.add_(1)
    return value


def mutants(exercise):
    """Return wrong answers made from the first right one: each must be rejected."""
    right = RIGHT[exercise][0]
    calls = []

    @functools.wraps(right)
    def recorded(*args):
        result = right(*args)
        calls.append((args, result))
        return result

    run(exercise, recorded)
    made = {
        f"the constant of case {i + 1}": lambda *args, value=result: value
        for i, (_, result) in enumerate(calls)
    }
    made |= {f"argument {i + 1}": lambda *args, i=i: args[i] for i in range(len(calls[0][0]))}
    made["another type"] = lambda *args: mapped(right(*args), other_type)
    made["another shape"] = lambda *args: mapped(right(*args), other_shape)
    made["other values"] = lambda *args: mapped(right(*args), other_value)
    made["right in the first case only"] = lambda *args, first=[]: (
        first or first.append(right(*args)) or first
    )[0]
    if any(isinstance(value, torch.Tensor | nn.Module | dict) for value in calls[0][0]):

        def in_place(*args):
            result = right(*args)
            mapped(args, spoil)
            for value in args:
                if isinstance(value, dict):
                    value.clear()  # of numbers or lists, which spoil cannot change in place
            return result

        made["right, but its arguments are changed"] = in_place
    return made


@pytest.mark.no_cover
@pytest.mark.parametrize("exercise", EXERCISES)
def test_mutants_of_a_right_answer_are_rejected(exercise):
    for name, mutant in mutants(exercise).items():
        try:
            message = rejection(exercise, mutant)
        except pytest.fail.Exception:
            pytest.fail(f"{exercise} accepts {name}")
        if name == "right, but its arguments are changed":
            assert "Work on a copy" in message

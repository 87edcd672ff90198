"""The machinery of the checkers: call a learner's function on cases, compare with a reference, say in words what went wrong."""

import contextlib
import copy
import inspect
import itertools
import math
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

RELATIVE, ABSOLUTE = 1e-4, 1e-6  # how far a float may lie from the reference
SHOWN = 24  # a tensor of at most this many entries is printed whole
TELLING_APART = 5  # further cases looked at if several known mistakes explain a wrong result
IN_PLACE = "Work on a copy. Assigning to an index, += and methods whose names end in _ change the caller's own data."


class Mistake(AssertionError):
    """What a checker raises: short, readable, and shown in Jupyter without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


class NotAttempted(Mistake):
    """Raised for an untouched stub."""


@dataclass(frozen=True)
class Case:
    """One call of the learner's function.

    ``about`` says in words what is passed; ``args`` are the positional arguments (the function gets copies of tensors and modules).
    ``expected`` is the result of an independent reference. Where many results are right, give ``judge``: then ``expected`` is any
    well-formed result (only its form is compared: type, dtype, shape, keys) and ``judge(result)`` returns None or what is wrong
    with it. ``hint`` is shown if this case fails and no known mistake explains the result.
    """

    about: str
    args: tuple
    expected: object
    hint: str = ""
    judge: Callable[[object], str | None] | None = None


class Outcome(NamedTuple):
    """What a call came to: its value, or what it raised, and its arguments as it left them."""

    value: object
    error: BaseException | None
    args: tuple


def verify(
    exercise: str,
    signature: str,
    function: Callable,
    cases: Iterable[Case],
    *,
    verified: str,
    hint: str,
    mistakes: Iterable[tuple[Callable, str]] = (),
) -> None:
    """Check ``function`` on ``cases``, in order, and print what was verified; raise Mistake at the first case that fails.

    ``signature`` is what the stub shows, for example ``"keep_exactly(scores, sparsity)"``. ``mistakes`` pairs wrong functions with
    the hint that fits them: if the learner's result is the one such a function gives, its hint is shown, else the case's own, else
    ``hint``. ``cases`` may be a generator: a costly case is then built only after the cheap ones have passed.
    """
    name = f"Exercise {exercise}"
    if not callable(function):
        call_it = f"check.ex_{exercise.replace('.', '_')}({signature.split('(')[0]})"
        raise Mistake(f"{name}: pass the function itself, {call_it}; got {describe(function)}.")
    passed: list[tuple[Case, Outcome]] = []
    cases = iter(cases)
    with _undisturbed():
        for case in cases:
            _takes(function, case.args, f"{name}: your function must take the arguments of {signature}")
            got = call(function, case.args)
            if isinstance(got.error, NotImplementedError) and not got.error.args:
                raise NotAttempted(f"{name}: not attempted yet. Write {signature}, then run this cell again.")
            problem, advice = _problem(function, got, case), None
            if problem:
                advice = _known(function, [*passed, (case, got)], cases, mistakes) or _usual(got, case, passed) or case.hint or hint
            elif _changed(got, case):
                problem, advice = "The result is right, but your function changed what it was given.", IN_PLACE
            if problem:
                raise Mistake(f"{name}: not right yet.\n  Case:     {case.about}\n  {problem}\n  Hint:     {advice}")
            passed.append((case, got))
    print(f"{name}: right. Verified on {len(passed)} cases: {verified}.")


def call(function: Callable, args: tuple) -> Outcome:
    """Call ``function`` on copies of ``args``; what it raises is part of the outcome (an interrupt by the user is not)."""
    args = _copied(args)
    try:
        return Outcome(function(*args), None, args)
    except (Exception, SystemExit) as error:
        return Outcome(None, error, args)


def difference(got: object, expected: object, form_only: bool = False) -> str | None:
    """Return in words how ``got`` differs from ``expected``, or None; with ``form_only`` the values may differ.

    Knows tensors (dtype and shape must agree), numbers, strings, None, modules, and tuples, lists and dicts of these.
    """
    if isinstance(expected, torch.Tensor):
        return _tensor_difference(got, expected, form_only)
    if isinstance(expected, np.ndarray):
        if not isinstance(got, np.ndarray) or got.dtype != expected.dtype:
            return _says(f"a numpy array of {expected.dtype}", got)
        return _tensor_difference(torch.from_numpy(got), torch.from_numpy(expected), form_only)
    if isinstance(expected, bool | np.bool_ | Real):
        return _number_difference(got, expected, form_only)
    if isinstance(expected, nn.Module):
        if not isinstance(got, nn.Module):
            return _says("a torch.nn.Module", got)
        got, expected = dict(got.state_dict()), dict(expected.state_dict())
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping) or set(got) != set(expected):
            return _says(f"a dict with the keys {describe(list(expected))}", list(got) if isinstance(got, Mapping) else got)
        return _first((f"[{key!r}]", got[key], expected[key], form_only) for key in expected)
    if isinstance(expected, tuple | list):
        if not isinstance(got, tuple | list) or len(got) != len(expected):
            return _says(f"{len(expected)} values, {describe(expected)}", got)
        return _first((f"[{i}]", a, b, form_only) for i, (a, b) in enumerate(zip(got, expected, strict=True)))
    same = got is expected or (type(got) is type(expected) and (form_only or got == expected))
    return None if same else _says(describe(expected), got)


def _copied(value: object) -> object:
    """Return a copy of tensors and modules, alone or in containers; anything else (a dataset, a function) is passed as it is."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, nn.Module | np.ndarray):
        return copy.deepcopy(value)
    if type(value) in (tuple, list):
        return type(value)(_copied(part) for part in value)
    return {key: _copied(part) for key, part in value.items()} if type(value) is dict else value


def describe(value: object) -> str:
    """Return a short description of any value; never raises."""
    try:
        if isinstance(value, nn.Module):
            return f"a {type(value).__name__} module"
        if not isinstance(value, torch.Tensor):
            text = repr(value)
            kind = "" if isinstance(value, str | int | float | tuple | list | dict | None) else f" ({type(value).__name__})"
        elif value.numel() > SHOWN:
            return f"a {value.dtype} tensor of shape {tuple(value.shape)}"
        else:
            text = re.sub(r"\d+\.\d+(e-?\d+)?", lambda number: f"{float(number[0]):.4g}", str(value.tolist()))
            kind = f" ({value.dtype}, shape {tuple(value.shape)})"
        return (text if len(text) <= 240 else text[:240] + " ...") + kind
    except Exception:
        return f"an object of type {type(value).__name__}"


def _says(expected: str, got: object, where: str = "") -> str:
    return f"Expected: {expected}{where}\n  Got:      {describe(got)}{where}"


def _first(parts: Iterable[tuple[str, object, object, bool]]) -> str | None:
    """Return the first difference among (where, got, expected, form_only)."""
    for where, got, expected, form_only in parts:
        problem = difference(got, expected, form_only)
        if problem:
            return f"In the result's {where}:\n  {problem}"
    return None


def _number_difference(got: object, expected: Real, form_only: bool) -> str | None:
    if isinstance(got, torch.Tensor) and got.ndim == 0 and got.layout == torch.strided and got.device.type == "cpu":
        got = got.item()
    if isinstance(expected, bool | np.bool_):
        same = isinstance(got, bool | np.bool_) and (form_only or bool(got) == bool(expected))
        return None if same else _says("True or False" if form_only else str(bool(expected)), got)
    kind, word = (Integral, "an integer") if isinstance(expected, Integral) else (Real, "a number")
    if not isinstance(got, kind) or isinstance(got, bool):
        return _says(f"{word}, {expected:.6g}" if not form_only else word, got)
    if form_only:
        return None if math.isfinite(got) else _says("a finite number", got)
    same = got == expected if kind is Integral else math.isclose(got, expected, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return None if same else _says(f"{expected:.6g}", got)


def _tensor_difference(got: object, expected: torch.Tensor, form_only: bool) -> str | None:
    if not isinstance(got, torch.Tensor):
        return _says(f"a {expected.dtype} tensor of shape {tuple(expected.shape)}", got)
    if got.layout != torch.strided or got.device.type != "cpu":
        return _says("an ordinary (strided) tensor on the CPU", f"layout {got.layout} on {got.device}")
    if got.dtype != expected.dtype:
        return _says(f"a tensor of {expected.dtype}", got)
    if got.shape != expected.shape:
        return _says(f"a tensor of shape {tuple(expected.shape)}", got)
    if form_only:
        return None if torch.isfinite(got).all() else _says("finite entries", got)
    got, expected = got.detach(), expected.detach()
    exact = not expected.is_floating_point()
    wrong = got != expected if exact else ~torch.isclose(got, expected, rtol=RELATIVE, atol=ABSOLUTE)
    if not wrong.any():
        return None
    if expected.numel() <= SHOWN:
        return _says(describe(expected), got)
    place = tuple(wrong.nonzero()[0].tolist())
    where = f" at {list(place)} ({int(wrong.sum())} of {wrong.numel()} entries differ)"
    return _says(describe(expected[place].item()), got[place].item(), where)


def _problem(function: Callable, got: Outcome, case: Case) -> str | None:
    """Return what is wrong with the outcome in this case: an exception, the result's form, its values."""
    if got.error is not None:
        return f"Your function raised {type(got.error).__name__}: {_message(got.error)}{_line(function, got.error)}"
    try:
        problem = difference(got.value, case.expected, form_only=case.judge is not None)
        return case.judge(got.value) if not problem and case.judge is not None else problem
    except Exception:  # an object that breaks when it is looked at
        return _says(describe(case.expected), got.value)


def _changed(got: Outcome, case: Case) -> bool:
    try:
        return difference(got.args, case.args) is not None
    except Exception:
        return True


def _message(error: BaseException) -> str:
    try:
        text = str(error).strip() or "no message"
    except Exception:
        text = "no message"
    return text.splitlines()[0][:200]


def _line(function: Callable, error: BaseException) -> str:
    """Return where in the learner's code ``error`` was raised."""
    code = getattr(function, "__code__", None)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if code and frame.filename == code.co_filename]
    return f"\n  In line:  {frames[-1].line}" if frames and frames[-1].line else ""


def _usual(got: Outcome, case: Case, passed: list[tuple[Case, Outcome]]) -> str | None:
    """Return the hint for a mistake that can be made in any exercise."""
    if got.error is not None:
        return None
    if got.value is None:
        return "The function returns None. Is the return missing?"
    if any(got.value is argument for argument in got.args if not isinstance(argument, int)):
        return "The function returns one of its arguments as it is."
    if passed and all(_alike(got, other) for _, other in passed):
        return "The function returns the same in every case. Compute the result from the arguments."
    try:
        malformed = difference(got.value, case.expected, form_only=True)
    except Exception:
        malformed = True
    return "First return the right kind of object (type, dtype, shape), then look at the values." if malformed else None


def _known(function: Callable, seen: list[tuple[Case, Outcome]], more: Iterator[Case], mistakes: Iterable) -> str | None:
    """Return the hint of the known mistake that gives the learner's outcomes; of several, of the one that goes on doing so."""
    case, got = seen[-1]
    fitting = [(wrong, hint) for wrong, hint in mistakes if _alike(call(wrong, case.args), got)]
    further = ((case, call(function, case.args)) for case in itertools.islice(more, TELLING_APART))
    evidence = itertools.chain(seen[:-1], further)
    while len({hint for _, hint in fitting}) > 1 and (another := next(evidence, None)):
        case, got = another
        fitting = [(wrong, hint) for wrong, hint in fitting if _alike(call(wrong, case.args), got)] or fitting
    return fitting[0][1] if fitting else None


def _alike(a: Outcome, b: Outcome) -> bool:
    if a.error is not None or b.error is not None:
        return type(a.error) is type(b.error) and _message(a.error) == _message(b.error)
    try:
        return difference(a.value, b.value) is None
    except Exception:
        return False


def _takes(function: Callable, args: tuple, complaint: str) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a builtin without a signature: the call itself will tell
        return
    try:
        signature.bind(*args)
    except TypeError as error:
        raise Mistake(f"{complaint}; {error}.") from None


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Hide the learner's warnings, turn stderr into stdout (nbgrader fails cells with stderr), keep torch's random state."""
    with contextlib.redirect_stderr(sys.stdout), warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        yield

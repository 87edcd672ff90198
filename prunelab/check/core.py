"""The machinery of the checkers: call a learner's function on cases, compare with what is expected, find the
hint that fits.
"""

import contextlib
import inspect
import itertools
import linecache
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.overrides import TorchFunctionMode

from prunelab.check.compare import describe, difference, other_kind, says
from prunelab.check.given import changed, copied

TELLING_APART = 12  # further cases looked at if a known mistake explains a wrong result
AGREEMENT = 0.6  # share of the cases that one of the two gets wrong in which both go wrong alike
CONSTANT = 3  # further cases looked at if the result is that of the cases before
REFERENCE = object()  # stands for the result of the exercise's reference


class Mistake(AssertionError):
    """What a checker raises: short, readable, and shown in Jupyter without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


class NotAttempted(Mistake):
    """Raised for an untouched stub."""


@dataclass(frozen=True)
class Case:
    """One call of the learner's function.

    ``about`` says in words what is passed; ``args`` are the positional arguments (the function gets copies of
    tensors and modules). ``expected`` is the result of an independent reference; left out, ``Exercise`` fills
    it in. Where many results are right, give ``judge``: then ``expected`` is any well-formed result (only its
    form is compared: type, dtype, shape, keys) and ``judge(result)`` returns None, what is wrong with it, or
    a pair of what is wrong and the hint that fits. ``hint`` is shown if this case fails and nothing better is
    known. No tensor that the function makes may have more entries than ``largest``."""

    about: str
    args: tuple
    expected: object = REFERENCE
    hint: str = ""
    largest: int | None = None
    judge: Callable[[object], str | tuple[str, str] | None] | None = None


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
    """Check ``function`` on ``cases``, in order, and print what was verified; raise Mistake at the first case
    that fails.

    ``signature`` is what the stub shows, for example ``"keep_exactly(scores, sparsity)"``. ``mistakes`` pairs
    wrong functions with the hint that fits them: if the learner's result is the one such a function gives,
    its hint is shown, else the judge's, else the case's own, else ``hint``. ``cases`` may be a generator: a
    costly case is then built only after the cheap ones have passed."""
    name = f"Exercise {exercise}"
    if not callable(function):
        call_it = f"check.ex_{exercise.replace('.', '_')}({signature.split('(')[0]})"
        raise Mistake(f"{name}: pass the function itself, {call_it}; got {describe(function)}.")
    passed: list[tuple[Case, Outcome]] = []
    cases = iter(cases)
    with _undisturbed():
        for case in cases:
            _takes(function, case.args, f"{name}: your function must take the arguments of {signature}")
            got = call(function, case.args, case.largest)
            if isinstance(got.error, NotImplementedError) and not got.error.args:
                raise NotAttempted(f"{name}: not attempted yet. Write {signature}, then run this cell again.")
            problem, advice = _problem(function, got, case)
            if problem:
                known = _known(function, [*passed, (case, got)], cases, mistakes)
                advice = known or advice or _usual(function, got, case, passed, cases) or case.hint or hint
            elif change := _changed(got, case):
                problem, advice = (
                    f"The result is right, but your function changed what it was given: {change[0]}.",
                    change[1],
                )
            if problem:
                raise Mistake(
                    f"{name}: not right yet.\n  Case:     {case.about}\n  {problem}\n  Hint:     {advice}"
                )
            passed.append((case, got))
    print(f"{name}: right. Verified on {len(passed)} cases: {verified}.")


class _Small(TorchFunctionMode):
    """Refuse tensors of more than ``largest`` entries, whichever function of torch makes them."""

    def __init__(self, largest: int) -> None:
        super().__init__()
        self.largest = largest

    def __torch_function__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.layout == torch.strided and made.numel() > self.largest:
            raise MemoryError(f"a tensor of {made.numel():,} entries; at most {self.largest:,} are allowed")
        return made


def call(function: Callable, args: tuple, largest: int | None = None) -> Outcome:
    """Call ``function`` on copies of ``args``; what it raises is part of the outcome (an interrupt by the
    user is not).
    """
    args = copied(args)
    try:
        with _Small(largest) if largest else contextlib.nullcontext():
            return Outcome(function(*args), None, args)
    except (Exception, SystemExit) as error:
        return Outcome(None, error, args)


def _problem(function: Callable, got: Outcome, case: Case) -> tuple[str | None, str | None]:
    """Return (what is wrong with the outcome: an exception, the result's form, its values; the judge's hint),
    or (None, None).
    """
    if got.error is not None:
        return (
            (
                f"Your function raised {type(got.error).__name__}:"
                f" {_message(got.error)}{_line(function, got.error)}"
            ),
            None,
        )
    try:
        problem = difference(got.value, case.expected, form_only=case.judge is not None)
        if not problem and case.judge is not None:
            problem = case.judge(got.value)
        return problem if isinstance(problem, tuple) else (problem, None)
    except Exception:  # an object that breaks when it is looked at
        return says(describe(case.expected), got.value), None


def _changed(got: Outcome, case: Case) -> tuple[str, str] | None:
    try:
        return changed(case.args, got.args)
    except Exception:
        return (
            "an argument",
            "Your function has left an argument in a state that can no longer be looked at. Work on a copy.",
        )


def _message(error: BaseException) -> str:
    try:
        text = str(error).strip() or "no message"
    except Exception:
        text = "no message"
    return text.splitlines()[0][:200]


def _line(function: Callable, error: BaseException) -> str:
    """Return where in the learner's code ``error`` was raised."""
    file = getattr(getattr(function, "__code__", None), "co_filename", "")
    walked = traceback.walk_tb(error.__traceback__)  # a line of code that was generated may have no number
    lines = [at for frame, at in walked if frame.f_code.co_filename == file and at is not None]
    line = linecache.getline(file, lines[-1]).strip() if lines else ""
    return f"\n  In line:  {line}" if line else ""


def _usual(
    function: Callable, got: Outcome, case: Case, passed: list[tuple[Case, Outcome]], more: Iterator[Case]
) -> str | None:
    """Return the hint for a mistake that can be made in any exercise."""
    if got.error is not None:
        return None
    if got.value is None:
        return "The function returns None here. Does every way through it end in a return?"
    if any(got.value is argument for argument in got.args if not isinstance(argument, int)):
        return "The function returns one of its arguments as it is."
    if passed and all(_alike(got, other) for _, other in passed):
        further = (call(function, later.args) for later in itertools.islice(more, CONSTANT))
        if all(_alike(got, other) for other in further):
            return "The result is the same in all cases. Compute it from the arguments."
    try:
        malformed = other_kind(got.value, case.expected)
    except Exception:
        malformed = True
    return (
        "First return the right kind of object (type, dtype, shape), then look at the values."
        if malformed
        else None
    )


def _known(
    function: Callable, seen: list[tuple[Case, Outcome]], more: Iterator[Case], mistakes: Iterable
) -> str | None:
    """Return the hint of the known mistake that gives the learner's outcomes, also in further cases.

    A wrong value may fit a mistake by chance; a hint that then says why would send the learner astray. Cases
    that both get right tell nothing, and a mistake that makes no difference in this case is not its cause."""
    case, got = seen[-1]
    fitting = [(wrong, hint) for wrong, hint in mistakes if _explains(wrong, case, got)]
    if not fitting:
        return None
    telling, alike = [1] * len(fitting), [1] * len(fitting)  # the case that both agree on already
    further = ((case, call(function, case.args)) for case in itertools.islice(more, TELLING_APART))
    for case, got in itertools.chain(seen[:-1], further):  # one by one: a case may have a file that goes
        for i, (wrong, _) in enumerate(fitting):
            same, matters = _compare(wrong, case, got)
            telling[i] += matters
            alike[i] += matters and same
    shares = [part / whole for part, whole in zip(alike, telling, strict=True)]
    best = shares.index(max(shares))
    return fitting[best][1] if shares[best] >= AGREEMENT else None


def _explains(wrong: Callable, case: Case, got: Outcome) -> bool:
    mistaken = call(wrong, case.args)
    return _alike(mistaken, got) and _problem(wrong, mistaken, case)[0] is not None


def _compare(wrong: Callable, case: Case, got: Outcome) -> tuple[bool, bool]:
    """Return whether ``wrong`` comes to what the learner came to, and whether one of the two gets it wrong.
    Two that both raise something agree.
    """
    mistaken = call(wrong, case.args)
    same = _alike(mistaken, got) or (mistaken.error is not None and got.error is not None)
    return same, not same or _problem(wrong, mistaken, case)[0] is not None


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
    """Hide the learner's warnings, turn stderr into stdout (nbgrader fails cells with stderr), keep torch's
    state.
    """
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    with (
        contextlib.redirect_stderr(sys.stdout),
        warnings.catch_warnings(),
        torch.random.fork_rng(devices=[]),
        torch.enable_grad(),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            torch.set_num_threads(threads)

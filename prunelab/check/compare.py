"""How a learner's result differs from the expected one, in words."""

import math
import re
from collections.abc import Iterable, Mapping
from numbers import Integral, Real

import numpy as np
import torch
from torch import nn

RELATIVE, ABSOLUTE = 1e-4, 1e-6  # how far a float may lie from the reference
ROUNDING = 1e-12  # numbers below may be what is left of a difference that is zero
SHOWN = 24  # a tensor of at most this many entries is printed whole


def difference(got: object, expected: object, form_only: bool = False) -> str | None:
    """Return in words how ``got`` differs from ``expected``, or None; with ``form_only`` the values may
    differ.

    Knows tensors (dtype and shape must agree), numbers, strings, None, modules, and tuples, lists and dicts
    of these; where a type is expected, any object of that type will do."""
    if isinstance(expected, type):
        return None if isinstance(got, expected) else says(f"an object of type {expected.__name__}", got)
    if isinstance(expected, torch.Tensor):
        return _tensor_difference(got, expected, form_only)
    if isinstance(expected, np.ndarray):
        if not isinstance(got, np.ndarray) or got.dtype != expected.dtype:
            return says(f"a numpy array of {expected.dtype}", got)
        return _tensor_difference(torch.from_numpy(got), torch.from_numpy(expected), form_only)
    if isinstance(expected, bool | np.bool_ | Real):
        return _number_difference(got, expected, form_only)
    if isinstance(expected, nn.Module):
        if not isinstance(got, nn.Module):
            return says("a torch.nn.Module", got)
        got, expected = dict(got.state_dict()), dict(expected.state_dict())
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping) or set(got) != set(expected):
            return says(
                f"a dict with the keys {describe(list(expected))}",
                list(got) if isinstance(got, Mapping) else got,
            )
        return _first((f"[{key!r}]", got[key], expected[key], form_only) for key in expected)
    if isinstance(expected, tuple | list):
        if not isinstance(got, tuple | list) or len(got) != len(expected):
            return says(f"{len(expected)} values, {describe(expected)}", got)
        return _first((f"[{i}]", a, b, form_only) for i, (a, b) in enumerate(zip(got, expected, strict=True)))
    kind = str if isinstance(expected, str) else type(expected)  # numpy's strings are strings, too
    same = got is expected or (isinstance(got, kind) and (form_only or got == expected))
    return None if same else says(describe(expected), got)


def other_kind(got: object, expected: object) -> bool:
    """Return whether ``got`` is of another type, dtype or shape than ``expected``. Which entries a list or a
    dict has is its value and not its kind, and so is None where nothing is to be found.
    """
    if expected is None:
        return False
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping):
            return True
        return any(other_kind(got[key], expected[key]) for key in expected if key in got)
    if isinstance(expected, list):
        return not isinstance(got, list | tuple) or any(map(other_kind, got, expected))
    if isinstance(expected, tuple) and isinstance(got, tuple | list) and len(got) == len(expected):
        return any(map(other_kind, got, expected))
    return difference(got, expected, form_only=True) is not None


def describe(value: object) -> str:
    """Return a short description of any value; never raises."""
    try:
        if isinstance(value, nn.Module):
            return f"a {type(value).__name__} module"
        if not isinstance(value, torch.Tensor):
            text = repr(value)
            kind = (
                ""
                if isinstance(value, str | int | float | tuple | list | dict | None)
                else f" ({type(value).__name__})"
            )
        elif value.numel() > SHOWN:
            return f"a {value.dtype} tensor of shape {tuple(value.shape)}"
        else:
            text = re.sub(r"\d+\.\d+(e-?\d+)?", lambda number: f"{float(number[0]):.4g}", str(value.tolist()))
            text = re.sub(r"-0(?![.\d])", "0", text)
            kind = f" ({value.dtype}, shape {tuple(value.shape)})"
        return (text if len(text) <= 240 else text[:240] + " ...") + kind
    except Exception:
        return f"an object of type {type(value).__name__}"


def says(expected: str, got: object, where: str = "") -> str:
    """Return the two lines that name what was expected and what came."""
    return f"Expected: {expected}{where}\n  Got:      {describe(got)}{where}"


def _first(parts: Iterable[tuple[str, object, object, bool]]) -> str | None:
    """Return the first difference among (where, got, expected, form_only)."""
    for where, got, expected, form_only in parts:
        problem = difference(got, expected, form_only)
        if problem:
            return f"In the result's {where}:\n  {problem}"
    return None


def _number_difference(got: object, expected: Real, form_only: bool) -> str | None:
    if (
        isinstance(got, torch.Tensor)
        and got.ndim == 0
        and got.layout == torch.strided
        and got.device.type == "cpu"
    ):
        got = got.item()
    if isinstance(expected, bool | np.bool_):
        same = isinstance(got, bool | np.bool_) and (form_only or bool(got) == bool(expected))
        return None if same else says("True or False" if form_only else str(bool(expected)), got)
    kind, word = (Integral, "an integer") if isinstance(expected, Integral) else (Real, "a number")
    if not isinstance(got, kind) or isinstance(got, bool):
        return says(f"{word}, {expected:.6g}" if not form_only else word, got)
    if form_only:
        return None if math.isfinite(got) else says("a finite number", got)
    same = (
        got == expected
        if kind is Integral
        else math.isclose(got, expected, rel_tol=RELATIVE, abs_tol=_absolute(expected))
    )
    return None if same else says(f"{expected:.6g}", got)


def _absolute(number: Real) -> float:
    """Return how far a number may lie from ``number``: a small one has its own scale, unless it is what
    rounding leaves of a zero.
    """
    size = abs(float(number))
    return ABSOLUTE * min(1.0, size) if size > ROUNDING else ABSOLUTE


def _tensor_difference(got: object, expected: torch.Tensor, form_only: bool) -> str | None:
    if not isinstance(got, torch.Tensor):
        return says(f"a {expected.dtype} tensor of shape {tuple(expected.shape)}", got)
    if got.layout != torch.strided or got.device.type != "cpu":
        return says("an ordinary (strided) tensor on the CPU", f"layout {got.layout} on {got.device}")
    if got.dtype != expected.dtype:
        return says(f"a tensor of {expected.dtype}", got)
    if got.shape != expected.shape:
        return says(f"a tensor of shape {tuple(expected.shape)}", got)
    if form_only:
        return None if torch.isfinite(got).all() else says("finite entries", got)
    got, expected = got.detach(), expected.detach()
    exact = not expected.is_floating_point()
    # what is small as a whole is compared on its own scale, or any other small numbers would do
    largest = 0.0 if exact or not expected.numel() else float(expected.abs().max())
    absolute = ABSOLUTE * min(1.0, largest) if largest else ABSOLUTE
    wrong = got != expected if exact else ~torch.isclose(got, expected, rtol=RELATIVE, atol=absolute)
    if not wrong.any():
        return None
    if expected.numel() <= SHOWN:
        return says(describe(expected), got)
    place = tuple(wrong.nonzero()[0].tolist())
    where = f" at {list(place)} ({int(wrong.sum())} of {wrong.numel()} entries differ)"
    return says(describe(expected[place].item()), got[place].item(), where)

"""Checks of arguments that several modules share: each error names the argument, the value and what is allowed."""

import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike

Value = TypeVar("Value")


def fraction(name: str, value: float) -> float:
    """Return ``value`` as a float in [0, 1]; TypeError if it is not a number, ValueError if it is outside or NaN."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number in [0, 1], got {value!r}")
    if math.isnan(value) or not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1], got {value!r}")
    return float(value)


def count(name: str, value: int, at_least: int = 1) -> int:
    """Return ``value`` as an int of at least ``at_least``; TypeError if it is no integer, ValueError if it is too small."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer of at least {at_least}, got {value!r}")
    if value < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value!r}")
    return int(value)


def positive(name: str, value: float) -> float:
    """Return ``value`` if it is a positive finite number; TypeError if it is no number, ValueError if it is not positive."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a positive number, got {value!r}")
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return value


def one_of(name: str, value: Value, allowed: Iterable) -> Value:
    """Return ``value`` if it is among ``allowed``, else raise ValueError listing them."""
    allowed = list(allowed)
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def tensor(name: str, value: torch.Tensor) -> torch.Tensor:
    """Return ``value`` if it is a non-empty tensor of finite real numbers, else raise TypeError or ValueError."""
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}")
    if value.numel() == 0:
        raise ValueError(f"{name} must not be empty, got shape {tuple(value.shape)}")
    if value.is_complex():
        raise TypeError(f"{name} must hold real numbers, got {value.dtype}")
    if value.is_floating_point() and not all(map(math.isfinite, value.detach().aminmax())):  # 10 x faster than isfinite(value)
        raise ValueError(f"{name} must be finite, got {int((~torch.isfinite(value)).sum())} NaN or infinite entries")
    return value


def mapping(name: str, value: Mapping, at_least: int = 1) -> Mapping:
    """Return ``value`` if it is a mapping with at least ``at_least`` entries, else raise TypeError or ValueError."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict, got {type(value).__name__}")
    if len(value) < at_least:
        raise ValueError(f"{name} must have at least {at_least} entries, got {len(value)}")
    return value


def numbers(name: str, value: ArrayLike, low: float = -math.inf, high: float = math.inf, length: int | None = None) -> np.ndarray:
    """Return ``value``, numbers in a sequence, an array or a tensor, as a float64 array of finite numbers in [``low``, ``high``].

    Raises TypeError for anything else, ValueError if it is empty, not finite, out of range or not ``length`` numbers in a row.
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().double().numpy()
    if isinstance(value, str | bytes | Mapping | set) or value is None:
        raise TypeError(f"{name} must hold numbers, got {value!r:.80}")
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as cause:
        raise TypeError(f"{name} must hold numbers, in rows of one length, got {value!r:.80}") from cause
    if array.size == 0 or (length is not None and array.shape != (length,)):
        wanted = "must not be empty" if length is None else f"must be {length} numbers"
        raise ValueError(f"{name} {wanted}, got shape {array.shape}")
    if not np.isfinite(array).all() or array.min() < low or array.max() > high:
        raise ValueError(f"{name} must hold finite numbers in [{low:g}, {high:g}], got {array.min():g} to {array.max():g}")
    return array


def text(name: str, value: str) -> str:
    """Return ``value`` if it is a string, else raise TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {value!r:.80}")
    return value

"""Checks of arguments that several modules share: each error names the argument, the value and what is
allowed.
"""

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn
from torch.utils._pytree import keystr, tree_flatten_with_path, tree_leaves

Value = TypeVar("Value")
# an input of a network: one tensor, positional arguments, or named ones
Example: TypeAlias = torch.Tensor | tuple | Mapping[str, Any]


def fraction(name: str, value: float) -> float:
    """Return ``value`` as a float in [0, 1]; TypeError if it is not a number, ValueError if it is outside or
    NaN.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number in [0, 1], got {value!r}")
    if math.isnan(value) or not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1], got {value!r}")
    return float(value)


def count(name: str, value: int, at_least: int = 1, at_most: float = math.inf) -> int:
    """Return ``value`` as an int in [``at_least``, ``at_most``]; TypeError if it is no integer, ValueError if
    it is outside.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer of at least {at_least}, got {value!r}")
    if value < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value!r}")
    if value > at_most:
        raise ValueError(f"{name} must be at most {at_most}, got {value!r}")
    return int(value)


def positive(name: str, value: float) -> float:
    """Return ``value`` if it is a positive finite number; TypeError if it is no number, ValueError if it is
    not positive.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a positive number, got {value!r}")
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return value


def one_of(name: str, value: Value, allowed: Iterable) -> Value:
    """Return ``value`` if it is among ``allowed``, else raise ValueError listing them."""
    allowed = list(allowed)
    if not isinstance(value, Hashable) or isinstance(value, torch.Tensor) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def tensor(name: str, value: torch.Tensor) -> torch.Tensor:
    """Return ``value`` if it is a non-empty tensor of finite real numbers, else raise TypeError or
    ValueError.
    """
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}")
    if value.numel() == 0:
        raise ValueError(f"{name} must not be empty, got shape {tuple(value.shape)}")
    if value.is_complex():
        raise TypeError(f"{name} must hold real numbers, got {value.dtype}")
    if value.is_meta:
        raise ValueError(f"{name} must hold values, got one on the meta device")
    # 10 x faster than isfinite(value)
    if value.is_floating_point() and not all(map(math.isfinite, value.detach().aminmax())):
        raise ValueError(
            f"{name} must be finite, got {int((~torch.isfinite(value)).sum())} NaN or infinite entries"
        )
    return value


def mapping(name: str, value: Mapping, at_least: int = 1) -> Mapping:
    """Return ``value`` if it is a mapping with at least ``at_least`` entries, else raise TypeError or
    ValueError.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict, got {type(value).__name__}")
    if len(value) < at_least:
        raise ValueError(f"{name} must have at least {at_least} entries, got {len(value)}")
    return value


def numbers(
    name: str, value: ArrayLike, low: float = -math.inf, high: float = math.inf, length: int | None = None
) -> np.ndarray:
    """Return ``value``, numbers in a sequence, an array or a tensor, as a float64 array of finite numbers in
    [``low``, ``high``].

    Raises TypeError for anything else, ValueError if it is empty, not finite, out of range or not ``length``
    numbers in a row."""
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
        raise ValueError(
            f"{name} must hold finite numbers in [{low:g}, {high:g}], got {array.min():g} to {array.max():g}"
        )
    return array


def text(name: str, value: str) -> str:
    """Return ``value`` if it is a string, else raise TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {value!r:.80}")
    return value


def labels(name: str, value: Sequence[str], length: int | None = None) -> list[str]:
    """Return ``value``, a sequence of ``length`` strings, as a list, else raise TypeError or ValueError."""
    if (
        isinstance(value, str)
        or not isinstance(value, Sequence)
        or not all(isinstance(label, str) for label in value)
    ):
        raise TypeError(f"{name} must be a list of strings, got {value!r:.80}")
    if length is not None and len(value) != length:
        raise ValueError(f"{name} must have {length} entries, got {len(value)}")
    return list(value)


def mask(name: str, value: torch.Tensor, shape: tuple[int, ...] | None = None) -> torch.Tensor:
    """Return ``value`` if it is a non-empty bool tensor, of ``shape`` if one is given, else raise TypeError
    or ValueError.
    """
    if not isinstance(value, torch.Tensor) or value.dtype != torch.bool:
        raise TypeError(f"{name} must be a bool tensor, got {getattr(value, 'dtype', type(value).__name__)}")
    if value.numel() == 0 or (shape is not None and value.shape != shape):
        raise ValueError(
            f"{name} must have shape {'(n, ...)' if shape is None else tuple(shape)}, got"
            f" {tuple(value.shape)}"
        )
    return value


def module(name: str, value: nn.Module) -> nn.Module:
    """Return ``value`` if it is a ``torch.nn.Module``, else raise TypeError."""
    if not isinstance(value, nn.Module):
        raise TypeError(f"{name} must be a torch.nn.Module, got {type(value).__name__}")
    return value


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[nn.Module]:
    """Yield ``model`` in eval mode; every one of its modules has its own mode again afterwards, also after an
    error.

    Raises TypeError if ``model`` is no module. Source: notebook 00."""
    modes = [(part, part.training) for part in module("model", model).modules()]
    model.eval()
    try:
        yield model
    finally:
        for part, mode in modes:
            part.training = mode


def path(name: str, value: Path | str) -> Path:
    """Return ``value`` as a ``Path``, else raise TypeError."""
    if not isinstance(value, str | Path):
        raise TypeError(f"{name} must be a path, a string or a pathlib.Path, got {value!r:.80}")
    return Path(value)


def flag(name: str, value: bool) -> bool:
    """Return ``value`` if it is True or False, else raise TypeError."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r:.80}")
    return value


def shaped(name: str, value: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Return ``value`` if it is a finite tensor of ``shape``, else raise TypeError or ValueError."""
    if tensor(name, value).shape != shape:
        raise ValueError(f"{name} must have shape {tuple(shape)}, got {tuple(value.shape)}")
    return value


def example(name: str, value: Example) -> tuple[tuple, dict[str, Any]]:
    """Return what ``model(*positional, **named)`` is called with, as ``(positional, named)``: ``value`` is
    one tensor, a tuple of positional arguments, or a dict of named ones, with at least one tensor, also
    inside lists and dicts. A complex tensor is allowed, and in a tuple or dict minus infinity, as masks that
    are added have it.

    Raises TypeError for anything else and, as ``tensor`` does, for a bad tensor in it. Source: notebook 09.2.
    """
    if isinstance(value, torch.Tensor):
        _input(name, value)
        return (value,), {}
    if not isinstance(value, tuple | Mapping):
        raise TypeError(
            f"{name} must be a torch.Tensor, got {type(value).__name__}; a tuple of arguments or a dict of"
            " named ones is allowed too"
        )
    # a Mapping that is no dict would be one leaf
    parts, _ = tree_flatten_with_path(dict(value) if isinstance(value, Mapping) else value)
    tensors = [(path, part) for path, part in parts if isinstance(part, torch.Tensor)]
    if not tensors:
        raise TypeError(f"{name} must hold at least one torch.Tensor, got {value!r:.80}")
    for path, part in tensors:
        infinite = part.is_floating_point() and not part.is_meta and bool((part == -math.inf).any())
        _input(f"{name}{keystr(path)}", part.masked_fill(part == -math.inf, 0) if infinite else part)
    return ((), dict(value)) if isinstance(value, Mapping) else (tuple(value), {})


def _input(name: str, value: torch.Tensor) -> None:
    tensor(name, torch.view_as_real(value.resolve_conj()) if value.is_complex() else value)


def tensors_of(value: Any) -> list[torch.Tensor]:
    """Return the tensors in ``value``, an input or an output of a network in any form, in order."""
    value = dict(value) if isinstance(value, Mapping) else value
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def batch(value: Example) -> int:
    """Return the size of the batch ``value``, an example: the length of its first list of tensors, or the
    first dimension of its first tensor.
    """
    positional, named = example("value", value)
    first = next(part for part in (*positional, *named.values()) if tensors_of(part))
    if isinstance(first, list | tuple) and isinstance(first[0], torch.Tensor):
        return len(first)
    first = tensors_of(first)[0]
    return len(first) if first.ndim else 1


def fits(name: str, value: Example, model: nn.Module) -> None:
    """Raise ValueError unless ``model`` takes the batch ``value``, the argument ``name``, as ``example`` has
    it: only the layers themselves know.
    """
    positional, named = example(name, value)
    try:
        with eval_mode(model), torch.inference_mode():
            model(*positional, **named)
    except Exception as cause:  # the user's code runs, so anything can come
        got = ", ".join(f"shape {tuple(part.shape)}, {part.dtype}" for part in tensors_of(value))
        raise ValueError(f"{name} must fit the model, got {got}: {str(cause)!r:.120}") from cause


def vector(name: str, value: torch.Tensor, whole: bool = False) -> torch.Tensor:
    """Return ``value`` if it is a vector, of whole numbers if asked for, else raise TypeError or
    ValueError.
    """
    if not isinstance(value, torch.Tensor) or value.is_complex():
        raise TypeError(
            f"{name} must be a tensor of real numbers, got {getattr(value, 'dtype', type(value).__name__)}"
        )
    if whole and (value.is_floating_point() or value.dtype == torch.bool):
        raise TypeError(f"{name} must hold whole numbers, got {value.dtype}")
    if value.ndim != 1:
        raise ValueError(f"{name} must be a vector, got shape {tuple(value.shape)}")
    return value


def sizes(name: str, shape: tuple[int, ...], dimensions: int | None = None) -> tuple[int, ...]:
    """Return ``shape`` as a tuple of sizes of which a tensor can be made, else raise TypeError or
    ValueError.
    """
    if isinstance(shape, str) or not isinstance(shape, Sequence):
        raise TypeError(f"{name} must be a tuple of sizes, got {shape!r:.80}")
    sizes = tuple(count(f"a size in {name}", size, at_least=0, at_most=2**31) for size in shape)
    if not sizes or (dimensions is not None and len(sizes) != dimensions) or math.prod(sizes) > 2**31:
        raise ValueError(
            f"{name} must have {dimensions or 'one or more'} sizes and at most 2**31 elements, got {sizes}"
        )
    return sizes


def whole_below(name: str, value: torch.Tensor, limit: int) -> torch.Tensor:
    """Return ``value`` if it is a non-empty int64 tensor of numbers from 0 to ``limit - 1``, else raise
    TypeError or ValueError.
    """
    if tensor(name, value).dtype != torch.int64:
        raise TypeError(f"{name} must be int64 numbers, got {value.dtype}")
    low, high = (int(end) for end in value.aminmax())
    if low < 0 or high >= limit:
        raise ValueError(f"{name} must lie in 0 to {limit - 1}, got {low} to {high}")
    return value

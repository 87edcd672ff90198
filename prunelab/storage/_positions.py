"""Where the nonzeros of a weight lie: found, taken, put back, and said as the distances between them.

All of it on the bits of the numbers, so that every type of number takes the same way. ``formats`` is made of
it."""

import math
from collections.abc import Iterable

import numpy as np
import torch

_ESCAPE = 255  # in the bytes of ``data_and_gaps``: 255 positions further, and no value here
_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_SIGNED = {torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2}  # the first bit is a sign
_BLOCK = 1 << 20  # elements looked at together: positions of all, 64 bits each, would be a second weight


def as_integers(tensor: torch.Tensor) -> np.ndarray:
    """Return the bits of a dense CPU tensor of real numbers as integers of the same width, without a copy."""
    return tensor.view(_INTEGERS[tensor.element_size()]).numpy()


def nonzero(flat: torch.Tensor) -> np.ndarray:
    """Return which entries of the dense CPU tensor ``flat`` are not zero, as a bool array; -0.0 is zero, NaN
    is not.

    NumPy compares float32 five times as fast as torch. Narrower floats are read as bits without their sign;
    types that have no -0.0 are read as bits."""
    if flat.dtype in (torch.float32, torch.float64):
        return flat.numpy() != 0
    bits = as_integers(flat)
    if flat.dtype in _SIGNED:
        bits = bits & np.array((1 << 8 * bits.itemsize - 1) - 1, bits.dtype)
    return bits != 0


def take(flat: torch.Tensor, where: np.ndarray) -> torch.Tensor:
    """Return the entries of ``flat`` at ``where``, positions or a bool array."""
    return torch.from_numpy(as_integers(flat)[where]).view(flat.dtype)


def put(values: torch.Tensor, where: np.ndarray, shape: tuple[int, ...]) -> torch.Tensor:
    """Return a tensor of ``shape`` with ``values`` at the positions ``where`` of its flattened form, and
    zeros."""
    bits = as_integers(values)
    weight = np.zeros(math.prod(shape), bits.dtype)
    weight[where] = bits
    return torch.from_numpy(weight).view(values.dtype).view(tuple(shape))


def data_and_gaps(flat: torch.Tensor, used: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
    """Return the entries of ``flat`` where ``used`` is True, and the number of zeros before each, as bytes;
    one of 255 or more begins with escapes."""
    bits, last = as_integers(flat), -1
    values, gaps = [bits[:0]], [np.empty(0, np.uint8)]
    for start in range(0, len(used), _BLOCK):
        found = np.flatnonzero(used[start : start + _BLOCK])
        if len(found):
            values.append(bits[start : start + _BLOCK].take(found))
            gaps.append(_as_bytes(np.diff(found, prepend=last - start) - 1))
            last = start + int(found[-1])
    return torch.from_numpy(np.concatenate(values)).view(flat.dtype), np.concatenate(gaps)


def _as_bytes(zeros: np.ndarray) -> np.ndarray:
    if zeros.max() < _ESCAPE:
        return zeros.astype(np.uint8)
    escapes = zeros // _ESCAPE
    last = (escapes + 1).cumsum() - 1  # where the byte behind the escapes of each lands
    symbols = np.full(int(last[-1]) + 1, _ESCAPE, np.uint8)
    symbols[last] = zeros - escapes * _ESCAPE
    return symbols


def gap_positions(symbols: torch.Tensor) -> torch.Tensor:
    """Return the positions that the gaps of ``data_and_gaps`` describe, int64."""
    is_value = symbols != _ESCAPE
    if is_value.all():
        return symbols.long().add_(1).cumsum(0).sub_(1)
    return ((symbols.long() + is_value).cumsum(0) - 1)[is_value]


def gap_entries(symbols: np.ndarray, widths: Iterable[int]) -> dict[int, int]:
    """Return {width in bits: entries of the format "gap", fillers included} for the gaps of
    ``data_and_gaps``."""
    zeros = symbols
    if _ESCAPE in symbols:
        zeros = np.diff(gap_positions(torch.from_numpy(symbols)).numpy(), prepend=-1) - 1
    return {bits: int((zeros >> bits).sum(dtype=np.int64)) + len(zeros) for bits in widths}

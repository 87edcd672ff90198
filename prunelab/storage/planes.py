"""The values that are left, in fewer bytes and without loss: byte by byte, where that pays.

The numbers of a pruned weight lie between its threshold and its largest weight, so their first bytes, sign
and exponent, are few different ones; the last bytes are noise. Written apart, as one plane for the first
bytes, one for the second and so on, each plane is coded as what it is. Notebook 07.1 derives it."""

import zlib

import numpy as np
import torch

from prunelab import arguments
from prunelab.storage._positions import as_integers

_SAMPLE = 1 << 16  # bytes from which a plane is judged
_NOISE = 0.97  # of 8 bits of entropy: coding would save less than its time is worth
_FEW = 2.0  # bits of entropy; below, no code word is shorter than 1 bit, and coding runs can save more


def code_planes(values: torch.Tensor) -> tuple[torch.Tensor, list[int]] | None:
    """Return ``(bytes, lengths)``: the byte planes of ``values`` ``(n,)`` one after the other, first the
    lowest bytes, and the bytes that each takes; 0 for a plane that stands there as it is.

    None if no plane gets smaller. Raises TypeError or ValueError unless ``values`` is a dense vector of real
    numbers. Source: notebook 07.1.

    >>> values = 1 + torch.arange(1000) / 1000  # one exponent: the first bytes are all the same
    >>> coded, lengths = code_planes(values)
    >>> lengths[3] < 100 and torch.equal(decode_planes(coded, lengths, 1000, torch.float32), values)
    True
    """
    arguments.vector("values", values)
    table = as_integers(values).view(np.uint8).reshape(len(values), values.element_size())
    parts, lengths = [], []
    for column in range(table.shape[1]):
        plane = np.ascontiguousarray(table[:, column])
        coded = _coded(plane)
        if coded is not None and len(coded) < len(plane):
            parts.append(np.frombuffer(coded, np.uint8))
            lengths.append(len(coded))
        else:
            parts.append(plane)
            lengths.append(0)
    return (torch.from_numpy(np.concatenate(parts)), lengths) if any(lengths) else None


def decode_planes(coded: torch.Tensor, lengths: list[int], count: int, dtype: torch.dtype) -> torch.Tensor:
    """Return the ``count`` values that ``code_planes`` wrote.

    Raises ValueError if the bytes are damaged or not as many as ``lengths`` says. Source: notebook 07.1."""
    if arguments.vector("coded", coded).dtype != torch.uint8:
        raise TypeError(f"coded must be uint8, got {coded.dtype}")
    if not isinstance(lengths, list):
        raise TypeError(f"lengths must be a list of whole numbers, got {lengths!r:.80}")
    for length in lengths:
        arguments.count("a length in lengths", length, at_least=0)
    arguments.count("count", count, at_least=0, at_most=2**40)
    if not isinstance(dtype, torch.dtype) or dtype.is_complex:
        raise TypeError(f"dtype must be a torch.dtype of real numbers, got {dtype!r:.80}")
    size = torch.empty(0, dtype=dtype).element_size()
    if len(lengths) != size or sum(length or count for length in lengths) != coded.numel():
        raise ValueError(
            f"planes must be {size}, and {coded.numel()} bytes together, got {lengths} for {count} values"
        )
    raw, start = coded.numpy().data, 0
    table = np.empty((count, size), np.uint8)
    for column, length in enumerate(lengths):
        plane = raw[start : start + (length or count)]
        table[:, column] = np.frombuffer(_inflated(plane, count) if length else plane, np.uint8)
        start += length or count
    return torch.from_numpy(table.reshape(-1)).view(dtype)


def _coded(plane: np.ndarray) -> bytes | None:
    """Return ``plane`` deflated, single bytes or runs, whichever a sample says; None where it is noise."""
    sample = plane[:: max(1, len(plane) // _SAMPLE)]
    shares = np.bincount(sample, minlength=256) / max(len(sample), 1)
    shares = shares[shares > 0]
    entropy = -float((shares * np.log2(shares)).sum())
    if entropy > 8 * _NOISE:
        return None
    if entropy > _FEW:
        return _deflated(plane, zlib.Z_HUFFMAN_ONLY)
    # a search for longer repeats takes 200 times as long, for nothing
    ways = [zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE]
    if len(shares) == 1 and len(plane) == len(sample):
        ways = [zlib.Z_RLE]  # one byte, again and again: no need to try
    tried = [_deflated(plane[:_SAMPLE], way) for way in ways]
    best = min(range(len(ways)), key=lambda number: len(tried[number]))
    return tried[best] if len(plane) <= _SAMPLE else _deflated(plane, ways[best])


def _deflated(plane: np.ndarray, strategy: int) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy)
    return coder.compress(plane.data) + coder.flush()


def _inflated(raw: memoryview, count: int) -> bytes:
    coder = zlib.decompressobj(-15)
    try:
        plane = coder.decompress(raw, count + 1)
    except zlib.error as error:
        raise ValueError(f"a plane of the values is damaged: {error}") from error
    if len(plane) != count or not coder.eof or coder.unused_data:
        raise ValueError(f"a plane of the values must hold {count} bytes, and it does not")
    return plane

"""Numbers as bytes: so many bits each, or Huffman-coded by zlib."""

import math
import zlib

import numpy as np
import torch

from prunelab import arguments

NATIVE = {8: np.uint8, 16: np.uint16, 32: np.int32, 64: np.int64}  # widths that are stored as integers


def pack(numbers: torch.Tensor, bits: int) -> torch.Tensor:
    """Return non-negative ``numbers`` ``(n,)`` with ``bits`` bits each: uint8, uint16, int32 or int64 where
    that fits, else bytes.

    Packed bytes hold the numbers one after the other, lowest bit first. Raises ValueError if a number needs
    more bits. Source: notebook 07.1."""
    arguments.count("bits", bits, at_most=64)
    arguments.vector("numbers", numbers, whole=True)
    if numbers.numel() and (int(numbers.min()) < 0 or int(numbers.max()) >= 1 << min(bits, 63)):
        raise ValueError(
            f"numbers must lie in [0, 2**{bits}), got {int(numbers.min())} to {int(numbers.max())}"
        )
    array = numbers.numpy()
    if bits in NATIVE:
        return torch.from_numpy(array.astype(NATIVE[bits]))
    flags = np.empty((len(array), bits), dtype=np.uint8)
    for bit in range(bits):  # over the width, not over the elements
        flags[:, bit] = (array >> bit) & 1
    return torch.from_numpy(np.packbits(flags, bitorder="little"))


def unpack(packed: torch.Tensor, bits: int, count: int) -> torch.Tensor:
    """Return the ``count`` numbers that ``pack`` wrote, as int64; ValueError if the length does not fit.
    Source: notebook 07.1.
    """
    arguments.count("bits", bits, at_most=64), arguments.count("count", count, at_least=0)
    arguments.vector("packed", packed, whole=True)
    if bits not in NATIVE and packed.dtype != torch.uint8:
        raise TypeError(f"packed must be uint8 for {bits} bits, got {packed.dtype}")
    expected = count if bits in NATIVE else math.ceil(count * bits / 8)
    if packed.numel() != expected:
        raise ValueError(
            f"packed must have {expected} entries for {count} numbers of {bits} bits, got {packed.numel()}"
        )
    if bits in NATIVE:
        return torch.from_numpy(packed.numpy().astype(np.int64))
    flags = np.unpackbits(packed.numpy(), count=count * bits, bitorder="little").reshape(count, bits)
    numbers = np.zeros(count, dtype=np.int64)
    for bit in range(bits):
        numbers |= flags[:, bit].astype(np.int64) << bit
    return torch.from_numpy(numbers)


def deflate(symbols: torch.Tensor) -> torch.Tensor:
    """Return uint8 ``symbols`` Huffman-coded by zlib (huffman-only: no search for repeats), as uint8.

    Raises TypeError for symbols that are not uint8. Source: notebook 07.1.
    """
    if arguments.vector("symbols", symbols).dtype != torch.uint8:
        raise TypeError(f"symbols must be uint8, got {symbols.dtype}")
    coder = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
    raw = coder.compress(symbols.numpy().tobytes()) + coder.flush()
    return torch.frombuffer(bytearray(raw), dtype=torch.uint8)


def inflate(stream: torch.Tensor, at_most: int) -> torch.Tensor:
    """Return the symbols that ``deflate`` coded; ValueError if ``stream`` is damaged or holds more than
    ``at_most`` symbols.

    Raises TypeError for a stream that is not uint8. Source: notebook 07.1.
    """
    if arguments.vector("stream", stream).dtype != torch.uint8:
        raise TypeError(f"stream must be uint8, got {stream.dtype}")
    at_most = arguments.count("at_most", at_most, at_least=0, at_most=2**40)
    coder = zlib.decompressobj(-15)
    try:
        raw = coder.decompress(stream.numpy().tobytes(), at_most + 1)
    except zlib.error as error:
        raise ValueError(f"the Huffman-coded stream is damaged: {error}") from error
    if len(raw) > at_most or not coder.eof or coder.unused_data:
        raise ValueError(
            f"the Huffman-coded stream must end after at most {at_most} symbols, and it does not"
        )
    return torch.frombuffer(bytearray(raw), dtype=torch.uint8) if raw else torch.empty(0, dtype=torch.uint8)

"""2:4 as the hardware stores it: two values and two positions for each group of four."""

import math

import numpy as np
import torch

from prunelab import arguments
from prunelab.storage.positions import as_integers, nonzero


def _tables() -> tuple[bytes, bytes, bytes]:
    """Return what is looked up, by ``bytes.translate``, the fastest table there is: for a byte of eight
    flags, two groups of four, which two of each four are stored (0 if one has more), and their positions as
    metadata; for a byte of metadata the flags of what is stored, 0 if it names no two positions in rising
    order.
    """
    pairs = []
    for flags in range(16):
        used = [bool(flags >> i & 1) for i in range(4)]
        # a group with fewer than two nonzeros stores zeros where the hardware's convention puts them
        first = 0 if used[0] else 1 if used[1] else 2
        pairs.append((first, 1 if used[0] and used[1] else 3 if used[3] or first == 2 else 2))
    stored, positions, named = bytearray(256), bytearray(256), bytearray(256)
    for byte in range(256):
        low, high = pairs[byte & 15], pairs[byte >> 4]
        few = max((byte & 15).bit_count(), (byte >> 4).bit_count()) <= 2
        stored[byte] = (sum(1 << i for i in low) | sum(16 << i for i in high)) * few
        positions[byte] = low[0] | low[1] << 2 | high[0] << 4 | high[1] << 6
        one, two, three, four = (byte >> shift & 3 for shift in (0, 2, 4, 6))
        named[byte] = (1 << one | 1 << two | 16 << three | 16 << four) * (one < two and three < four)
    return bytes(stored), bytes(positions), bytes(named)


STORED, POSITIONS, NAMED = _tables()
BLOCK = 1 << 16  # elements at a time: all that is made of a block stays in the cache


def compress_24(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pack a 2:4-sparse matrix ``(out, in)`` into its values ``(out, in / 2)`` and metadata ``(out, ceil(in /
    8))`` uint8.

    Every group of four inputs becomes two values and four bits: two 2-bit positions, the first kept one in
    the low bits. A byte holds two groups, the earlier one in its low half; an odd last group leaves the high
    half empty. A group with fewer than two nonzeros stores zeros at positions the hardware convention
    prescribes. Read as little-endian int16 (float16) or int32 (int8) words this is the metadata of NVIDIA's
    sparse tensor cores before their reordering.

    Raises ValueError if ``weight`` is not 2-D, 4 does not divide its inputs, or a group has more than two
    nonzeros. Source: arXiv 2104.08378; notebook 06."""
    if arguments.tensor("weight", weight).ndim != 2 or weight.shape[1] % 4:
        raise ValueError(f"weight must be (out, in) with 4 dividing in, got shape {tuple(weight.shape)}")
    rows, columns = weight.shape
    dense = weight.detach().cpu().contiguous()
    values = np.empty((rows, columns // 2), as_integers(dense).dtype)
    metadata = np.empty((rows, math.ceil(columns / 8)), np.uint8)
    step = max(1, BLOCK // columns)
    for start in range(0, rows, step):
        block = dense[start : start + step]
        used = nonzero(block.view(-1)).reshape(block.shape)
        flags = np.packbits(used, axis=1, bitorder="little")  # a byte: two groups
        stored = flags.tobytes().translate(STORED)
        if 0 in stored:
            _refuse_crowded(used, start)
        places = _places(stored, flags.shape, columns)
        values[start : start + step] = as_integers(block).take(places).reshape(len(block), -1)
        positions = np.frombuffer(flags.tobytes().translate(POSITIONS), np.uint8)
        metadata[start : start + step] = positions.reshape(flags.shape)
    if columns % 8:
        metadata[:, -1] &= 15
    packed = torch.from_numpy(values).view(weight.dtype)
    return packed.to(weight.device), torch.from_numpy(metadata).to(weight.device)


def _places(flags: bytes, shape: tuple[int, ...], columns: int) -> np.ndarray:
    """Return the positions, counted through a block of rows, of the ones in ``flags`` of ``shape``."""
    rows = np.frombuffer(flags, np.uint8).reshape(shape)
    return np.flatnonzero(np.unpackbits(rows, axis=1, count=columns, bitorder="little").view(bool))


def _refuse_crowded(used: np.ndarray, start: int) -> None:
    counts = used.reshape(len(used), -1, 4).sum(2)
    row, group = np.argwhere(counts > 2)[0]
    raise ValueError(
        f"weight must have at most 2 nonzeros in every 4, got {counts[row, group]} in row {start + row},"
        f" columns {4 * group} to {4 * group + 3}; apply nm_mask(weight, 2, 4) first"
    )


def decompress_24(values: torch.Tensor, metadata: torch.Tensor) -> torch.Tensor:
    """Undo ``compress_24``: return the matrix ``(out, in)`` of values ``(out, in / 2)`` and metadata ``(out,
    ceil(in / 8))``.

    Raises ValueError if the shapes do not fit, the metadata is not uint8, or a group names one position
    twice. Source: notebook 06."""
    if arguments.tensor("values", values).ndim != 2 or values.shape[1] % 2:
        raise ValueError(
            f"values must be (out, in / 2) with an even number of columns, got shape {tuple(values.shape)}"
        )
    groups = values.shape[1] // 2
    if arguments.tensor("metadata", metadata).dtype != torch.uint8 or metadata.shape != (
        len(values),
        (groups + 1) // 2,
    ):
        raise ValueError(
            f"metadata must be uint8 of shape {(len(values), (groups + 1) // 2)}, "
            f"got {metadata.dtype} of shape {tuple(metadata.shape)}"
        )
    bits, names = as_integers(values.detach().cpu().contiguous()), metadata.cpu().numpy()
    if groups % 2:  # the high half of the last byte names nothing: the last two of four stand in
        names = np.concatenate([names[:, :-1], names[:, -1:] & 15 | 0xE0], axis=1)
    dense = np.zeros((len(bits), 4 * groups), bits.dtype)
    step = max(1, BLOCK // (4 * groups))
    for start in range(0, len(bits), step):
        block = names[start : start + step]
        stored = block.tobytes().translate(NAMED)
        if 0 in stored:
            raise ValueError(
                "metadata must name two different positions in rising order in every group; these bytes are"
                " damaged"
            )
        places = _places(stored, block.shape, 4 * groups)
        dense[start : start + step].reshape(-1)[places] = bits[start : start + step].reshape(-1)
    return torch.from_numpy(dense).view(values.dtype).to(values.device)

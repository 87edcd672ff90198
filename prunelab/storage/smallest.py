"""The smallest format for a tensor: its index by counting, its values as they are, in a code book or in byte
planes."""

import numpy as np
import torch

from prunelab.storage._positions import as_integers, data_and_gaps, gap_entries, nonzero
from prunelab.storage.coding import format_bytes
from prunelab.storage.formats import Encoded, encode
from prunelab.storage.packing import deflate, pack
from prunelab.storage.planes import code_planes

_GAP_WIDTHS = range(2, 9)
_CODEBOOK = 256  # a tensor with more distinct values than this is stored as it is
_UNPRUNED = 1 << 16  # values; a dense tensor that is larger is not coded: that takes longer than writing it


def encode_smallest(weight: torch.Tensor) -> Encoded:
    """Return ``weight`` in the format that takes the fewest bytes: dense, bitmap, gaps of 2 to 8 bits, or
    Huffman-coded gaps.

    Where a weight has few distinct values, as after weight sharing, they are counted as numbers of a code
    book. CSR is not among the candidates: it is made to compute with, and the gaps say the same in fewer
    bits. Raises as ``encode`` does. Source: notebook 07.1."""
    if not isinstance(weight, torch.Tensor) or weight.layout != torch.strided or weight.is_complex():
        return encode(weight, "dense")  # which says what is wrong
    smallest, _, _ = _folded_smallest(weight)
    return encode(weight, "dense") if smallest.format == "dense" else smallest


def _folded_smallest(weight: torch.Tensor) -> tuple[Encoded, dict[str, torch.Tensor], dict]:
    """Return ``weight`` as ``encode_smallest`` does, and folded: its arrays, the values as a code book and
    codes or as coded byte planes where that takes fewer bytes, and what the card has to say of it.

    A dense one keeps the memory of ``weight``. The cheap bounds come first: what cannot win is not made."""
    flat, shape = weight.detach().cpu().reshape(-1), tuple(weight.shape)
    used = nonzero(flat)
    nonzeros = int(np.count_nonzero(used))
    data, gaps = (flat, None) if nonzeros == len(used) else data_and_gaps(flat, used)
    book = _book(data)
    # one more than the book: the fillers of "gap" are zeros
    value_bits = 8 * weight.element_size() if book is None else max(len(book), 1).bit_length()
    # no index takes less than one bit for each nonzero: what is nearly dense is not tried
    if gaps is None or weight.ndim == 0 or nonzeros * (value_bits + 1) >= len(used) * value_bits:
        return _fold(Encoded("dense", shape, 0, {"data": flat}), _book(flat) if gaps is not None else book)
    if not nonzeros:  # no entries at all
        return _fold(
            Encoded("gap", shape, _GAP_WIDTHS[0], {"data": data, "gaps": torch.from_numpy(gaps)}), None
        )
    coded = Encoded("huffman", shape, 0, {"data": data, "stream": deflate(torch.from_numpy(gaps))})
    folded, name, bits = _fold(coded, book), *_counted(coded, gaps, nonzeros, value_bits)
    if name == "huffman":
        return folded
    other = encode(weight, name, bits)
    others = _fold(other, _book(other.arrays["data"]))
    return min(folded, others, key=lambda ways: sum(array.nbytes for array in ways[1].values()))


def _counted(coded: Encoded, gaps: np.ndarray, nonzeros: int, value_bits: int) -> tuple[str, int | None]:
    """Return the format, and its index width, that takes the fewest bytes if a value takes ``value_bits``;
    "huffman" is ``coded``."""
    stream = coded.arrays["stream"].nbytes
    sizes: dict[tuple[str, int | None], int] = {
        (name, None): format_bytes(name, coded.shape, nonzeros, value_bits) for name in ("dense", "bitmap")
    }
    # gaps of b bits take at least b bits each: those that must be longer than the code are not counted
    short = [bits for bits in _GAP_WIDTHS if bits * nonzeros <= 8 * stream]
    for bits, count in gap_entries(gaps, short).items():
        sizes["gap", bits] = format_bytes("gap", coded.shape, count, value_bits, bits)
    least = min(sizes, key=lambda way: sizes[way])
    own = format_bytes("huffman", coded.shape, nonzeros, value_bits, stream_bytes=stream)
    return least if sizes[least] < own else ("huffman", None)


def _fold(encoded: Encoded, book: torch.Tensor | None) -> tuple[Encoded, dict[str, torch.Tensor], dict]:
    """Return ``encoded``, its arrays, the values (whose ``book`` is given) as they take the fewest bytes, and
    what the card has to say of it."""
    data = encoded.arrays["data"]
    folded, how = {"data": data}, {}
    if len(data) <= _UNPRUNED or encoded.format != "dense":
        planes = code_planes(data)
        if planes is not None:
            folded, how = {"planes": planes[0]}, {"planes": planes[1]}
    least = sum(array.nbytes for array in folded.values())
    if book is not None and book.nbytes + len(data) // 8 < least:  # no code takes less than one bit
        codes = torch.from_numpy(np.searchsorted(as_integers(book), as_integers(data)))
        packed, coded = pack(codes, max(len(book) - 1, 1).bit_length()), deflate(codes.to(torch.uint8))
        name, best = ("codes", packed) if packed.nbytes <= coded.nbytes else ("coded", coded)
        if book.nbytes + best.nbytes < least:
            folded, how = {"book": book, name: best}, {}
    return encoded, {part: array for part, array in encoded.arrays.items() if part != "data"} | folded, how


def _book(data: torch.Tensor) -> torch.Tensor | None:
    """Return the distinct values of ``data``, in the order of their bits, or None if there are none or too
    many.
    """
    bits = as_integers(data)
    for few in (2 * _CODEBOOK, 10_000):  # spares sorting a large tensor
        if len(bits) > few and len(np.unique(bits[:few])) > _CODEBOOK:
            return None
    book = np.unique(bits)
    return torch.from_numpy(book).view(data.dtype) if 0 < len(book) <= _CODEBOOK else None

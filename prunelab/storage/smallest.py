"""The smallest format for a tensor: its index by counting, its values as they are, in a code book or in byte
planes."""

import numpy as np
import torch

from prunelab.storage._positions import as_integers, gap_bytes, gap_entries, nonzero, take
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
    smallest = _smallest(weight)
    return encode(weight, "dense") if smallest.format == "dense" else smallest


def _smallest(weight: torch.Tensor) -> Encoded:
    """Do the work of ``encode_smallest``; where that is "dense", the memory is that of ``weight``."""
    flat, shape = weight.detach().cpu().reshape(-1), tuple(weight.shape)
    used = nonzero(flat)
    nonzeros = int(np.count_nonzero(used))
    data = flat if nonzeros == len(used) else take(flat, used)
    book = _book(data)
    # one more than the book: the fillers of "gap" are zeros
    value_bits = 8 * weight.element_size() if book is None else max(len(book), 1).bit_length()
    # no index takes less than one bit for each nonzero: what is nearly dense is not tried
    if weight.ndim == 0 or nonzeros * (value_bits + 1) >= len(used) * value_bits:
        return Encoded("dense", shape, 0, {"data": flat})
    stream = deflate(torch.from_numpy(gap_bytes(used)))
    coded = Encoded("huffman", shape, 0, {"data": data, "stream": stream})
    sizes = {name: format_bytes(name, shape, nonzeros, value_bits) for name in ("dense", "bitmap")}
    widths: dict[str, int | None] = dict.fromkeys(sizes)
    # gaps of b bits take at least b bits each: those that must be longer than the code are not counted
    short = [bits for bits in _GAP_WIDTHS if bits * nonzeros <= 8 * stream.nbytes]
    for bits, count in gap_entries(used, short).items():
        size = format_bytes("gap", shape, count, value_bits, bits)
        if size < sizes.get("gap", size + 1):
            widths["gap"], sizes["gap"] = bits, size
    name = min(sizes, key=lambda name: sizes[name])
    if sizes[name] >= format_bytes("huffman", shape, nonzeros, value_bits, stream_bytes=stream.nbytes):
        return coded
    other = encode(weight, name, widths[name])
    return min(coded, other, key=lambda e: sum(a.nbytes for a in _fold(e)[0].values()))


def _fold(encoded: Encoded) -> tuple[dict[str, torch.Tensor], dict]:
    """Return the arrays of ``encoded``, the values as a code book and codes or as coded byte planes where
    that takes fewer bytes, and what the card has to say of it.
    """
    data = encoded.arrays["data"]
    folded, how = {"data": data}, {}
    if len(data) <= _UNPRUNED or encoded.format != "dense":
        planes = code_planes(data)
        if planes is not None:
            folded, how = {"planes": planes[0]}, {"planes": planes[1]}
    book = _book(data)
    if book is not None:
        codes = torch.from_numpy(np.searchsorted(as_integers(book), as_integers(data)))
        packed, coded = pack(codes, max(len(book) - 1, 1).bit_length()), deflate(codes.to(torch.uint8))
        name, best = ("codes", packed) if packed.nbytes <= coded.nbytes else ("coded", coded)
        if book.nbytes + best.nbytes < sum(array.nbytes for array in folded.values()):
            folded, how = {"book": book, name: best}, {}
    return {part: array for part, array in encoded.arrays.items() if part != "data"} | folded, how


def _book(data: torch.Tensor) -> torch.Tensor | None:
    """Return the distinct values of ``data``, in the order of their bits, or None if there are none or too
    many.
    """
    bits = as_integers(data)
    if len(np.unique(bits[:10_000])) > _CODEBOOK:  # spares sorting a large tensor
        return None
    book = np.unique(bits)
    return torch.from_numpy(book).view(data.dtype) if 0 < len(book) <= _CODEBOOK else None

"""Sparse formats: where the zeros of a weight go when it is written down, and what the positions of the
others cost.

A weight of any rank is read as a matrix: its first dimension gives the rows, the rest the columns (a vector
is one row)."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from prunelab import arguments
from prunelab.storage._positions import data_and_gaps, gap_positions, nonzero, put, take
from prunelab.storage.packing import NATIVE, deflate, inflate, pack, unpack

FORMATS = ("dense", "coo", "csr", "csc", "bitmap", "gap", "huffman")
POINTER_BITS = 32


@dataclass(frozen=True)
class Encoded:
    """A weight in one of ``FORMATS``: its ``arrays`` are all that has to be stored besides format, shape and
    index width.

    ``data`` holds the nonzero values in the weight's dtype ("gap": and its fillers). The other arrays, by
    format: "csr" and "csc" ``indptr`` (int32) and ``indices``, "coo" ``rows`` and ``columns``, "bitmap"
    ``bitmap``, "gap" ``gaps``, "huffman" ``stream``. Index widths of 8, 16, 32 and 64 bits are stored as
    integers, others packed bit by bit into bytes. Source: notebook 07.1."""

    format: str
    shape: tuple[int, ...]
    index_bits: int
    arrays: dict[str, torch.Tensor]

    @property
    def nbytes(self) -> int:
        """Bytes of all the arrays together."""
        return sum(array.nbytes for array in self.arrays.values())


def encode(weight: torch.Tensor, format: str = "csr", index_bits: int | None = None) -> Encoded:
    """Return ``weight`` (any real dtype, at least one dimension, possibly empty) in one of ``FORMATS``.

    ``index_bits`` is the width of one column number ("csr", "coo"), row number ("csc", "coo") or gap ("gap";
    1 to 16). By default it is the smallest of 8, 16, 32 that fits, and 5 for "gap". "dense", "bitmap" and
    "huffman" have none. -0.0 is stored as 0.0.

    Raises TypeError if ``weight`` is no tensor of real numbers and ValueError for a scalar, an unknown format
    and an index width that is not allowed or too narrow for the shape. Source: Saad, "Iterative methods for
    sparse linear systems" (2003), section 3.4, for COO, CSR and CSC; Han, Mao and Dally, "Deep compression"
    (arXiv 1510.00149) for gaps with filler; notebook 07.1."""
    arguments.one_of("format", format, FORMATS)
    rows, columns = _matrix(weight)
    bits = _width(format, rows, columns, index_bits)
    flat = weight.detach().cpu().reshape(-1)
    if format == "dense":
        return Encoded(format, tuple(weight.shape), 0, {"data": flat.clone()})
    if format == "gap":
        gaps, data = gap_code(weight, bits)
        return Encoded(format, tuple(weight.shape), bits, {"data": data, "gaps": pack(gaps - 1, bits)})
    if format == "csc":
        turned = encode(flat.view(rows, columns).t().contiguous(), "csr", bits)
        return Encoded(format, tuple(weight.shape), bits, turned.arrays)
    if format == "bitmap":
        used = nonzero(flat)
        bitmap = torch.from_numpy(np.packbits(used, bitorder="little"))
        return Encoded(format, tuple(weight.shape), 0, {"data": take(flat, used), "bitmap": bitmap})
    if format == "huffman":
        data, steps = data_and_gaps(flat, nonzero(flat))
        stream = deflate(torch.from_numpy(steps))
        return Encoded(format, tuple(weight.shape), 0, {"data": data, "stream": stream})
    where = torch.from_numpy(np.flatnonzero(nonzero(flat)))
    data = take(flat, where.numpy())
    row = where // max(columns, 1)
    column = pack(where - row * columns, bits)
    if format == "coo":
        return Encoded(
            format, tuple(weight.shape), bits, {"data": data, "rows": pack(row, bits), "columns": column}
        )
    indptr = torch.zeros(rows + 1, dtype=torch.int32)
    indptr[1:] = torch.bincount(row, minlength=rows).cumsum(0)
    return Encoded(format, tuple(weight.shape), bits, {"data": data, "indptr": indptr, "indices": column})


def decode(encoded: Encoded) -> torch.Tensor:
    """Return the weight that ``encode`` was given, in its shape and dtype.

    Raises ValueError, in words, if the arrays do not fit together or an index lies outside the shape. Source:
    notebook 07.1."""
    if not isinstance(encoded, Encoded):
        raise TypeError(f"encoded must be an Encoded, as encode returns it, got {type(encoded).__name__}")
    arguments.one_of("encoded.format", encoded.format, FORMATS)
    arrays, bits, shape = encoded.arrays, encoded.index_bits, encoded.shape
    elements = math.prod(shape)
    data = arrays["data"]
    if encoded.format == "dense":
        if data.numel() != elements:
            raise ValueError(f"data must hold {elements} values for shape {shape}, got {data.numel()}")
        return data.clone().view(shape)
    if encoded.format == "gap":
        return gap_decode(unpack(arrays["gaps"], bits, data.numel()) + 1, data, shape)
    if encoded.format == "csc":
        rows, columns = _matrix_shape(shape)
        return decode(Encoded("csr", (columns, rows), bits, arrays)).t().reshape(shape)
    where = _positions(encoded, elements)
    if where.numel() != data.numel():
        raise ValueError(f"the index names {where.numel()} positions, but data holds {data.numel()} values")
    return put(data, where.numpy(), shape)


def _positions(encoded: Encoded, elements: int) -> torch.Tensor:
    """Return where the values of ``encoded`` lie in the flattened weight; ValueError if that is outside."""
    arrays, bits, entries = encoded.arrays, encoded.index_bits, encoded.arrays["data"].numel()
    rows, columns = _matrix_shape(encoded.shape)
    if encoded.format == "bitmap":
        if arrays["bitmap"].numel() != math.ceil(elements / 8):
            raise ValueError(
                f"bitmap must hold {math.ceil(elements / 8)} bytes for shape {encoded.shape}, got"
                f" {arrays['bitmap'].numel()}"
            )
        flags = np.unpackbits(arrays["bitmap"].numpy(), count=elements, bitorder="little").view(bool)
        return torch.from_numpy(np.flatnonzero(flags))
    if encoded.format == "huffman":
        where = gap_positions(inflate(arrays["stream"], elements))
        _inside("positions", where, elements)
        return where
    if encoded.format == "coo":
        row, column = (unpack(arrays[name], bits, entries) for name in ("rows", "columns"))
        _inside("rows", row, rows)
        _inside("columns", column, columns)
        return row * columns + column
    column = unpack(arrays["indices"], bits, entries)
    check_csr(arrays["indptr"], column, arrays["data"], (rows, columns))
    return torch.repeat_interleave(torch.arange(rows), arrays["indptr"].diff().long()) * columns + column


def check_csr(
    indptr: torch.Tensor, indices: torch.Tensor, data: torch.Tensor, shape: tuple[int, int]
) -> None:
    """Raise ValueError, saying which rule is broken, if the three arrays are no CSR matrix of ``shape``
    (rows, columns).

    The rules: ``indptr`` has rows + 1 entries, starts at 0, never falls and ends at the number of values;
    ``indices`` has one entry per value, each in [0, columns), rising strictly within a row. Source: notebook
    07.1."""
    rows, columns = arguments.sizes("shape", shape, 2)
    for name, array in (("indptr", indptr), ("indices", indices), ("data", data)):
        arguments.vector(name, array, whole=name != "data")
    if indptr.numel() != rows + 1:
        raise ValueError(f"indptr must have rows + 1 = {rows + 1} entries, got {indptr.numel()}")
    if indptr[0] != 0:
        raise ValueError(f"indptr must start at 0, got {int(indptr[0])}")
    if (indptr.diff() < 0).any():
        raise ValueError(
            f"indptr must never fall, but it falls after entry {int((indptr.diff() < 0).nonzero()[0])}"
        )
    if indptr[-1] != data.numel():
        raise ValueError(f"indptr must end at the number of values {data.numel()}, got {int(indptr[-1])}")
    if indices.numel() != data.numel():
        raise ValueError(f"indices must have one entry per value, {data.numel()}, got {indices.numel()}")
    _inside("indices", indices, columns)
    same_row = torch.ones(max(data.numel() - 1, 0), dtype=torch.bool)
    starts = indptr[1:-1].long()
    same_row[starts[(starts > 0) & (starts < data.numel())] - 1] = False
    if (same_row & (indices.diff() <= 0)).any():
        raise ValueError("indices must rise strictly within a row")


def gap_code(weight: torch.Tensor, index_bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``(gaps, values)`` of ``weight`` read row by row: how far each entry lies behind the one before,
    and its value.

    Gaps lie in 1 to ``2**index_bits`` (the first counts from position -1). Where the next nonzero is further
    away, filler entries with the value 0 are put in between, ``2**index_bits`` further each, as Deep
    Compression does. Both tensors have shape ``(entries,)``, gaps int64. Raises as ``encode`` does. Source:
    Han, Mao and Dally (arXiv 1510.00149), figure 2; notebook 07.1."""
    _matrix(weight)
    reach = 1 << _width("gap", 1, 1, index_bits)
    flat = weight.detach().cpu().reshape(-1)
    where = torch.from_numpy(np.flatnonzero(nonzero(flat)))
    distances = where.diff(prepend=where.new_full((1,), -1))
    fillers = (distances - 1) // reach
    last = (fillers + 1).cumsum(0) - 1  # where the entry of each nonzero lands
    entries = int(last[-1]) + 1 if len(last) else 0
    gaps = torch.full((entries,), reach)
    gaps[last] = distances - fillers * reach
    values = put(take(flat, where.numpy()), last.numpy(), (entries,))
    return gaps, values


def gap_decode(gaps: torch.Tensor, values: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Return the weight of ``shape`` that ``gap_code`` described.

    Raises ValueError if there are not as many gaps as values, a gap is below 1 or the last one ends outside
    the shape. Source: notebook 07.1."""
    arguments.vector("gaps", gaps, whole=True), arguments.vector("values", values)
    shape = arguments.sizes("shape", shape)
    if gaps.shape != values.shape:
        raise ValueError(
            f"gaps and values must have the same shape, got {tuple(gaps.shape)} and {tuple(values.shape)}"
        )
    if (gaps < 1).any():
        raise ValueError(f"gaps must be at least 1, got {int(gaps.min())}")
    where = gaps.cumsum(0) - 1
    _inside("gaps, added up,", where, math.prod(shape))
    return put(values, where.numpy(), shape)


def _inside(name: str, index: torch.Tensor, size: int) -> None:
    if index.numel() and (int(index.min()) < 0 or int(index.max()) >= size):
        raise ValueError(f"{name} must lie in [0, {size}), got {int(index.min())} to {int(index.max())}")


def _matrix(weight: torch.Tensor) -> tuple[int, int]:
    """Check ``weight`` and return the rows and columns it is read as."""
    if not isinstance(weight, torch.Tensor):
        raise TypeError(f"weight must be a torch.Tensor, got {type(weight).__name__}")
    if weight.is_complex() or weight.layout != torch.strided:
        raise TypeError(f"weight must be a dense tensor of real numbers, got {weight.dtype}, {weight.layout}")
    if weight.ndim == 0:
        raise ValueError("weight must have at least one dimension, got a scalar")
    return _matrix_shape(tuple(weight.shape))


def _matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    return (1, shape[0]) if len(shape) == 1 else (shape[0], math.prod(shape[1:]))


def _width(format: str, rows: int, columns: int, index_bits: int | None) -> int:
    """Return the index width to use; ValueError if the one asked for cannot name every row or column."""
    if format in ("dense", "bitmap", "huffman"):
        if index_bits is not None:
            raise ValueError(f"index_bits must be None for format {format!r}, got {index_bits!r}")
        return 0
    if format == "gap":
        bits = 5 if index_bits is None else arguments.count("index_bits", index_bits)
        if bits > 16:
            raise ValueError(f"index_bits must lie in 1 to 16 for format 'gap', got {bits}")
        return bits
    largest = {"csr": columns, "csc": rows, "coo": max(rows, columns)}[format]
    needed = max(largest - 1, 1).bit_length()
    bits = (
        next(b for b in NATIVE if b >= needed)
        if index_bits is None
        else arguments.count("index_bits", index_bits)
    )
    if not needed <= bits <= 64:
        raise ValueError(
            f"index_bits must lie in {needed} to 64 to number {largest} rows or columns, got {bits}"
        )
    return bits

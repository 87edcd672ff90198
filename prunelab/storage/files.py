"""A pruned model on disk: every tensor in the format that is smallest for it, in one safetensors file that
checks itself.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from prunelab import arguments
from prunelab.storage.coding import format_bytes
from prunelab.storage.formats import FORMATS, Encoded, decode, deflate, encode, inflate, pack, unpack

VERSION = "1"
_GAP_WIDTHS = range(2, 9)
_CODEBOOK = 256  # a tensor with more distinct values than this is stored as it is


def encode_smallest(weight: torch.Tensor) -> Encoded:
    """Return ``weight`` in the format that takes the fewest bytes: dense, bitmap, gaps of 2 to 8 bits, or
    Huffman-coded gaps.

    Where a weight has few distinct values, as after weight sharing, they are counted as numbers of a code
    book. CSR is not among the candidates: it is made to compute with, and the gaps say the same in fewer
    bits. Raises as ``encode`` does. Source: notebook 07.1."""
    encoded = encode(weight, "huffman")
    positions = weight.detach().reshape(-1).nonzero().squeeze(1)
    distances = positions.diff(prepend=positions.new_full((1,), -1))
    value_bits = 8 * weight.element_size()
    book = _book(encoded.arrays["data"])
    if book is not None:
        value_bits = max(len(book), 1).bit_length()  # one more than the book: the fillers of "gap" are zeros
    entries: dict[str, tuple[int | None, int]] = {"dense": (None, 0), "bitmap": (None, len(positions))}
    sizes = {
        name: format_bytes(name, tuple(weight.shape), count, value_bits)
        for name, (_, count) in entries.items()
    }
    for bits in _GAP_WIDTHS:
        count = int(((distances - 1) // (1 << bits) + 1).sum())
        size = format_bytes("gap", tuple(weight.shape), count, value_bits, bits)
        if size < sizes.get("gap", size + 1):
            entries["gap"], sizes["gap"] = (bits, count), size
    name = min(sizes, key=lambda name: sizes[name])
    other = encode(weight, name, entries[name][0])
    return min(encoded, other, key=lambda e: sum(a.nbytes for a in _fold(e).values()))


def save_sparse(model: nn.Module, path: Path | str) -> int:
    """Write the state of ``model`` to ``path`` as small as ``encode_smallest`` makes it, and return the bytes
    of the file.

    The round trip through ``load_sparse`` is exact (-0.0 comes back as 0.0). A safetensors file; its metadata
    holds the format of each tensor and a SHA-256 checksum over all of it. The file is written aside and
    renamed, so if something fails on the way, a file that was there before stays as it was.

    Raises TypeError if ``model`` is no module and OSError if the folder cannot be written. Source: notebook
    07.1.

    >>> import tempfile
    >>> model = nn.Linear(100, 100)
    >>> _ = nn.init.zeros_(model.weight)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_sparse(model, Path(folder) / "zeros.safetensors") < 2_000  # dense: 40,400 bytes of values
    True
    """
    arguments.module("model", model)
    arrays, tensors = {}, {}
    for name, value in model.state_dict().items():
        encoded = encode_smallest(value.reshape(-1) if value.ndim == 0 else value)
        folded = _fold(encoded)
        tensors[name] = {
            "format": encoded.format,
            "shape": list(value.shape),
            "dtype": str(value.dtype).removeprefix("torch."),
            "index_bits": encoded.index_bits,
            "values": encoded.arrays["data"].numel(),
        }
        arrays.update({f"{name}:{part}": array.contiguous() for part, array in folded.items()})
    metadata = {"prunelab": VERSION, "tensors": json.dumps(tensors, separators=(",", ":"))}
    raw = save(arrays, metadata | {"sha256": _digest(arrays, metadata)})
    path = arguments.path("path", path)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"path must be a file in a folder that exists, got {str(path)!r}")
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(raw)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return len(raw)


def load_sparse(path: Path | str, model: nn.Module) -> None:
    """Read the file that ``save_sparse`` wrote into ``model``, in place; if anything is wrong, the model
    stays as it was.

    Raises FileNotFoundError for a missing file, and ValueError for one that is truncated or altered (its
    checksum is named), that holds indices outside a tensor, or that comes from another model (names, shapes
    and dtypes are compared). Source: notebook 07.1."""
    arguments.module("model", model)
    path, model = arguments.path("path", path), arguments.module("model", model)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: save_sparse writes such a file")
    arrays, tensors = _read(path)
    state = model.state_dict()
    _same_model(path, tensors, state)
    decoded = {}
    for name, card in tensors.items():
        parts = {
            key.rpartition(":")[2]: array for key, array in arrays.items() if key.rpartition(":")[0] == name
        }
        try:
            decoded[name] = _unfold(card, parts, state[name].dtype)
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise ValueError(f"{path}: {name} cannot be decoded: {error}") from error
    model.load_state_dict(decoded)


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, dict]]:
    """Return the arrays and the tensors' cards of a file whose checksum is right."""
    raw = path.read_bytes()
    try:
        arrays = load(raw)
        metadata = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")]).get("__metadata__", {})
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{path} is truncated or altered, or no safetensors file: {error}") from error
    if metadata.get("prunelab") != VERSION or "tensors" not in metadata:
        raise ValueError(
            f"{path} was not written by save_sparse of this version ({VERSION}): its metadata say so"
        )
    found = _digest(arrays, {key: metadata[key] for key in ("prunelab", "tensors")})
    if found != metadata.get("sha256"):
        raise ValueError(
            f"{path} is altered: sha256 of its contents is {found}, expected {metadata.get('sha256')}"
        )
    return arrays, json.loads(metadata["tensors"])


def _same_model(path: Path, tensors: Mapping[str, dict], state: Mapping[str, torch.Tensor]) -> None:
    missing, unknown = sorted(state.keys() - tensors.keys()), sorted(tensors.keys() - state.keys())
    if missing or unknown:
        raise ValueError(
            f"{path} is from another model: it lacks {missing or 'nothing'} and has {unknown or 'nothing'}"
            " too many"
        )
    for name, value in state.items():
        card = tensors[name]
        there, here = (
            (tuple(card["shape"]), card["dtype"]),
            (tuple(value.shape), str(value.dtype).removeprefix("torch.")),
        )
        if there != here:
            raise ValueError(
                f"{path} is from another model: {name} is {there} in the file and {here} in the model"
            )


def _digest(arrays: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> str:
    """Return the SHA-256 over names, dtypes, shapes and bytes of the arrays and over the metadata."""
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {tuple(arrays[name].shape)}".encode())
        digest.update(arrays[name].contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _fold(encoded: Encoded) -> dict[str, torch.Tensor]:
    """Return the arrays of ``encoded``, the values replaced by a code book and codes where that takes fewer
    bytes.
    """
    data = encoded.arrays["data"]
    book = _book(data)
    if book is None:
        return encoded.arrays
    codes = torch.searchsorted(book, data)
    packed, coded = pack(codes, max(len(book) - 1, 1).bit_length()), deflate(codes.to(torch.uint8))
    name, best = ("codes", packed) if packed.nbytes <= coded.nbytes else ("coded", coded)
    if book.nbytes + best.nbytes >= data.nbytes:
        return encoded.arrays
    return {part: array for part, array in encoded.arrays.items() if part != "data"} | {
        "book": book,
        name: best,
    }


def _book(data: torch.Tensor) -> torch.Tensor | None:
    """Return the distinct values of ``data``, rising, or None if there are none, too many or NaN among
    them.
    """
    if len(data[:10_000].unique()) > _CODEBOOK:  # spares sorting a large tensor
        return None
    book = data.unique()
    return None if len(book) == 0 or len(book) > _CODEBOOK or bool(torch.isnan(book).any()) else book


def _unfold(card: Mapping, parts: dict[str, torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
    """Return the tensor that a card and its arrays describe; KeyError, TypeError or ValueError if they do not
    fit together.
    """
    shape, values = tuple(card["shape"]), card["values"]
    if card["format"] not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {card['format']!r}")
    if "data" not in parts:
        book = parts.pop("book")
        if "codes" in parts:
            codes = unpack(parts.pop("codes"), max(len(book) - 1, 1).bit_length(), values)
        else:
            codes = inflate(parts.pop("coded"), values).long()
        if codes.numel() and int(codes.max()) >= len(book):
            raise ValueError(f"codes must lie in [0, {len(book)}), got {int(codes.max())}")
        parts["data"] = book[codes]
    if parts["data"].dtype != dtype:
        raise ValueError(f"data must be {dtype}, got {parts['data'].dtype}")
    return decode(Encoded(card["format"], shape or (1,), card["index_bits"], parts)).view(shape)

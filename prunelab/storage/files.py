"""A pruned model on disk: every tensor in the format that is smallest for it, in one safetensors file that
checks itself.
"""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from prunelab import arguments
from prunelab.storage._positions import as_integers, take
from prunelab.storage.formats import FORMATS, Encoded, decode, inflate, unpack
from prunelab.storage.planes import decode_planes
from prunelab.storage.smallest import _folded_smallest

VERSION = "2"
READABLE = ("1", "2")  # version 1 had no byte planes, no tensors stored once, fewer types of numbers
_PLAIN = {torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16}
_PLAIN |= {torch.int8, torch.uint8}  # what every version of safetensors knows; others are stored as integers


def save_sparse(model: nn.Module, path: Path | str) -> int:
    """Write the state of ``model`` to ``path`` as small as it gets without loss, and return the bytes of the
    file.

    Every tensor stands in the format of ``encode_smallest``, its values in coded byte planes
    (``planes.code_planes``) where that takes fewer bytes; tensors that share their memory are stored once.
    The round trip through ``load_sparse`` is exact (-0.0 comes back as 0.0), for every type of number and
    from any device. A safetensors file; its metadata holds the format of each tensor and a SHA-256 checksum
    over all of it. The file is written aside and renamed: if the disk is full or the process ends on the way,
    a file that was there before stays as it was. (Nothing is flushed: a power failure right behind the call
    can still lose the new file.)

    Raises TypeError if ``model`` is no module or its state holds anything but plain dense tensors with data,
    ValueError or OSError if the folder cannot be written. Source: notebook 07.1.

    >>> import tempfile
    >>> model = nn.Linear(100, 100)
    >>> _ = nn.init.zeros_(model.weight)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_sparse(model, Path(folder) / "zeros.safetensors") < 2_000  # dense: 40,400 bytes of values
    True
    """
    arguments.module("model", model)
    path = arguments.path("path", path)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"path must be a file in a folder that exists, got {str(path)!r}")
    arrays, tensors = _described(model)
    metadata = {"prunelab": VERSION, "tensors": json.dumps(tensors, separators=(",", ":"))}
    partial = path.with_name(path.name + ".partial")
    try:
        save_file(arrays, partial, metadata | {"sha256": _digest(arrays, metadata)})
        size = partial.stat().st_size
        os.replace(partial, path)
    except SafetensorError as error:
        partial.unlink(missing_ok=True)
        raise OSError(f"{path} could not be written: {error}") from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return size


def _described(model: nn.Module) -> tuple[dict[str, torch.Tensor], dict[str, dict]]:
    """Return the arrays that the state of ``model`` is stored as, and the tensors' cards."""
    arrays: dict[str, torch.Tensor] = {}
    tensors: dict[str, dict] = {}
    places: dict[tuple, str] = {}
    memory: set[int] = set()
    for name, value in model.state_dict().items():
        kind = _plain(name, value)
        tensors[name] = {"shape": list(value.shape), "dtype": kind}
        place = (value.device, value.data_ptr(), tuple(value.shape), value.stride(), kind)
        if (
            value.numel() and places.setdefault(place, name) != name
        ):  # tied, as embedding and output often are
            tensors[name]["same_as"] = places[place]
            continue
        encoded, parts, how = _folded_smallest(_numbers(value.detach().cpu()))
        width = {"index_bits": encoded.index_bits} if encoded.index_bits else {}
        how |= {"format": encoded.format, "values": encoded.arrays["data"].numel()} | width
        tensors[name] |= how
        for part, array in parts.items():
            array = array if array.dtype in _PLAIN else torch.from_numpy(as_integers(array))
            owner = array.untyped_storage().data_ptr()  # safetensors refuses two views of one memory
            arrays[f"{name}:{part}"] = array.clone() if owner in memory else array.contiguous()
            memory.add(owner)
    return arrays, tensors


def _plain(name: str, value: Any) -> str:
    """Return the name of the type of number that ``value`` holds; TypeError, in words, if it cannot be
    stored."""
    fault = None
    if not isinstance(value, torch.Tensor):
        fault = type(value).__name__
    elif isinstance(value, nn.parameter.UninitializedParameter | nn.parameter.UninitializedBuffer):
        fault = "a tensor without a shape: the model must have seen an input once"
    elif value.is_meta:
        fault = "a tensor on the meta device, which has no data"
    elif value.layout != torch.strided:
        fault = f"a tensor of layout {value.layout}; its to_dense() can be stored"
    elif value.is_quantized or type(value.detach()) is not torch.Tensor:
        fault = f"a {type(value.detach()).__name__} of {value.dtype}, which is more than its numbers"
    elif value.dtype not in _PLAIN and not _copied(value):
        fault = f"a tensor of {value.dtype}, which torch cannot copy"
    if fault:
        raise TypeError(f"the state of model must hold dense tensors with data, got for {name!r} {fault}")
    return str(value.dtype).removeprefix("torch.")


def _copied(value: torch.Tensor) -> bool:
    try:
        value.detach().clone()
    except NotImplementedError:
        return False
    return True


def _numbers(value: torch.Tensor) -> torch.Tensor:
    """Return ``value`` as real numbers with at least one dimension: a complex one as pairs."""
    value = torch.view_as_real(value.resolve_conj()) if value.is_complex() else value.resolve_neg()
    return value.reshape(-1) if value.ndim == 0 else value


def load_sparse(path: Path | str, model: nn.Module) -> None:
    """Read the file that ``save_sparse`` wrote into ``model``, in place; if anything is wrong, the model
    stays as it was.

    Files of version 1 are read, too. Raises FileNotFoundError for a missing file, and ValueError for one that
    is truncated or altered (its checksum is named), that holds indices outside a tensor, that comes from
    another model (names, shapes and dtypes are compared), or for a model on the meta device or with a tensor
    that was expanded. Source: notebook 07.1."""
    arguments.module("model", model)
    path, model = arguments.path("path", path), arguments.module("model", model)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: save_sparse writes such a file")
    arrays, tensors = _read(path)
    state = model.state_dict()
    _same_model(path, tensors, state)
    empty = [name for name, value in state.items() if value.is_meta]
    if empty:
        raise ValueError(
            f"model must have tensors with data, got {empty[0]!r} on the meta device: to_empty first"
        )
    for name, value in state.items():  # torch would refuse in the middle of the loading
        if any(n > 1 and step == 0 for n, step in zip(value.shape, value.stride(), strict=True)):
            raise ValueError(
                f"model must have tensors whose numbers each have a place in memory, got {name!r}, which was"
                " expanded: register its clone()"
            )
    parts: dict[str, dict[str, torch.Tensor]] = {name: {} for name in tensors}
    for key, array in arrays.items():
        name, _, part = key.rpartition(":")
        parts.setdefault(name, {})[part] = array
    decoded: dict[str, torch.Tensor] = {}
    for name, card in tensors.items():
        try:
            if "same_as" in card:  # always behind the one that it names
                decoded[name] = decoded[card["same_as"]].view(tuple(card["shape"]))
            else:
                decoded[name] = _unfold(card, parts[name], state[name].dtype)
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise ValueError(f"{path}: {name} cannot be decoded: {error}") from error
    model.load_state_dict(decoded)


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, dict]]:
    """Return the arrays and the tensors' cards of a file whose checksum is right."""
    try:
        # read array by array: neither the whole file beside them, nor a map of a file that may change
        with safe_open(path, framework="pt", backend="pread") as file:
            arrays, metadata = file.get_tensors(), file.metadata() or {}
    except (SafetensorError, ValueError, OSError) as error:
        raise ValueError(f"{path} is truncated or altered, or no safetensors file: {error}") from error
    if metadata.get("prunelab") not in READABLE or "tensors" not in metadata:
        raise ValueError(
            f"{path} was not written by save_sparse, or by an unknown version of it (known: {READABLE})"
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
        digest.update(np.ascontiguousarray(as_integers(arrays[name])).data)
    return digest.hexdigest()


def _unfold(card: Mapping, parts: dict[str, torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
    """Return the tensor that a card and its arrays describe; KeyError, TypeError or ValueError if they do not
    fit together.
    """
    shape, values = tuple(card["shape"]), card["values"]
    real = dtype.to_real() if dtype.is_complex else dtype
    arguments.one_of("format", card["format"], FORMATS)
    if len(parts.keys() & {"data", "planes", "book"}) != 1:
        raise ValueError("the values must stand there once, as data, planes or book")
    if "planes" in parts:
        parts["data"] = decode_planes(parts.pop("planes"), card["planes"], values, real)
    elif "book" in parts:
        book = parts.pop("book")
        if "codes" in parts:
            codes = unpack(parts.pop("codes"), max(len(book) - 1, 1).bit_length(), values)
        else:
            codes = inflate(parts.pop("coded"), values).long()
        if codes.numel() and int(codes.max()) >= len(book):
            raise ValueError(f"codes must lie in [0, {len(book)}), got {int(codes.max())}")
        parts["data"] = take(book, codes.numpy())
    if real not in _PLAIN and parts["data"].dtype in _PLAIN:
        parts["data"] = parts["data"].view(real)
    if parts["data"].dtype != real:
        raise ValueError(f"data must be {real}, got {parts['data'].dtype}")
    pairs = (*shape, 2) if dtype.is_complex else shape or (1,)
    if card["format"] == "dense" and parts["data"].numel() == math.prod(pairs):
        weight = parts["data"].view(pairs)  # as it is: nobody else has these numbers
    else:
        weight = decode(Encoded(card["format"], pairs, card.get("index_bits", 0), parts))
    return (torch.view_as_complex(weight) if dtype.is_complex else weight).view(shape)

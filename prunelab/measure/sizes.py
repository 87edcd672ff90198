"""How large a network is: parameters, how many of them are not zero, and its bytes on disk."""

import warnings
from collections.abc import Mapping

import torch
from safetensors.torch import save
from torch import nn

from prunelab import arguments
from prunelab.masks import expand_masks, prunable
from prunelab.masks import sparsity as tensor_sparsity
from prunelab.weights import SPARSE, all_parameters, count_nonzero, held_masks, packed, stored

# types that safetensors has no name for, as bytes of the same number
BYTES = (torch.complex32, torch.complex128)
UNBORN = (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer)


def parameters(model: nn.Module) -> int:
    """Return the number of parameters, biases and BatchNorm included.

    >>> parameters(nn.Linear(3, 2))
    8

    A tied parameter counts once, a matrix in CSR with the values that it stores, a quantized layer with its
    packed numbers. Raises TypeError if ``model`` is no module and ValueError if a layer has not yet seen its
    input (Lazy). Source: notebook 00.
    """
    return sum(stored(p).numel() for _, p in all_parameters(model))


def nonzeros(model: nn.Module, masks: Mapping[str, torch.Tensor] | None = None) -> int:
    """Return how many parameters are not zero, or would not be once ``masks`` were applied; counted as
    ``parameters`` counts. What ``torch.nn.utils.prune`` or NNCF masks at every pass is zero. Source: notebook
    00.

    Raises TypeError if ``model`` is no module, as ``masks.expand_masks`` does, and as
    ``weights.count_nonzero`` for values that cannot be compared.

    >>> layer = nn.Linear(3, 2)
    >>> _ = nn.init.ones_(layer.weight), nn.init.zeros_(layer.bias)
    >>> nonzeros(layer)
    6
    """
    arguments.module("model", model)
    masks = expand_masks(model, {} if masks is None else masks)
    held = _held(model)
    total = 0
    for name, parameter in all_parameters(model):
        for mask in (masks.get(name), held.get(name)):
            parameter = parameter if mask is None else parameter.detach().masked_fill(mask == 0, 0)
        total += count_nonzero(parameter)
    return total


def layer_sparsity(model: nn.Module) -> dict[str, float]:
    """Return zeros / elements of every prunable weight, by parameter name; ``masks.sparsity(model)`` is all
    of them taken together. Raises as ``weights.prunable`` does.

    Source: the bars of ``plot.density_bars``, notebook 01.
    """
    return {name: tensor_sparsity(weight.detach()) for name, weight in prunable(model).items()}


def bytes_on_disk(model: nn.Module) -> int:
    """Return the bytes of the model's state dict saved as safetensors: every value, and a header that names
    the tensors.

    A zero costs as much as any other value here; ``prunelab.storage`` does better. A tensor in a sparse
    layout counts with its indices; a tied tensor once; types that safetensors does not know with the bytes
    that their values take; a kind of tensor of its own with the tensors that it is made of. An entry of the
    state that holds no tensors is named in a warning.

    Raises TypeError if ``model`` is no module or its state has a tensor whose numbers cannot be read (int4,
    a MaskedTensor), ValueError if a layer has not yet seen its input (Lazy). Source: notebooks 00, 07.1 and
    07.2.

    >>> bytes_on_disk(nn.Linear(300, 300)) > 4 * 300 * 301  # the values, and a header
    True
    """
    tensors: dict[str, torch.Tensor] = {}
    seen: set[tuple] = set()
    for key, value in arguments.module("model", model).state_dict().items():
        found = list(packed(key, value))
        if not found and not isinstance(value, torch.dtype):
            warnings.warn(f"bytes without {key}, a {type(value).__name__} in the state", stacklevel=2)
        for name, tensor in found:
            if isinstance(tensor, UNBORN):
                raise ValueError(f"model must have seen an input once: {name} has no shape yet")
            for part, values in _parts(name, tensor).items():
                place = (
                    values.untyped_storage()._cdata,
                    values.storage_offset(),
                    values.shape,
                    values.stride(),
                )
                if values.is_meta or place not in seen:
                    seen.add(place)
                    tensors[part] = _as_bytes(part, values)
    return len(save(tensors))


def _held(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the masks at work by the name of the parameter that each multiplies."""
    parameters = dict(model.named_parameters())
    found = {}
    for name, mask in held_masks(model).items():
        layer, _, own = name.rpartition(".")
        parametrized = f"{layer}.parametrizations.{own}.original".lstrip(".")
        for known in (f"{name}_orig", parametrized, name):
            if known in parameters:
                found[known] = mask
                break
    return found


def _parts(name: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the dense tensors that ``tensor`` consists of, by name."""
    if hasattr(tensor, "__tensor_flatten__"):
        return {f"{name}.{part}": getattr(tensor, part) for part in tensor.__tensor_flatten__()[0]}
    if tensor.layout == torch.sparse_coo:
        tensor = tensor.coalesce()
        return {f"{name}.indices": tensor.indices(), f"{name}.data": tensor.values()}
    if tensor.layout in SPARSE:
        rows = tensor.layout in (torch.sparse_csr, torch.sparse_bsr)
        pointers = tensor.crow_indices() if rows else tensor.ccol_indices()
        indices = tensor.col_indices() if rows else tensor.row_indices()
        return {f"{name}.indptr": pointers, f"{name}.indices": indices, f"{name}.data": tensor.values()}
    if tensor.is_quantized:
        return {name: tensor.int_repr()}
    return {name: tensor.detach()}


def _as_bytes(name: str, values: torch.Tensor) -> torch.Tensor:
    """Return ``values`` as safetensors takes them, or as many bytes."""
    if values.is_meta or values.dtype in BYTES:
        size = values.numel() * values.element_size()
        return (
            torch.empty(size, dtype=torch.uint8)
            if values.dtype in BYTES
            else torch.empty_like(values, device="cpu")
        )
    try:
        own = values.contiguous().cpu().clone()
        own.untyped_storage().data_ptr()  # a wrapper has none
        return own
    except (RuntimeError, NotImplementedError) as cause:
        raise TypeError(
            f"the state of model must hold numbers that can be read, got for {name!r} a"
            f" {type(values).__name__} of {values.dtype}"
        ) from cause

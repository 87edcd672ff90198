"""Builds the smaller model: parameters and buffers without the entries that are gone, and attributes that
fit.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from prunelab.surgery.attention import FewerHeads, heads_changed
from prunelab.surgery.examples import working_copy
from prunelab.surgery.followed import Followed
from prunelab.surgery.sizes import Trial
from prunelab.surgery.tracks import compact

# attributes that repeat the size of a parameter of their own module, by what that size is
MADE = (
    "out_channels",
    "out_features",
    "num_features",
    "num_channels",
    "num_parameters",
    "embedding_dim",
    "nf",
)
READ = ("in_channels", "in_features", "input_size", "nx")


def smaller_model(
    model: nn.Module, followed: Followed, masks: Mapping[str, torch.Tensor], trial: Trial
) -> tuple[nn.Module, list[tuple[nn.Parameter, torch.dtype]]]:
    """Return a copy of ``model`` without the entries that the trial drops and with its attributes, and the
    biases that constants were folded into, in float64, with the dtypes that they shall have."""
    biases = _folded(model, followed, masks, trial.kept)
    small = working_copy(model)
    made: dict[int, torch.Tensor] = {}
    for name, tensor in followed.following.tensors.items():
        made[id(tensor)] = _cut(followed, name, masks.get(name), trial.kept)
    for name, module in small.named_modules():
        for key, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                setattr(module, key, made[id(tensor)])
        if f"{name}.bias".lstrip(".") in biases:
            module.bias = biases[f"{name}.bias".lstrip(".")]
        _rename_sizes(followed, name, model.get_submodule(name), module, trial)
    for module in small.modules():
        if isinstance(module, nn.MultiheadAttention) and heads_changed(module):
            FewerHeads.of(module)
    for (name, attribute, position), value in trial.attributes.items():
        _set(small.get_submodule(name), attribute, position, value)
    return small, [(bias, next(model.parameters()).dtype) for bias in biases.values()]


def _masked(tensor: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    return tensor.detach() if mask is None else tensor.detach().masked_fill(~compact(mask), 0)


def _cut(
    followed: Followed, name: str, mask: torch.Tensor | None, kept: torch.Tensor
) -> torch.Tensor | nn.Parameter:
    """Return a masked parameter or buffer without the entries that are gone, of its own kind."""
    like = followed.following.tensors[name]
    value, mask = like.detach(), None if mask is None else compact(mask)
    for dim in range(value.ndim):
        left = kept[followed.couplings.numbers(name, dim)]
        if not left.all():
            places = left.nonzero().flatten().to(value.device)
            value = value.index_select(dim, places)
            if mask is not None and mask.shape[dim] > 1:
                mask = mask.index_select(dim, places)
    value = value.clone() if value.data_ptr() == like.data_ptr() else value
    if mask is not None and not mask.all():
        value.masked_fill_(~mask, 0)
    return nn.Parameter(value, requires_grad=like.requires_grad) if isinstance(like, nn.Parameter) else value


def _folded(
    model: nn.Module, followed: Followed, masks: Mapping[str, torch.Tensor], kept: torch.Tensor
) -> dict:
    """Return the new biases, by name, of the layers that lose constants which are not 0."""
    biases: dict[str, nn.Parameter] = {}
    tensors = followed.following.tensors
    for read in followed.following.reads:
        gone = read.gone(kept)
        value = torch.where(gone, read.high, torch.zeros_like(read.high))
        if not value.any():
            continue
        places = sorted(followed.couplings.places_of(read.columns))
        weight, inner = places[0]
        layer = model.get_submodule(weight.rpartition(".")[0])
        if len(places) > 1 or inner > 1 or read.groups > 1 or "bias" not in layer._parameters:
            raise ValueError(
                f"{read.where} reads the constant ~{float(value.abs().max()):.3g} of a dropped"
                " channel, and has"
                " no bias that could hold it; mask the bias of the dropped channel, too, as"
                " coupled_masks does"
            )
        matrix = _masked(tensors[weight], masks.get(weight)).double().movedim((1 - inner, inner), (0, 1))
        constant = matrix.reshape(*matrix.shape[:2], -1).sum(2) @ value.double()
        if constant.any():
            left = kept[followed.couplings.numbers(weight, 1 - inner)]
            name = f"{weight.rpartition('.')[0]}.bias".lstrip(".")
            total = (
                constant if layer.bias is None else constant + _masked(layer.bias, masks.get(name)).double()
            )
            trains = (tensors[weight] if layer.bias is None else layer.bias).requires_grad
            biases[name] = nn.Parameter(total[left], requires_grad=trains)
    return biases


def _rename_sizes(followed: Followed, name: str, before: nn.Module, after: nn.Module, trial: Trial) -> None:
    """Let the attributes of a module tell the sizes that its parameters have now."""
    sizes: dict[str, dict[int, int]] = {"made": {}, "read": {}}
    groups = (
        getattr(before, "groups", 1),
        trial.attributes.get((name, "groups", None), getattr(before, "groups", 1)),
    )
    for key, tensor in before._parameters.items():
        if tensor is None:
            continue
        full = f"{name}.{key}".lstrip(".")
        full = followed.following.names.get(id(tensor), full)
        for dim, (old, new) in enumerate(zip(tensor.shape, after._parameters[key].shape, strict=True)):
            kind = "read" if (full, dim) in followed.reads else "made"
            sizes[kind].setdefault(old, new)
            if groups[0] > 1:
                sizes["read"].setdefault(old * groups[0], new * groups[1])
                sizes["made"].setdefault(old * groups[0], new * groups[1])
    for kind, attributes in (("made", MADE), ("read", READ)):
        for attribute in attributes:
            value: Any = vars(before).get(attribute)
            if type(value) is int and (name, attribute, None) not in trial.attributes:
                setattr(after, attribute, sizes[kind].get(value, value))


def _set(module: nn.Module, attribute: str, position: int | None, value: int) -> None:
    if position is None:
        setattr(module, attribute, value)
    else:
        values = list(getattr(module, attribute))
        values[position] = value
        setattr(module, attribute, type(getattr(module, attribute))(values))

"""Reads a smaller model back: the sizes come from the stored tensors."""

import copy
from collections.abc import Mapping

import torch
from torch import nn

from prunelab import arguments
from prunelab.surgery.attention import FewerHeads, heads_changed
from prunelab.surgery.smaller import MADE, READ


def resize(model: nn.Module, state: Mapping[str, torch.Tensor]) -> nn.Module:
    """Return a copy of ``model`` whose parameters and buffers have the sizes found in ``state``, loaded
    from it.

    This is how a network made smaller by ``remove_filters`` is read back without pickle: save
    ``state_dict()`` as safetensors, build the original class, resize. ``model`` is left alone. The layers'
    attributes follow (``out_channels``, ``groups``, ...), and ``nn.MultiheadAttention`` gets the heads that
    its matrices have. A grouped convolution with fewer filters and as many inputs in each group as before is
    taken to have lost whole groups, where their number allows that. What other classes keep of their heads in
    attributes of their own, tensors do not tell: set those, as ``remove_filters`` did.

    Raises TypeError or ValueError if ``state`` lacks a parameter of the model, or does not fit it otherwise.
    Source: notebook 04.2."""
    arguments.module("model", model)
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise TypeError(f"state must be a dict of parameter name -> tensor, got {type(state).__name__}")
    resized = copy.deepcopy(model)
    for name, module in resized.named_modules():
        sizes: list[tuple[torch.Size, torch.Size]] = []
        for key, tensor in (*module._parameters.items(), *module._buffers.items()):
            stored = state.get(f"{name}.{key}".lstrip("."))
            if (
                tensor is None and stored is not None and key == "bias"
            ):  # a constant was folded into a new one
                module.bias = nn.Parameter(stored.detach().clone())
            elif tensor is not None and key not in module._non_persistent_buffers_set:
                if stored is None or stored.ndim != tensor.ndim:
                    raise ValueError(
                        f"state must hold {name}.{key} with {tensor.ndim} dimensions, got"
                        f" {getattr(stored, 'shape', None)}"
                    )
                if stored.shape != tensor.shape:
                    sizes.append((tensor.shape, stored.shape))
                    new = tensor.detach().new_zeros(stored.shape)
                    trains = tensor.requires_grad
                    setattr(module, key, nn.Parameter(new, trains) if key in module._parameters else new)
        _tell(module, sizes)
    for module in resized.modules():
        if isinstance(module, nn.MultiheadAttention) and heads_changed(module):
            FewerHeads.of(module)
    try:
        resized.load_state_dict(dict(state))
    except RuntimeError as error:
        raise ValueError(f"state must fit the model: {error}") from error
    return resized


def _tell(module: nn.Module, sizes: list[tuple[torch.Size, torch.Size]]) -> None:
    """Let the attributes of a layer tell the sizes of its parameters."""
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):  # its gates stand in one matrix
        first = "_l0" if isinstance(module, nn.RNNBase) else ""
        sent = getattr(module, f"weight_hh{first}").shape[1]
        module.input_size, module.hidden_size = getattr(module, f"weight_ih{first}").shape[1], sent
        if getattr(module, "proj_size", 0):
            module.proj_size, module.hidden_size = sent, module.weight_hr_l0.shape[1]
        return
    groups = getattr(module, "groups", 1)
    for before, after in sizes:
        # fewer inputs in each group: the same places of every group went, else whole groups did
        if groups > 1 and len(before) > 2 and before[1] == after[1] and groups * after[0] % before[0] == 0:
            module.groups = groups * after[0] // before[0]
            break
    for before, after in sizes:
        for attribute in (*MADE, *READ):
            value = vars(module).get(attribute)
            dims = (0,) if attribute in MADE else tuple(range(1, len(before)))
            for dim in dims:
                if type(value) is int and value == before[dim] * (groups if dim else 1):
                    setattr(module, attribute, after[dim] * (module.groups if groups > 1 and dim else 1))
            if groups > 1 and attribute == "in_channels" and len(before) > 2:
                module.in_channels = after[1] * module.groups

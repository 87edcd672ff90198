"""What a model is run on, and which model that is: examples of any kind, wrappers taken off."""

import copy
import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map

from prunelab import arguments

Example = torch.Tensor | tuple | list | Mapping | None
PLAIN = frozenset((bool, int, float, str, type(None)))
COPYING = "__new__ __deepcopy__ __reduce__ __reduce_ex__ __getstate__ __setstate__".split()


def unwrapped(model: nn.Module) -> tuple[nn.Module, str]:
    """Return the model inside a DataParallel or torch.compile wrapper, and the prefix of its parameters'
    names.

    Raises TypeError for what is no module, ValueError for compiled code or packed weights, which cannot be
    changed."""
    arguments.module("model", model)
    prefix = ""
    dynamo = sys.modules.get("torch._dynamo")  # imported by the first torch.compile
    compiled = dynamo.eval_frame.OptimizedModule if dynamo else ()
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model, prefix = model.module, prefix + "module."
        elif isinstance(model, compiled):
            model, prefix = model._orig_mod, prefix + "_orig_mod."
        else:
            break
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(
                f"model must be Python, but {name or 'it'} is a ScriptModule (traced, scripted or"
                " loaded): its code is"
                " fixed; remove channels from the model it was made of, and script the result"
            )
        if any(isinstance(value, torch.ScriptObject) for value in vars(module).values()):
            raise ValueError(
                f"model must hold its weights as parameters, but {name or 'it'} ({type(module).__name__}) is"
                " quantized and holds them packed: remove channels from the model it was made of, and"
                " quantize the result"
            )
    return model, prefix


def arguments_of(example: Example) -> tuple[tuple, dict]:
    """Return positional and named arguments for a call; a tensor is one argument.

    Raises TypeError for anything but a tensor (N, ...), a tuple or list of arguments, or a dict of named
    ones."""
    if isinstance(example, Mapping):
        return (), dict(example)
    if isinstance(example, tuple | list):
        return tuple(example), {}
    if not isinstance(example, torch.Tensor) or example.ndim == 0:
        raise TypeError(
            "example_input must be a tensor (N, ...), a tuple of arguments or a dict of named ones, got"
            f" {type(example).__name__}"
        )
    return (example[:2],), {}


def working_copy(model: nn.Module) -> nn.Module:
    """Return a copy of the model's structure in eval mode that shares every tensor with it.

    Raises ValueError if the model cannot be copied."""
    shared: dict[int, Any] = {}
    modules = list(model.modules())
    for module in modules:
        for value in (*vars(module).values(), *module._parameters.values(), *module._buffers.values()):
            if type(value) not in PLAIN and isinstance(value, torch.Tensor):
                shared[id(value)] = value
    try:
        # modules that say nothing of how they are copied get their attributes here: deepcopy is slow
        usual = [
            m
            for m in modules
            if all(getattr(type(m), n, None) is getattr(nn.Module, n, None) for n in COPYING)
        ]
        copies = {id(module): module.__new__(type(module)) for module in usual}
        shared |= copies
        for module in usual:
            vars(copies[id(module)]).update({k: _copied(v, shared) for k, v in vars(module).items()})
        return copy.deepcopy(model, shared).train().eval()  # a change of mode empties caches
    except Exception as error:  # the user's code runs
        raise ValueError(f"model must be one that copy.deepcopy copies, but: {error}") from error


def _copied(value: Any, shared: dict[int, Any]) -> Any:
    """Return a deep copy of an attribute; of most of a module's there is nothing to copy."""
    if type(value) in PLAIN or (type(value) is tuple and all(type(item) in PLAIN for item in value)):
        return value
    if id(value) in shared:
        return shared[id(value)]
    if type(value) in (dict, OrderedDict):  # parameters, buffers, modules, and mostly no hooks
        shared[id(value)] = new = type(value)()
        new.update((key, _copied(item, shared)) for key, item in value.items())
        return new
    return copy.deepcopy(value, shared)


def guesses(model: nn.Module) -> Iterator[torch.Tensor]:
    """Yield inputs that the first layer could take: vectors, or square images of the usual sizes first,
    then any.
    """
    first = next((m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)), None)
    if isinstance(first, nn.Linear):
        yield torch.randn(2, first.in_features)
    if isinstance(first, nn.Conv2d):
        for size in (28, 32, 64, 96, 224, *range(1, 100)):
            yield torch.randn(2, first.in_channels, size, size)


def fitting(model: nn.Module, arguments: Any) -> Any:
    """Return arguments with the device and the floating type of the model's parameters."""
    parameters: list[torch.Tensor] = [*model.parameters()] or [torch.zeros(1)]
    like = next((p for p in parameters if p.is_floating_point()), parameters[0])
    return tree_map(lambda t: _like(t, like) if isinstance(t, torch.Tensor) else t, arguments)


def _like(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return tensor.to(like.device, like.dtype) if tensor.is_floating_point() else tensor.to(like.device)

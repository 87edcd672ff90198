"""What a learner's function is given: copies, and what it may not have changed in them when it returns."""

import copy
import re
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset

# entries; a dataset with more of them is not copied, but its tensors' version counters are watched
LARGE = 1_000_000
ADVICE = {
    "training": (
        "The network comes back in another mode. Whoever switches to eval() or train() switches back."
    ),
    "grad": (
        "Gradients are left in .grad. torch.autograd.grad returns them instead; or put .grad back as it was."
    ),
    "requires_grad": "requires_grad is another one than before. Work on a copy, or put it back.",
    "hooks": (
        "A hook is left on the network and goes on running. register_forward_hook returns a handle:"
        " remove it."
    ),
    "unhooked": "A hook is gone: prune.remove, for one, takes the mask off the network. Work on a copy.",
    "value": (
        "Work on a copy. Assigning to an index, += and methods whose names end in _ change the caller's own"
        " data."
    ),
}


def copied(value: object) -> object:
    """Return a copy of tensors (with ``.grad``), modules and datasets, alone or in containers; anything else
    is passed as it is.
    """
    if isinstance(value, torch.Tensor):
        return _with_grad(_own(value.detach()).requires_grad_(value.requires_grad), value)
    if isinstance(value, nn.Module):
        module = copy.deepcopy(value)
        for ours, theirs in zip(module.parameters(), value.parameters(), strict=True):
            _with_grad(ours, theirs)
        return module
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, TensorDataset):  # .data: the same numbers, with a version counter of its own
        return TensorDataset(
            *(part.clone() if part.numel() <= LARGE else part.data for part in value.tensors)
        )
    if isinstance(value, tuple | list):
        parts = [copied(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return {key: copied(part) for key, part in value.items()} if type(value) is dict else value


def _own(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy; a view of a storage that is not large stays one, of a copy of that storage."""
    if tensor.layout != torch.strided or tensor.device.type != "cpu":
        return tensor.clone()
    storage = tensor.untyped_storage()
    if not tensor.numel() * tensor.element_size() < storage.nbytes() <= LARGE:
        return tensor.clone()
    whole = torch.empty(0, dtype=tensor.dtype).set_(storage.clone())
    return whole.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())


def _with_grad(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    if theirs.is_leaf and theirs.grad is not None:
        ours.grad = theirs.grad.detach().clone()
    return ours


def changed(before: object, after: object) -> tuple[str, str] | None:
    """Return (what is no longer as it was, advice), or None; ``before`` is what ``after`` was copied from."""
    was, now = dict(_state(copied(before))), dict(_state(after))
    for key in [*was, *(key for key in now if key not in was)]:
        if key not in was or key not in now or not _identical(was[key], now[key]):
            where, kind = key
            place = re.match(r"\[(\d+)\]\.?", where)  # of the argument itself: the first, the second, ...
            name = where[place.end() :] if place else where
            name = name or (f"argument {int(place[1]) + 1}" if place else "argument")
            earlier, later = was.get(key, 0), now.get(key, 0)  # of hooks: their number
            fewer = isinstance(earlier, int) and isinstance(later, int) and later < earlier
            gone = kind == "hooks" and fewer
            advice = ADVICE["unhooked" if gone else kind]
            return (name if kind == "value" else f"{name}.{kind}"), advice
    return None


def _state(value: object, where: str = "") -> Iterator[tuple[tuple[str, str], object]]:
    """Yield ((where, kind), part) for all that must stay as it is."""
    if isinstance(value, torch.Tensor):
        yield (where, "value"), value.detach() if value.layout == torch.strided else value.detach().to_dense()
        yield (where, "requires_grad"), value.requires_grad
        yield (where, "grad"), value.grad if value.is_leaf else None
    elif isinstance(value, nn.Module):
        for name, module in value.named_modules():
            inside = f"{where}.{name}".rstrip(".")
            yield (inside, "training"), module.training
            yield (
                (inside, "hooks"),
                sum(len(vars(module)[hooks]) for hooks in vars(module) if hooks.endswith("_hooks")),
            )
            for part, tensor in [
                *module.named_parameters(recurse=False),
                *module.named_buffers(recurse=False),
            ]:
                yield from _state(tensor, f"{inside}.{part}")
    elif isinstance(value, TensorDataset):
        for i, part in enumerate(value.tensors):
            yield (f"{where}.tensors[{i}]", "value"), part if part.numel() <= LARGE else part._version
    elif isinstance(value, dict | list | tuple):
        yield (where, "value"), list(value) if isinstance(value, dict) else len(value)
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _state(part, f"{where}[{key!r}]")
    elif isinstance(value, bool | int | float | str | None | np.ndarray):
        yield (where, "value"), value


def _identical(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return (
            a.shape == b.shape and a.dtype == b.dtype and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
        )
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    return type(a) is type(b) and bool(a == b)

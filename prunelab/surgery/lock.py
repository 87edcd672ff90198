"""The last lock: the masked and the smaller model are compared, module by module, before anything is
returned.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_leaves

from prunelab.surgery.tracks import entries, varying

PLACES = 64  # of each output that are compared, for all of its channels
TOLERANCE = 1e-8  # in float64, relative to the largest output


@dataclass
class Output:
    """What a module gave at one call: all its channels at some places."""

    name: str
    values: torch.Tensor
    tracks: list[torch.Tensor]


def sample(tensor: torch.Tensor, dims: list[int]) -> torch.Tensor:
    """Return the tensor with ``dims`` in front and at most about 64 of the other places behind."""
    front = tensor.detach().movedim(dims, list(range(len(dims)))) if dims else tensor.detach()
    if len(dims) == tensor.ndim:
        return front.double().clone()
    flat = front.flatten(len(dims))
    return flat[..., :: max(1, flat.shape[-1] // PLACES)].double().clone()


@contextmanager
def recording(model: nn.Module, dims: Callable, into: list[Output]) -> Iterator[None]:
    """Within it, the outputs of all modules with parameters of their own are recorded.

    ``dims(number, tensor)`` returns the tracks of the output with this number."""

    def hook(name: str):
        def note(module, args, output):
            with _disable_current_modes(), torch._C.DisableTorchFunction():
                for leaf in tree_leaves(output):
                    if isinstance(leaf, torch.Tensor) and leaf.is_floating_point():
                        into.append(taken(name, leaf, dims(len(into), leaf)))

        return note

    with ExitStack() as stack:
        for name, module in model.named_modules():
            if any(True for _ in module.parameters(recurse=False)) and name:
                stack.callback(module.register_forward_hook(hook(name)).remove)
        yield


def taken(name: str, tensor: torch.Tensor, tracks: list[torch.Tensor]) -> Output:
    """Return an output with its sample."""
    dims = sorted({d for track in tracks for d in varying(track)})
    return Output(name, sample(tensor, dims), tracks)


def expected(output: Output, kept: torch.Tensor) -> torch.Tensor:
    """Return what is left of an output when only the numbers in ``kept`` are."""
    values = output.values
    dims = sorted({d for track in output.tracks for d in varying(track)})
    for position, dim in enumerate(dims):
        for track in output.tracks:
            if dim in varying(track):
                values = values.index_select(position, entries(track, dim, kept).nonzero().flatten())
                break
    return values


def compare(masked: list[Output], small: list[Output], kept: torch.Tensor) -> None:
    """Refuse a smaller model that gives other outputs than the masked one.

    Raises ValueError naming the first module that differs."""
    if [o.name for o in masked] != [o.name for o in small]:
        raise ValueError(
            "model calls other modules with fewer channels, so its forward depends on their number"
        )
    for before, after in zip(masked, small, strict=True):
        values = expected(before, kept)
        same = after.values.shape == values.shape
        if same and values.numel():
            finite = values.isfinite()
            scale = values[finite].abs().max() if finite.any() else 0
            close = ((after.values - values).abs() <= TOLERANCE * scale) | (
                ~finite & ~after.values.isfinite()
            )
            same = bool(close.all())
        if not same:
            raise ValueError(
                f"{before.name} gives other outputs when filters are removed than when they are"
                " masked: the forward"
                " before it does something to channels that was not understood"
            )

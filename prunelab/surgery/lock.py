"""The last lock: the masked and the smaller model are compared, module by module, before anything is
returned.
"""

import itertools
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
OTHERS = "model calls other modules with fewer channels, so its forward depends on their number"


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
def recording(model: nn.Module, dims: Callable, note: Callable[[Output], None]) -> Iterator[None]:
    """Within it, ``note`` gets the outputs of all modules with parameters of their own.

    ``dims(number, tensor)`` returns the tracks of the output with this number."""
    numbers = itertools.count()

    def hook(name: str):
        def look(module, args, output):
            with _disable_current_modes(), torch._C.DisableTorchFunction():
                for leaf in tree_leaves(output):
                    if isinstance(leaf, torch.Tensor) and leaf.is_floating_point():
                        note(taken(name, leaf, dims(next(numbers), leaf)))

        return look

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


class Lock:
    """Compares what a smaller model gives, output by output, with what the masked one gave."""

    def __init__(self, masked: list[Output], kept: torch.Tensor):
        self.masked, self.kept, self.seen = masked, kept, 0
        self.problem = ""

    def see(self, output: Output) -> None:
        """Compare the next output; it is not kept."""
        if not self.problem:
            wanted = self.masked[self.seen] if self.seen < len(self.masked) else None
            if wanted is None or wanted.name != output.name:
                self.problem = OTHERS
            elif not _same(output.values, expected(wanted, self.kept)):
                self.problem = (
                    f"{output.name} gives other outputs when filters are removed than when they are masked:"
                    " the forward before it does something to channels that was not understood"
                )
            self.seen += 1

    def open(self) -> None:
        """Raise ValueError, naming the first module that differs, unless all was seen and is the same."""
        problem = self.problem or (OTHERS if self.seen < len(self.masked) else "")
        if problem:
            raise ValueError(problem)


def _same(values: torch.Tensor, wanted: torch.Tensor) -> bool:
    if values.shape != wanted.shape or not wanted.numel():
        return values.shape == wanted.shape
    finite = wanted.isfinite()
    scale = wanted[finite].abs().max() if finite.any() else 0
    close = ((values - wanted).abs() <= TOLERANCE * scale) | (~finite & ~values.isfinite())
    return bool(close.all())

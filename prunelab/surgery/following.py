"""Runs a model once and lets the numbers of its channels travel with the values."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import _disable_current_modes

from prunelab.surgery import elementwise, products
from prunelab.surgery.calls import CALLS, sizes_named
from prunelab.surgery.couplings import Couplings
from prunelab.surgery.operation import Operation
from prunelab.surgery.replay import Doubled, Replay, kind_of, quiet, tensors_in, without_onednn
from prunelab.surgery.rules import rule_of
from prunelab.surgery.sizes import of_attribute, of_size
from prunelab.surgery.tracks import Beside, Carried, compact, spread, varying


class Following(Replay):
    """Follows the tracks through every operation that executes."""

    def __init__(
        self, model: nn.Module, masks: Mapping[str, torch.Tensor] | None = None, double: bool = False
    ):
        self.parameters = dict(model.named_parameters())
        self.tensors = self.parameters | dict(model.named_buffers())
        super().__init__(self.tensors, masks or {}, double)
        self.couplings = Couplings(self.tensors)
        self.known = Beside()
        self.modules = {id(module): name for name, module in model.named_modules()}
        self.stack: list[nn.Module] = []
        self.call: tuple | None = None  # the call of a torch function that is running: name, args, kwargs
        self.reads: list[products.Read] = []
        self.surprises: list[str] = []
        self.used: set[str] = set()  # parameters and buffers that the run has read
        self.only_weights = False  # what the running operation reads

    # ---- what travels

    def carried(self, tensor: torch.Tensor) -> Carried:
        """Return what travels beside a tensor; a parameter or buffer brings its own tracks."""
        found = self.known.get(tensor)
        if found is None:
            name = self.names.get(id(tensor), "")
            self.used.add(name)
            found = Carried(self.couplings.tracks(name) if name else [], bool(name), name, name)
            self.known[tensor] = found
        return found

    def carry(
        self, tensor: torch.Tensor, tracks: list, weight: bool = False, name: str = "", by: str = ""
    ) -> None:
        weight = weight or self.only_weights
        self.known[tensor] = Carried([t for t in tracks if varying(t)], weight, by or self.who(), name)

    def who(self) -> str:
        """Return the module that runs, if it is a leaf, or the operation."""
        if self.stack and not any(self.stack[-1].children()):
            return self.modules[id(self.stack[-1])]
        return self.short

    @property
    def where(self) -> str:
        module = self.modules[id(self.stack[-1])] if self.stack else ""
        kind = type(self.stack[-1]).__name__ if self.stack else ""
        if self.stack and not any(self.stack[-1].children()):
            return f"{module or 'the model'} ({kind})"
        return f"{self.short} in {module} ({kind})" if module else self.short

    # ---- what runs

    def seen(self, func, args: tuple, kwargs: dict, result: Any) -> None:
        kind = kind_of(func)
        self.short = kind.verb
        carried = [self.carried(tensor) for tensor in tensors_in((args, kwargs))]
        self.only_weights = bool(carried) and all(c.weight for c in carried)
        if any(c.tracks for c in carried):
            self._apply(func, kind.name, args, kwargs, result)
        elif self.only_weights:
            for tensor in tensors_in(result):
                self.carry(tensor, [])

    def twinned(self, value: torch.Tensor, new: torch.Tensor) -> None:
        self.known[new] = self.carried(value)

    def read(self, x: torch.Tensor, position: int, axis: int, *noted) -> None:
        """Note that a weight reads channels of x."""
        channels, columns, rows, *more = noted
        read = products.Read(self.order, position, axis, channels, columns, rows, self.who(), *more)
        if self.double:
            read.low, read.high = products.extent(x, axis)
        self.reads.append(read)

    def _apply(self, func, name, args, kwargs, result) -> None:
        op = Operation(self, func, args, kwargs, result)
        try:
            rule_of(func)(op)
        except Exception as error:  # a rule that an argument surprises knows as little as none
            self.surprises.append(f"{op.where}: {type(error).__name__}: {error}")
            elementwise.unknown(op)
        self._watch_empty(op)
        if name == "aten.copy_" and args[0]._base is not None:
            self._written(args[0], args[0]._base)

    def _watch_empty(self, op: Operation) -> None:
        """Where nothing is left of a tensor, what comes behind it cannot be seen: its channels stay."""
        if op.results() and op.results()[0].numel() == 0:  # others may be statistics that are not kept
            why = f"{op.where} gives an empty tensor on this example: give one on which it does not"
            for tensor in op.tensors():
                for track in op.carried(tensor).tracks:
                    self.couplings.fix(track, why)
            self.carry(op.results()[0], [])

    def _written(self, part: torch.Tensor, whole: torch.Tensor) -> None:
        """A part of a tensor was written: what it carries now belongs to the whole."""
        tracks, old = self.carried(part).tracks, self.carried(whole)
        if old.weight or len(tracks) != 1 or len(old.tracks) > 1 or part.ndim != whole.ndim:
            return
        dims = varying(tracks[0])
        shape = [size if d in dims else 1 for d, size in enumerate(whole.shape)]
        numbers = torch.zeros(shape, dtype=torch.long)
        for track in old.tracks:
            numbers = torch.broadcast_to(compact(track), shape).clone()
        place = numbers
        for d in dims:
            start = part.storage_offset() // whole.stride(d) % whole.shape[d]
            place = place.narrow(d, start, part.shape[d])
        place.copy_(compact(tracks[0]))
        self.carry(whole, [spread(numbers.expand(whole.shape), whole.shape)])

    def sizes(self, track: torch.Tensor) -> list:
        """Return equations for the sizes that the running call names along a track."""
        return sizes_named(self.call, track, self.where) if self.call else []

    @property
    def cuts_evenly(self) -> bool:
        """Tell whether a split that runs cuts into a number of pieces, and not at places that a caller
        named.
        """
        return self.call is None or self.call[0] not in ("split", "split_with_sizes")


class Calls(Doubled):
    """Sees the calls of torch functions with the integers that the caller wrote."""

    def __init__(self, following: Following):
        super().__init__(following)
        self.following = following

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if self.following.double:
            if func == torch.Tensor.dtype.__get__:
                return self.said(func(*args))
            args, kwargs = self.doubled(func, args), self.doubled(func, kwargs)
        if func == torch.Tensor.shape.__get__ or name == "size":
            return self._size(func(*args, **kwargs), args[0], args[1:] or tuple(kwargs.values()))
        rule = CALLS.get(name)
        outer, self.following.call = self.following.call, (name, args, kwargs)
        try:
            with without_onednn() if name == "lstm" else nullcontext():
                result = self.with_float64(func)(*args, **kwargs)
            if rule is not None:
                with _disable_current_modes():
                    rule(self.following, args, kwargs, result)
            return result
        finally:
            self.following.call = outer

    def _size(self, size, tensor: torch.Tensor, dim: tuple):
        """Return sizes along a track as Counts."""
        known = self.following.known.get(tensor)
        tracks = known.tracks if known else self.following.carried(tensor).tracks
        runs = {d: t for t in tracks for d in varying(t)}
        if not runs:
            return size
        if isinstance(size, int):
            d = dim[0] % tensor.ndim
            return of_size(size, runs[d], d) if d in runs else size
        return torch.Size(of_size(s, runs[d], d) if d in runs else s for d, s in enumerate(size))


@contextmanager
def running(following: Following, model: nn.Module) -> Iterator[None]:
    """Within it, what runs is followed."""

    def enter(module, args):
        following.stack.append(module)

    def leave(module, args, output):
        following.stack.pop()

    with ExitStack() as stack:
        for module in model.modules():
            stack.callback(module.register_forward_pre_hook(enter).remove)
            stack.callback(module.register_forward_hook(leave).remove)
        for context in (quiet(), following, Calls(following)):
            stack.enter_context(context)
        yield


def count_attributes(model: nn.Module) -> None:
    """Replace every integer attribute of every module, in place, by one that knows where it comes from."""
    for name, module in model.named_modules():
        for attribute, value in list(vars(module).items()):
            if type(value) is int:
                vars(module)[attribute] = of_attribute(value, (name, attribute, None))
            elif type(value) in (tuple, list) and any(type(v) is int for v in value):
                vars(module)[attribute] = type(value)(
                    of_attribute(v, (name, attribute, i)) if type(v) is int else v
                    for i, v in enumerate(value)
                )

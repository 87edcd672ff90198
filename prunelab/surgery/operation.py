"""One operation that runs, as its rule sees it."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._pytree import tree_map

from prunelab.surgery.replay import kind_of, tensors_in
from prunelab.surgery.tracks import Carried, varying


class Operation:
    """One operation that runs: its arguments, what travels beside them, and its result."""

    def __init__(self, run: Any, func: Any, args: tuple, kwargs: dict[str, Any], result: Any):
        self.run, self.func, self.args, self.kwargs, self.result = run, func, args, kwargs, result
        self.schema, self.couplings = func._schema, run.couplings
        self.name = kind_of(func).name  # as in "aten.relu"
        self.verb, self.where = run.short, run.where  # in words, for reasons
        self.carried, self.carry = run.carried, run.carry
        self._tensors, self._results = tensors_in((args, kwargs)), tensors_in(result)

    def derive(self, tensor: torch.Tensor, change: Callable) -> torch.Tensor:
        """Return another view of a tensor that carries the same, changed alike."""
        view, carried = change(tensor.detach()), self.carried(tensor)
        tracks = [t for t in map(change, carried.tracks) if varying(t)]
        self.run.known[view] = Carried(tracks, carried.weight, carried.by, carried.name)
        return view

    def call(self, change: Callable) -> Any:
        """Run the operation on changed arguments."""
        return self.func(*tree_map(change, self.args), **tree_map(change, self.kwargs))

    def tensors(self) -> list[torch.Tensor]:
        """Return the tensors among the arguments, in order."""
        return self._tensors

    def results(self) -> list[torch.Tensor]:
        """Return the tensors of the result."""
        return self._results

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """Return an argument that may be given by position or by name."""
        return self.args[position] if len(self.args) > position else self.kwargs.get(name, default)

"""What a reader brings: a network, inputs, a number to keep, a way to train; and what is wanted of it."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from prunelab import arguments
from prunelab.arguments import Example
from prunelab.measure import left_behind

BETTER = ("larger", "smaller")


@dataclass(frozen=True)
class Task:
    """A network to prune, and everything that the ten steps of the capstone ask about it.

    ``model`` is the trained network. ``example`` is what it is called with in use: a batch, a tuple of
    arguments or a dict of named ones. ``validate(model)`` and ``test(model)`` return the number that counts,
    of any range, on two sets of data; ``better`` says whether ``"larger"`` or ``"smaller"`` is better.
    ``train(model, passes)`` trains the network it is given, in place, for some passes over the learning data.
    ``inputs`` is a batch of inputs for the statistics of BatchNorm, or None: training fits them then. Wanted
    are a network ``faster`` and a file ``smaller`` by these factors, at a ``price`` of at most so much of the
    number that counts.

    Raises TypeError or ValueError, in words, for what is none of that. Source: notebook capstone."""

    model: nn.Module
    example: Example
    validate: Callable[[nn.Module], float]
    test: Callable[[nn.Module], float]
    train: Callable[[nn.Module, int], object]
    better: str
    faster: float
    smaller: float
    price: float
    inputs: torch.Tensor | None = None

    def __post_init__(self):
        arguments.module("model", self.model)
        arguments.fits("example", self.example, self.model)
        for name in ("validate", "test", "train"):
            value = getattr(self, name)
            if not callable(value) or isinstance(value, nn.Module):
                raise TypeError(f"{name} must be a function that is given the model, got {value!r:.80}")
        arguments.one_of("better", self.better, BETTER)
        for name in ("faster", "smaller", "price"):
            arguments.positive(name, getattr(self, name))
        if self.inputs is not None:
            arguments.tensor("inputs", self.inputs)
            arguments.fits("inputs", self.inputs[:2], self.model)
        if masked := left_behind(self.model):
            raise ValueError(
                f"model must have no mask at work, got one on {', '.join(masked)}: call prune.remove first"
            )
        self.model.eval()

    def check(self) -> float:
        """Return what ``validate`` says of the network, twice the same number, asked on a copy in both modes.

        Raises TypeError or ValueError in words if it is no finite number, another one the second time, or if
        asking changes the network."""
        before = copy.deepcopy(self.model.state_dict())
        first, second = self.quality(self.model), self.quality(copy.deepcopy(self.model))
        if first != second:
            raise ValueError(
                f"validate must give the same number twice, got {first:g} and {second:g}: fix its seed, its"
                " data and their order, and call model.eval()"
            )
        if any(not torch.equal(before[name], value) for name, value in self.model.state_dict().items()):
            raise ValueError(
                "validate must leave the network as it is, but its state has changed: call model.eval()"
            )
        return first

    def quality(self, model: nn.Module) -> float:
        """Return what ``validate`` says of ``model``. Raises TypeError or ValueError if it is no finite
        number.
        """
        return _number("validate", self.validate(arguments.module("model", model).eval()))

    def tested(self, model: nn.Module) -> float:
        """Return what ``test`` says of ``model``. Raises as ``quality``."""
        return _number("test", self.test(arguments.module("model", model).eval()))

    def lost(self, before: float, after: float) -> float:
        """Return how much worse ``after`` is than ``before``: what a cut costs, negative for a gain.

        Raises TypeError or ValueError if they are no finite numbers."""
        for name, value in (("before", before), ("after", after)):
            _number(name, value)
        return before - after if self.better == "larger" else after - before

    def trained(self, model: nn.Module, passes: int) -> nn.Module:
        """Return ``model``, trained in place for so many ``passes``, in eval mode again.

        Raises ValueError if ``train`` has changed no parameter of it, or made one infinite."""
        arguments.count("passes", passes)
        before = [parameter.detach().clone() for parameter in arguments.module("model", model).parameters()]
        self.train(model.train(), passes)
        after = list(model.parameters())
        if all(torch.equal(a, b) for a, b in zip(before, after, strict=True)):
            raise ValueError(
                "train must train the network that it is given, in place, but no parameter has changed"
            )
        if not all(bool(torch.isfinite(parameter).all()) for parameter in after):
            raise ValueError(
                "train must leave finite parameters, got infinite ones or NaN: try a smaller step"
            )
        return model.eval()

    def answers(self, model: nn.Module) -> list[torch.Tensor]:
        """Return the tensors in what ``model`` answers to the example, in whatever form it gives them."""
        positional, named = arguments.example("example", self.example)
        with arguments.eval_mode(model), torch.inference_mode():
            given = model(*positional, **named)
        return [leaf for leaf in tree_leaves(given) if isinstance(leaf, torch.Tensor)]


def checked(task: Task) -> Task:
    """Return ``task`` if it is a ``Task``, else raise TypeError. Source: notebook capstone."""
    if not isinstance(task, Task):
        raise TypeError(f"task must be a capstone.Task, got {type(task).__name__}")
    return task


def _number(name: str, value: float) -> float:
    value = value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{name} must return a finite number, got {value!r:.80}")
    return float(value)

"""Kinds of case, found in the arguments of an exercise's cases themselves: no description is believed.

A kind applies to an exercise by the types of its arguments and of its result. ``kinds.toml`` has the reason
for each that applies and is not there. CONTRIBUTING.md lists them for whoever writes an exercise."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.data import TensorDataset

FLOATS = (torch.float32, torch.float64)
SHARES = ("sparsity", "share", "density", "final")  # parameters that are a part of a count
LEAVES = (nn.Linear, nn.Conv2d)


class Cases(NamedTuple):
    """The cases of an exercise: the arguments of each by name, and what is expected."""

    arguments: list[dict]
    expected: list


def values(value: object) -> Iterator[object]:
    """Yield the tensors, modules, numbers, strings and dicts of ``value``; a list of numbers is a tensor."""
    if isinstance(value, TensorDataset):
        return
    if isinstance(value, tuple | list) and value and all(type(part) is float for part in value):
        yield torch.tensor(value, dtype=torch.float64)
    elif isinstance(value, tuple | list):
        yield from itertools.chain.from_iterable(map(values, value))
    elif isinstance(value, dict):
        yield value
        yield from itertools.chain.from_iterable(map(values, value.values()))
    else:
        sparse = isinstance(value, torch.Tensor) and value.layout != torch.strided
        yield value.values() if sparse else value
        if isinstance(value, nn.Module):
            yield from (p.detach() for p in value.parameters())


def found(cases: Cases, kind: type) -> list:
    """Return all values of type ``kind`` in the arguments."""
    return [
        v for arguments in cases.arguments for v in values(list(arguments.values())) if isinstance(v, kind)
    ]


def numbers(cases: Cases) -> list[torch.Tensor]:
    """Return the tensors of floats; of modules their weights."""
    return [t for t in found(cases, torch.Tensor) if t.dtype in FLOATS and t.numel()]


def magnitudes(tensor: torch.Tensor) -> torch.Tensor:
    """Return the finite magnitudes that are not zero, in order."""
    flat = tensor.abs().flatten().double()
    return flat[flat.isfinite() & (flat > 0)].sort().values


def ranked(cases: Cases) -> bool:
    """Return whether the result is a choice (a mask, names, a number of something) and no computed value."""

    def chosen(value: object) -> bool:
        if isinstance(value, torch.Tensor):
            return not value.is_floating_point()
        if isinstance(value, dict):
            return any(map(chosen, value.values()))
        if isinstance(value, tuple | list):
            return any(map(chosen, value))
        return isinstance(value, bool | int | str)

    return any(map(chosen, cases.expected))


def modules(cases: Cases, kind: type | tuple = nn.Module) -> list[nn.Module]:
    """Return the modules of a kind inside the modules that are passed."""
    return [part for model in found(cases, nn.Module) for part in model.modules() if isinstance(part, kind)]


def shares(cases: Cases) -> Iterator[tuple[float, dict]]:
    """Yield (share, the other arguments) of every case in which a share is asked for."""
    for arguments in cases.arguments:
        yield from (
            (v, arguments) for name, v in arguments.items() if name in SHARES and isinstance(v, float)
        )


def counts(arguments: dict) -> set[int]:
    """Return the numbers of things that a share may be taken of."""
    tensors = [v for v in values(list(arguments.values())) if isinstance(v, torch.Tensor)]
    sizes = {size for t in tensors for size in (t.numel(), *t.shape)}
    sizes |= {int(t.sum()) for t in tensors if t.dtype == torch.bool}
    sizes |= {v for v in values(list(arguments.values())) if type(v) is int}
    blocks = [v for v in arguments.values() if type(v) is int and v > 0]
    return sizes | {size // b for size in sizes for b in (*blocks, math.prod(blocks)) if size % b == 0}


def tied(tensor: torch.Tensor) -> bool:
    """Return whether some magnitudes are equal and others are not."""
    flat = magnitudes(tensor)
    return 1 < len(flat.unique()) < len(flat)


def close(tensor: torch.Tensor) -> bool:
    """Return whether two different values agree in three digits or more."""
    flat = magnitudes(tensor).unique()
    return bool((flat.diff() <= 5e-3 * flat[:-1]).any())


def nested(model: nn.Module) -> bool:
    """Return whether a layer with weights stands in a module inside the model."""
    return any(name.count(".") for name, part in model.named_modules() if isinstance(part, LEAVES))


def keys(cases: Cases) -> list[list]:
    """Return the names of each dict that has strings for keys."""
    return [list(d) for d in found(cases, dict) if d and all(isinstance(key, str) for key in d)]


def other(layer: nn.Module) -> bool:
    """Return whether a layer has weights and is no plain Linear or Conv2d."""
    return next(layer.parameters(recurse=False), None) is not None and type(layer) not in LEAVES


def matrices(cases: Cases) -> list[tuple[int, ...]]:
    """Return the shapes of two dimensions and more, also those that are passed as tuples."""
    shapes = [tuple(t.shape) for t in found(cases, torch.Tensor) if t.ndim > 1]
    lists = [v for a in cases.arguments for v in a.values() if isinstance(v, list)]
    return shapes + [
        v for v in itertools.chain(*lists) if isinstance(v, tuple) and set(map(type, v)) == {int}
    ]


Test = Callable[[Cases], bool]
KINDS: dict[str, tuple[Test, Test]] = {  # kind -> (does it apply?, is it there?)
    "not square": (
        lambda c: bool(matrices(c)),
        lambda c: any(s[-1] != s[-2] for s in matrices(c)),
    ),
    "both signs": (
        lambda c: bool(numbers(c)),
        lambda c: any((t > 0).any() and (t < 0).any() for t in numbers(c)),
    ),
    "zeros": (
        lambda c: bool(numbers(c)),
        lambda c: any((t == 0).any() and (t != 0).any() for t in numbers(c)),
    ),
    "some equal": (lambda c: bool(numbers(c)), lambda c: any(map(tied, numbers(c)))),
    "nearly equal": (
        lambda c: bool(numbers(c)) and ranked(c),
        lambda c: any(map(close, numbers(c))),
    ),
    "very small": (
        lambda c: bool(numbers(c)),
        lambda c: any(len(m := magnitudes(t)) and m[0] < 1e-4 for t in numbers(c)),
    ),
    "very large": (
        lambda c: bool(numbers(c)),
        lambda c: any(len(m := magnitudes(t)) and m[-1] > 1e4 for t in numbers(c)),
    ),
    "two float types": (
        lambda c: bool(found(c, torch.Tensor)) and bool(numbers(c)),
        lambda c: len({t.dtype for t in found(c, torch.Tensor) if t.dtype in FLOATS}) == 2,
    ),
    "a single one": (
        lambda c: bool(numbers(c) or keys(c)),
        lambda c: any(1 in t.shape for t in numbers(c)) or any(len(k) == 1 for k in keys(c)),
    ),
    "halves": (
        lambda c: any(True for _ in shares(c)),
        lambda c: {0.5, 1.5} <= {(s * n) % 2 for s, others in shares(c) for n in counts(others)},
    ),
    "nothing and all": (
        lambda c: any(True for _ in shares(c)),
        lambda c: {0.0, 1.0} <= {s for s, _ in shares(c)},
    ),
    "layers inside": (lambda c: bool(modules(c)), lambda c: any(map(nested, found(c, nn.Module)))),
    "other layers": (lambda c: bool(modules(c)), lambda c: any(map(other, modules(c)))),
    "groups": (
        lambda c: bool(modules(c, nn.Conv2d)),
        lambda c: any(m.groups > 1 for m in modules(c, nn.Conv2d)),
    ),
    "steps and rims": (
        lambda c: bool(modules(c, nn.Conv2d)),
        lambda c: any(m.stride != (1, 1) or m.padding != (0, 0) for m in modules(c, nn.Conv2d)),
    ),
    "names in no order": (
        lambda c: any(len(k) > 1 for k in keys(c)),
        lambda c: any(k != sorted(k) for k in keys(c)),
    ),
}

"""Runs a model under masks and in float64, while its own tensors stay as they are."""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _pop_mode_temporarily
from torch.utils._pytree import tree_map

from prunelab.surgery.convolution import convolve
from prunelab.surgery.tracks import compact

PRODUCTS = frozenset("convolution mm bmm addmm baddbmm mv addmv dot".split())
READERS = PRODUCTS | frozenset("sum nansum any linalg_vector_norm".split())


class Kind(NamedTuple):
    """What is the same at every call of an operation."""

    name: str  # as in "aten.relu_"
    base: str
    verb: str  # in words
    writes: bool  # into its arguments


@functools.cache
def kind_of(func: Any) -> Kind:
    """Return what torch's schema says of an operation."""
    name = func._schema.name.replace("::", ".")
    base = name.split(".")[1]
    return Kind(name, base, base.strip("_").replace("_", " "), func._schema.is_mutable)


class Replay(TorchDispatchMode):
    """Runs a model under masks and in float64, without touching its tensors."""

    def __init__(
        self, tensors: Mapping[str, torch.Tensor], masks: Mapping[str, torch.Tensor], double: bool = True
    ):
        super().__init__()
        self.names = {id(tensor): name for name, tensor in tensors.items()}
        self.masks, self.double = masks, double
        self.order = -1  # of the last product
        self.decisions: list[Any] = []  # numbers that the forward pass took out of tensors

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep torch from wrapping ``__torch_dispatch__``: nothing is compiled here."""
        return False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs, kind = kwargs or {}, kind_of(func)
        self.order += kind.base in READERS
        ready = (args, kwargs) if kind.writes else on_tensors(self._prepared, (args, kwargs))
        run = convolve if kind.base == "convolution" else func
        result = self.ran(func, kind.base, ready, run(*ready[0], **ready[1]))
        if kind.base == "_local_scalar_dense":
            self.decisions.append(result)
        if self.double and not kind.writes:
            result = on_tensors(_double, result)
        self.seen(func, args, kwargs, result)
        return result

    def ran(self, func, base: str, ready: tuple, result: Any) -> Any:
        """What becomes of the result of an operation."""
        return result

    def seen(self, func, args: tuple, kwargs: dict, result: Any) -> None:
        """Look at an operation that has run."""

    def twin(self, value: Any) -> Any:
        """Return a tensor as operations of this run get it, without an operation that could be seen."""
        if not (self.double and _single(value)):
            return value
        with _pop_mode_temporarily():
            new = self._prepared(value)
        self.twinned(value, new)
        return new

    def twinned(self, value: torch.Tensor, new: torch.Tensor) -> None:
        """Look at a tensor that takes the place of another."""

    def _prepared(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        mask = self.masks.get(self.names.get(id(value), ""))
        if mask is None:
            return _double(value) if self.double else value
        # a second copy in float32 would take as much memory again
        new = value.detach().double() if self.double and _single(value) else value.detach().clone()
        return new.masked_fill_(~compact(mask), 0)


def on_tensors(change: Callable[[torch.Tensor], Any], value: Any) -> Any:
    """Return arguments or results, plainly nested, with every tensor changed: a lean ``tree_map``."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: on_tensors(change, item) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)([on_tensors(change, item) for item in value])
    if isinstance(value, tuple):  # a torch.Size, or one with names
        return tree_map(lambda item: change(item) if isinstance(item, torch.Tensor) else item, value)
    return value


def tensors_in(value: Any) -> list[torch.Tensor]:
    """Return the tensors among arguments or results, in order: a lean ``tree_leaves``."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return [tensor for item in value.values() for tensor in tensors_in(item)]
    return [t for item in value for t in tensors_in(item)] if isinstance(value, tuple | list) else []


def _single(value: torch.Tensor) -> bool:
    return value.is_floating_point() and value.dtype != torch.float64


def _double(value: torch.Tensor) -> torch.Tensor:
    return value.double() if _single(value) else value


def products_of_experts(a: torch.Tensor, b: torch.Tensor, *, offs: Any = None, **more: Any) -> torch.Tensor:
    """Return what ``torch._grouped_mm`` gives of rows that are sorted by expert, product by product."""
    if a.ndim != 2 or b.ndim != 3 or offs is None or more.get("bias") is not None:
        raise ValueError("_grouped_mm is followed where it multiplies rows sorted by expert, with no bias")
    products, start = [], 0
    for expert, end in enumerate(offs.tolist()):
        if start < end:  # an expert that no row chose runs nothing
            products.append(a[start:end] @ b[expert])
        start = end
    return torch.cat(products)


WITHOUT_FLOAT64 = {"_grouped_mm": products_of_experts}  # what has no such kernel, and what gives the same


class Doubled(TorchFunctionMode):
    """Hands float64 tensors to every torch function, because some check their arguments' types first."""

    replaced = False  # has a function run that gives the same in place of one without float64?

    def __init__(self, replay: Replay):
        super().__init__()
        self.replay = replay

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func == torch.Tensor.dtype.__get__:
            return self.said(func(*args))
        run = self.with_float64(func)
        return run(*self.doubled(func, args), **self.doubled(func, kwargs or {}))

    def with_float64(self, func: Callable) -> Callable:
        found = WITHOUT_FLOAT64.get(getattr(func, "__name__", ""))
        self.replaced = self.replaced or found is not None
        return found or func

    @staticmethod
    def said(dtype: torch.dtype) -> torch.dtype:
        """Return the dtype that a module shall see: it may compare its input's with its parameters'."""
        return torch.float64 if dtype.is_floating_point else dtype

    def doubled(self, func, arguments: Any) -> Any:
        name = getattr(func, "__name__", "")
        writes = name.startswith("__") or (name.endswith("_") and not name.endswith("__"))
        return arguments if writes else on_tensors(self.replay.twin, arguments)


@contextmanager
def quiet() -> Iterator[None]:
    """Within it, attention runs as the products that it consists of, and no gradient is kept."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH), torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextmanager
def without_onednn() -> Iterator[None]:
    """Within it, a recurrent layer runs as the products that it consists of: oneDNN has an LSTM of its own,
    for float32.
    """
    onednn = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.set_flags(False, _fp32_precision=None)
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(onednn, _fp32_precision=None)

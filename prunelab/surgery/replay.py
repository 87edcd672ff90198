"""Runs a model under masks and in float64, while its own tensors stay as they are."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_map

PRODUCTS = frozenset("convolution mm bmm addmm baddbmm mv addmv dot".split())
READERS = PRODUCTS | frozenset("sum nansum any linalg_vector_norm".split())


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

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        with _disable_current_modes(), torch.no_grad():
            base = func._schema.name.split("::")[1]
            self.order += base in READERS
            ready = (
                on_tensors(self._prepared, (args, kwargs)) if not func._schema.is_mutable else (args, kwargs)
            )
            result = self.ran(func, base, ready, func(*ready[0], **ready[1]))
            if base == "_local_scalar_dense":
                self.decisions.append(result)
            if self.double and not func._schema.is_mutable:
                result = on_tensors(_double, result)
            self.seen(func, args, kwargs, result)
            return result

    def ran(self, func, base: str, ready: tuple, result: Any) -> Any:
        """What becomes of the result of an operation."""
        return result

    def seen(self, func, args: tuple, kwargs: dict, result: Any) -> None:
        """Look at an operation that has run."""

    def _prepared(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        mask = self.masks.get(self.names.get(id(value), ""))
        if mask is not None:
            value = value.detach().masked_fill(~mask, 0)
        return _double(value) if self.double else value


def on_tensors(change: Callable[[torch.Tensor], Any], value: Any) -> Any:
    """Return arguments or results, plainly nested, with every tensor changed: a lean ``tree_map``."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: on_tensors(change, item) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)([on_tensors(change, item) for item in value])
    return tree_map(change, value) if isinstance(value, tuple) else value


def _double(value: Any) -> Any:
    floating = isinstance(value, torch.Tensor) and value.is_floating_point() and value.dtype != torch.float64
    return value.double() if floating else value


def products_of_experts(a: torch.Tensor, b: torch.Tensor, *, offs: Any = None, bias: Any = None, **_: Any):
    """Return what ``torch._grouped_mm`` gives of rows that are sorted by expert, product by product."""
    if a.ndim != 2 or b.ndim != 3 or offs is None:
        raise ValueError(
            "_grouped_mm is followed where it multiplies rows sorted by expert, and nowhere else"
        )
    products, start = [], 0
    for expert, end in enumerate(offs.tolist()):
        if start < end:  # an expert that no row chose runs nothing
            products.append(a[start:end] @ b[expert])
        start = end
    return torch.cat(products) if bias is None else torch.cat(products) + bias


WITHOUT_FLOAT64 = {"_grouped_mm": products_of_experts}  # what has no such kernel, and what gives the same


class Doubled(TorchFunctionMode):
    """Hands float64 tensors to every torch function, because some check their arguments' types first."""

    replaced = False  # has a function run that gives the same in place of one without float64?

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
        return arguments if writes else on_tensors(_double, arguments)


@contextmanager
def quiet() -> Iterator[None]:
    """Within it, attention and recurrent layers run as the products that they consist of, and no gradient is
    kept.
    """
    fast, onednn = torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled
    torch.backends.mha.set_fastpath_enabled(False)
    torch.backends.mkldnn.set_flags(False, _fp32_precision=None)  # has an LSTM of its own, for float32
    try:
        with sdpa_kernel(SDPBackend.MATH), torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch.backends.mkldnn.set_flags(onednn, _fp32_precision=None)

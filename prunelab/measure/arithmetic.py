"""Multiply-accumulates, counted where the arithmetic happens: at torch's operators, beneath every layer."""

import warnings
from collections import Counter
from collections.abc import Mapping
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from prunelab import arguments
from prunelab.arguments import Example
from prunelab.masks import expand_masks, prunable
from prunelab.measure import operations


class Count(int):
    """A number of multiply-accumulates. ``uncounted`` names what took part and could not be counted (empty:
    all of it was); ``layers`` has the number of each module by its name, ``""`` being the model's own
    forward.

    Source: notebook 09.2.
    """

    uncounted: tuple[str, ...]
    layers: dict[str, int]

    def __new__(cls, layers: Mapping[str, int], uncounted: tuple[str, ...] = ()) -> "Count":
        """Return the sum of ``layers`` (module name -> multiply-accumulates) as a number with its parts."""
        arguments.mapping("layers", layers, at_least=0)
        count = super().__new__(
            cls, sum(arguments.count(f"layers[{name!r}]", n, at_least=0) for name, n in layers.items())
        )
        count.layers, count.uncounted = dict(layers), tuple(uncounted)
        return count

    def __reduce__(self) -> tuple:
        return type(self), (self.layers, self.uncounted)  # what a copy is made of


def macs(model: nn.Module, example_input: Example, masks: Mapping[str, torch.Tensor] | None = None) -> Count:
    """Return the multiply-accumulates of one forward pass of ``example_input`` through ``model``, in eval
    mode.

    >>> int(macs(torch.nn.LSTM(16, 32), torch.zeros(10, 2, 16)))  # 4 gates, 10 steps, 2 sequences
    122880

    ``example_input`` is a tensor ``(batch, ...)``, a tuple of arguments or a dict of named ones. The result
    is a number, with ``uncounted``: what could not be counted is named there and in a warning. Counted are
    products that are summed, whichever layer or function asks for them: matrices, convolutions of every kind,
    recurrent layers, attention, int8. A weight costs one for each position it is used at (a padded place, or
    a masked token, is a position); a weight in CSR, BSR or COO costs its kept entries; a product of two
    complex numbers is four of real ones (three in a convolution: torch does it so). Biases, poolings,
    normalisations, activations, interpolations, and products written as an elementwise multiplication and a
    sum are not counted; of the last, those with a weight are named.

    With ``masks`` (parameter name -> mask) only the kept weights count: what a perfect sparse kernel would
    do, not what a dense one does. ``torch.utils.flop_counter`` counts 2 per multiply-accumulate, a CSR layer
    as dense, and on a CPU a float32 LSTM and an encoder layer in eval mode as nothing.

    Raises TypeError if ``model`` is no module or ``example_input`` no tensor, ValueError if they do not fit,
    and as ``masks.expand_masks`` does. Source: notebook 01.

    >>> int(macs(nn.Conv2d(1, 2, 3), torch.zeros(1, 1, 5, 5)))  # 18 weights at 9 positions
    162
    """
    arguments.module("model", model)
    positional, named = arguments.example("example_input", example_input)
    expanded = expand_masks(model, {} if masks is None else masks)
    with _plain_paths():
        arguments.fits("example_input", example_input, model)
    counter = _Counter(model, expanded)
    with (
        arguments.eval_mode(model),
        torch.inference_mode(),
        _plain_paths(),
        counter.following(model),
        counter,
    ):
        model(*positional, **named)
    count = Count(counter.layers, counter.missing())
    if count.uncounted:
        warnings.warn(f"MACs without {'; '.join(count.uncounted)}", stacklevel=2)
    return count


@contextmanager
def _plain_paths():
    """Have attention and encoder layers take the path that is made of single operators, and compiled modules
    run as they were written.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.compiler.set_stance("force_eager"):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _weights_of(model: nn.Module) -> dict[int, str]:
    """Return the dense weights of ``model``: storage -> name."""
    try:
        known = prunable(model)
    except ValueError:  # no weight is no error here
        return {}
    own = {name: p for name, p in model.named_parameters(remove_duplicate=False) if p.layout == torch.strided}
    return {own[name].untyped_storage()._cdata: name for name in known if name in own}


class _Counter(TorchDispatchMode):
    """Sees every operator that runs, and adds what it multiplies to the module that is running."""

    supports_higher_order_operators = True

    def __init__(self, model: nn.Module, masks: Mapping[str, torch.Tensor]):
        super().__init__()
        self.layers: Counter[str] = Counter()
        self.unknown: dict[str, set[str]] = {}
        self.running = [""]
        self.weights = _weights_of(model)
        self.scaled: set[str] = set()  # weights that were multiplied elementwise
        self.masks = masks
        self.kept: dict[int, torch.Tensor] = {}  # storage of a weight -> which of its numbers are kept
        self.storages = {}
        for name, parameter in model.named_parameters(remove_duplicate=False):
            if name in masks:
                storage = parameter.untyped_storage()
                size = storage.nbytes() // parameter.element_size()
                kept = self.kept.setdefault(storage._cdata, torch.ones(size, dtype=torch.bool))
                place = kept.as_strided(parameter.shape, parameter.stride(), parameter.storage_offset())
                place &= masks[name].cpu()
                self.storages[name] = storage._cdata
        self.met: set[int] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if any(one not in (torch.Tensor, nn.Parameter) for one in types):
            return NotImplemented  # a kind of tensor of its own: what it calls in its turn is seen
        if not isinstance(func, torch._ops.OpOverload):  # a higher-order operator: its inside is not seen
            self._note(str(func))
            return func(*args, **kwargs)
        name = func._schema.name.rstrip("_")
        formula = operations.FORMULAS.get(name)
        tensors = arguments.tensors_of((args, kwargs))
        nested = any(tensor.is_nested for tensor in tensors)  # no shape to count with, and rules of its own
        if name in ("aten::mul", "aten::addcmul") and not nested:
            places = [t.untyped_storage()._cdata for t in tensors if t.layout == torch.strided]
            self.scaled |= {self.weights[place] for place in places if place in self.weights}
        if formula is None and not nested:
            with self:  # an operator made of others is counted by them
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        out = func(*args, **kwargs)
        if formula is not None and not nested:
            call = dict(zip((argument.name for argument in func._schema.arguments), args, strict=False))
            real = 4 if any(tensor.is_complex() for tensor in tensors) else 1
            try:
                self._add([(real * macs, weight) for macs, weight in formula(call | kwargs, out)])
            except operations.Unknown as reason:
                self._note(f"{name} {reason}")
        elif not operations.free(func):
            self._note(name)
        return out

    def _add(self, products: list[operations.Product]) -> None:
        total = sum(macs for macs, _ in products)
        for macs, weight in products:
            kept = (
                self.kept.get(weight.untyped_storage()._cdata) if self.kept and weight is not None else None
            )
            if kept is None or weight is None:
                continue
            left = int(kept.as_strided(weight.shape, weight.stride(), weight.storage_offset()).sum())
            self.met.add(weight.untyped_storage()._cdata)
            # an operand without products of its own, a matrix on the right, scales those of the left one
            share = macs or total
            total -= share - share * left // weight.numel()
        self.layers[self.running[-1]] += total

    def _note(self, operator: str) -> None:
        self.unknown.setdefault(operator, set()).add(self.running[-1] or "the model's own forward")

    def missing(self) -> tuple[str, ...]:
        """Return what was not counted, in words."""
        found = [f"{operator} in {', '.join(sorted(where))}" for operator, where in self.unknown.items()]
        unread = [
            name
            for name, mask in self.masks.items()
            if mask.ndim > 1 and not mask.all() and self.storages[name] not in self.met
        ]
        found += [f"masks[{name!r}]: no product reads this parameter itself" for name in unread]
        for name in sorted(self.scaled):
            owner = name.split("parametrizations.")[0].rpartition(".")[0]
            # a layer with products has made another weight of it first, and that one was counted
            if not any(n for layer, n in self.layers.items() if f"{layer}.".startswith(f"{owner}.")):
                found.append(f"aten::mul with {name}: products, if they are summed")
        return tuple(found)

    @contextmanager
    def following(self, model: nn.Module):
        """Know the module that is running, by hooks that are gone afterwards."""
        hooks = []
        for name, module in model.named_modules():
            if module is not model and not isinstance(module, torch.jit.ScriptModule):
                hooks.append(
                    module.register_forward_pre_hook(lambda _, __, name=name: self.running.append(name))
                )
                hooks.append(module.register_forward_hook(lambda *_: self._leave()))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _leave(self) -> None:
        self.running.pop()

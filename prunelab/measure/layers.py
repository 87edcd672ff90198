"""Where the weights, the multiply-accumulates and the milliseconds are: one row for each layer."""

import html
import statistics
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from prunelab import arguments, tables
from prunelab.arguments import Example
from prunelab.measure.arithmetic import macs
from prunelab.weights import SPARSE, stored

PASSES = 15
OTHERS = "(outside the layers)"  # functions called in forward: sums, reshapes, and the calls themselves


@dataclass(frozen=True)
class Profile:
    """The result of ``profile``: ``rows``, one dict per layer in the order of the first call, and
    ``uncounted``, what is in no row's MACs; prints as a table. Source: notebook 09.2.
    """

    rows: list[dict]
    conditions: str
    uncounted: tuple[str, ...] = ()

    def _table(self) -> tuple[list[str], list[list[str]]]:
        total = sum(row["seconds"] for row in self.rows)
        head = ["layer", "kind", "weights", "MACs", "ms", "share of time", "MACs per byte"]
        body = [
            [
                row["layer"],
                row["kind"],
                f"{row['weights']:,}",
                f"{row['macs']:,}",
                f"~{1e3 * row['seconds']:7.3f}",
                f"~{100 * row['seconds'] / total:4.0f} %",
                f"{row['macs_per_byte']:.1f}",
            ]
            for row in self.rows
        ]
        return head, body

    def __str__(self) -> str:
        return f"{tables.text(*self._table())}\n{self.conditions}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"{tables.web(*self._table())}<p>{html.escape(self.conditions)}</p>"


def profile(model: nn.Module, example_input: Example) -> Profile:
    """Return what each layer of ``model`` costs in one pass of ``example_input``, a batch, a tuple of
    arguments or a dict of named ones, in eval mode.

    A row holds ``layer``, ``kind``, ``weights`` (elements), ``macs`` (as ``measure.macs`` counts them),
    ``seconds`` (the median of 15 passes, hooks included, so that layers of a few microseconds look slower
    than they are) and ``macs_per_byte`` (multiply-accumulates for each byte of input, weights and output:
    where it is small, memory sets the pace and not arithmetic). A module that computes between its children,
    attention for instance, has a row for what it does itself. The last row is the rest: the time outside the
    layers. Hooks keep encoder layers from their fused form; a compiled module is run as it was written.

    Raises TypeError or ValueError if ``model`` is no module or ``example_input`` does not fit it. Source:
    Williams, Waterman and Patterson, "Roofline" (2009), for MACs per byte; notebook 09.2."""
    arguments.module("model", model)
    positional, named = arguments.example("example_input", example_input)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "MACs without")  # what is not counted is said below the table
        count = macs(model, example_input)
    watch = _Watch(model, count.layers)
    try:
        with arguments.eval_mode(model), torch.inference_mode(), torch.compiler.set_stance("force_eager"):
            for _ in range(PASSES + 2):
                watch.begin()
                start = time.perf_counter()
                model(*positional, **named)
                watch.end(time.perf_counter() - start)
    finally:
        watch.close()
    batch, threads = arguments.batch(example_input), torch.get_num_threads()
    conditions = f"Batch {batch}; median of {PASSES} passes, ~{threads} threads"
    if count.uncounted:
        conditions += f". Not counted in the MACs: {'; '.join(count.uncounted)}"
    return Profile(watch.rows(), conditions, count.uncounted)


class _Watch:
    """Times every module by hooks, without the time of the modules that it calls."""

    def __init__(self, model: nn.Module, layers: Mapping[str, int]):
        self.model, self.layers = model, dict(layers)
        self.called: dict[str, nn.Module] = {}  # in the order of the first call
        self.bytes: dict[str, int] = {}
        self.passes: list[dict[str, float]] = []
        self.stack: list[list[float]] = []  # of the modules that are running: start, and time of those inside
        self.hooks = []
        for name, module in model.named_modules():
            if not isinstance(module, torch.jit.ScriptModule):
                self.hooks += [
                    module.register_forward_pre_hook(
                        lambda module, _, name=name: self._enter(name, module), prepend=True
                    ),
                    module.register_forward_hook(
                        lambda _, inputs, named, output, name=name: self._leave(
                            name, (inputs, named, output)
                        ),
                        with_kwargs=True,
                    ),
                ]

    def close(self) -> None:
        for hook in self.hooks:
            hook.remove()

    def begin(self) -> None:
        self.passes.append({})
        self.stack.clear()

    def end(self, seconds: float) -> None:
        inside = sum(spent for name, spent in self.passes[-1].items() if self._has_row(name))
        self.passes[-1][OTHERS] = max(0.0, seconds - inside)

    def _enter(self, name: str, module: nn.Module) -> None:
        self.called.setdefault(name, module)
        self.stack.append([time.perf_counter(), 0.0])

    def _leave(self, name: str, values: tuple) -> None:
        start, inside = self.stack.pop()
        seconds = time.perf_counter() - start
        if self.stack:
            self.stack[-1][1] += seconds
        self.passes[-1][name] = self.passes[-1].get(name, 0.0) + seconds - inside
        if len(self.passes) == 1:  # a layer that is called twice moves its bytes twice
            tensors = [t for t in tree_leaves(values) if isinstance(t, torch.Tensor)] + self._weights(name)
            self.bytes[name] = self.bytes.get(name, 0) + sum(_bytes(tensor) for tensor in tensors)

    def _has_row(self, name: str) -> bool:
        module = self.called[name]
        leaf = not any(True for _ in module.children())
        return leaf or (name != "" and (self.layers.get(name, 0) > 0 or bool(self._weights(name))))

    def _weights(self, name: str) -> list[torch.Tensor]:
        """Return the weights that a module reads itself, also out of children that it never calls."""
        own = []
        for path, module in self.called[name].named_modules(prefix=name):
            if path == name or not any(_below(path, other) for other in self.called if other != name):
                own += [p for key, p in module.named_parameters(recurse=False) if "bias" not in key]
                own += [b for b in module.buffers(recurse=False) if b.layout in SPARSE]
        return own

    def rows(self) -> list[dict]:
        """Return the finished rows; what is in no layer is in the last."""
        names = [name for name in self.called if self._has_row(name)]
        found = []
        for name in names:
            weights = sum(stored(weight).numel() for weight in self._weights(name))
            found.append(self._row(name, type(self.called[name]).__name__, weights, self.layers.get(name, 0)))
        rest = sum(count for name, count in self.layers.items() if name not in names)
        return [*found, self._row(OTHERS, "", 0, rest)]

    def _row(self, name: str, kind: str, weights: int, count: int) -> dict:
        seconds = statistics.median(times.get(name, 0.0) for times in self.passes[2:])
        moved = self.bytes.get(name, 0)
        row = {"layer": name, "kind": kind, "weights": weights, "macs": count, "bytes": moved}
        return row | {"seconds": seconds, "macs_per_byte": count / moved if moved else 0.0}


def _below(path: str, other: str) -> bool:
    """Return whether ``path`` is the module ``other`` or inside it."""
    return path == other or (other != "" and path.startswith(f"{other}."))


def _bytes(tensor: torch.Tensor) -> int:
    values = stored(tensor)
    return values.numel() * values.element_size()

"""Where the weights, the multiply-accumulates and the milliseconds are: one row for each layer."""

import html
import statistics
import time
from dataclasses import dataclass

import torch
from torch import nn

from prunelab import arguments, tables

PASSES = 15
OTHERS = "(outside the layers)"  # functions called in forward: sums, reshapes, and the calls themselves


@dataclass(frozen=True)
class Profile:
    """The result of ``profile``: ``rows``, one dict per layer in the order of the first call; prints as a
    table.
    """

    rows: list[dict]
    conditions: str

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


def profile(model: nn.Module, example_input: torch.Tensor) -> Profile:
    """Return what each layer of ``model`` costs in one pass of ``example_input`` ``(batch, ...)``, in eval
    mode.

    A row holds ``layer``, ``kind``, ``weights`` (elements), ``macs`` (of Linear and Conv2d), ``seconds`` (the
    median of 15 passes, hooks included, so that layers of a few microseconds look slower than they are) and
    ``macs_per_byte`` (multiply-accumulates for each byte of input, weights and output: where it is small,
    memory sets the pace and not arithmetic). The last row is the time outside the layers.

    Raises TypeError or ValueError if ``model`` is no module or ``example_input`` no tensor. Source: Williams,
    Waterman and Patterson, "Roofline" (2009), for MACs per byte; notebook 09.2."""
    arguments.module("model", model)
    arguments.fits("example_input", arguments.tensor("example_input", example_input), model)
    rows: dict[str, dict] = {}
    passes: list[dict[str, float]] = []
    started: dict[str, float] = {}

    def before(name: str) -> None:
        started[name] = time.perf_counter()

    def after(name: str, layer: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        seconds = time.perf_counter() - started[name]
        if len(passes) == 1 or name not in rows:
            rows[name] = _row(name, layer, inputs, output, rows.get(name))
        passes[-1][name] = passes[-1].get(name, 0.0) + seconds

    leaves = [(name, layer) for name, layer in model.named_modules() if not list(layer.children())]
    hooks = [layer.register_forward_pre_hook(lambda _, __, name=name: before(name)) for name, layer in leaves]
    hooks += [
        layer.register_forward_hook(
            lambda layer, inputs, output, name=name: after(name, layer, inputs, output)
        )
        for name, layer in leaves
    ]
    try:
        with arguments.eval_mode(model), torch.inference_mode():
            for _ in range(PASSES + 2):
                passes.append({})
                start = time.perf_counter()
                model(example_input)
                passes[-1][OTHERS] = max(0.0, time.perf_counter() - start - sum(passes[-1].values()))
    finally:
        for hook in hooks:
            hook.remove()
    rows[OTHERS] = {"layer": OTHERS, "kind": "", "weights": 0, "macs": 0, "bytes": 0}
    return Profile([_finished(row, passes[2:]) for row in rows.values()], _conditions(example_input))


def _row(name: str, layer: nn.Module, inputs: tuple, output: torch.Tensor, earlier: dict | None) -> dict:
    weight = getattr(layer, "weight", None)
    weights = weight.numel() if isinstance(weight, torch.Tensor) else 0
    moved = sum(
        t.numel() * t.element_size() for t in (*inputs, output, weight) if isinstance(t, torch.Tensor)
    )
    macs = 0
    if isinstance(layer, nn.Conv2d | nn.Linear):
        macs = weights * (output[:, 0] if isinstance(layer, nn.Conv2d) else output[..., 0]).numel()
    row = {"layer": name, "kind": type(layer).__name__, "weights": weights, "macs": macs, "bytes": moved}
    if earlier is not None:  # a layer that is called twice in one pass
        row |= {"macs": macs + earlier["macs"], "bytes": row["bytes"] + earlier["bytes"]}
    return row


def _finished(row: dict, passes: list[dict[str, float]]) -> dict:
    seconds = statistics.median(times.get(row["layer"], 0.0) for times in passes)
    return row | {"seconds": seconds, "macs_per_byte": row["macs"] / row["bytes"] if row["bytes"] else 0.0}


def _conditions(example_input: torch.Tensor) -> str:
    return f"Batch {len(example_input)}; median of {PASSES} passes, ~{torch.get_num_threads()} threads"

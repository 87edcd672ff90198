"""What pruning saved: parameters, nonzeros, bytes on disk, multiply-accumulates, latency, and all of them in
one table.
"""

import html
import logging
import random
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import save
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments, tables
from prunelab.masks import expand_masks, prunable
from prunelab.masks import sparsity as tensor_sparsity
from prunelab.training import evaluator

logging.getLogger("torch.utils.cpp_extension").setLevel(
    logging.ERROR
)  # it warns on import where a CUDA toolkit meets no GPU
from torch.utils.benchmark import Timer  # noqa: E402

ROUNDS = 31  # timed blocks per model, interleaved
# a block is long enough for the clock and short enough to meet the same disturbances as its neighbour
BLOCK_SECONDS = 0.01
REAL = 0.10  # a difference below 10 % is called no difference
SAME = "no measurable difference"


@dataclass(frozen=True)
class Latency:
    """Seconds per call: the median of the timed blocks, and the quartiles ``low`` and ``high``; with the
    conditions.
    """

    median: float
    low: float
    high: float
    threads: int
    batch: int

    def __str__(self) -> str:
        return (
            f"~{1e3 * self.median:7.3f} ms (middle half of the runs ~{1e3 * self.low:7.3f} to"
            f" ~{1e3 * self.high:7.3f} ms, batch {self.batch}, ~{self.threads} threads)"
        )


def parameters(model: nn.Module) -> int:
    """Return the number of parameters, biases and BatchNorm included; TypeError if ``model`` is no module.
    Source: notebook 00.

    >>> parameters(nn.Linear(3, 2))
    8
    """
    arguments.module("model", model)
    return sum(p.numel() for p in model.parameters())


def nonzeros(model: nn.Module, masks: Mapping[str, torch.Tensor] | None = None) -> int:
    """Return how many parameters are not zero, or would not be once ``masks`` were applied. Source: notebook
    00.

    Raises TypeError if ``model`` is no module, and as ``masks.expand_masks`` does.

    >>> layer = nn.Linear(3, 2)
    >>> _ = nn.init.ones_(layer.weight), nn.init.zeros_(layer.bias)
    >>> nonzeros(layer)
    6
    """
    arguments.module("model", model)
    masks = expand_masks(model, {} if masks is None else masks)
    return sum(int((p.detach() * masks.get(name, 1)).count_nonzero()) for name, p in model.named_parameters())


def layer_sparsity(model: nn.Module) -> dict[str, float]:
    """Return zeros / elements of every prunable weight, by parameter name; ``masks.sparsity(model)`` is all
    of them taken together.

    Source: notebook 00.
    """
    return {name: tensor_sparsity(weight.detach()) for name, weight in prunable(model).items()}


def bytes_on_disk(model: nn.Module) -> int:
    """Return the bytes of the model's state dict saved as safetensors: every value, and a header that names
    the tensors.

    A zero costs as much as any other value here; ``prunelab.storage`` does better. A tensor in CSR or BSR
    counts with its indices. Raises TypeError if ``model`` is no module. Source: notebooks 00, 07.1 and 07.2.

    >>> bytes_on_disk(nn.Linear(300, 300)) > 4 * 300 * 301  # the values, and a header
    True
    """
    arguments.module("model", model)
    tensors: dict[str, torch.Tensor] = {}
    for name, value in model.state_dict().items():
        if value.layout in (torch.sparse_csr, torch.sparse_bsr):
            parts = {"indptr": value.crow_indices(), "indices": value.col_indices(), "data": value.values()}
            tensors |= {f"{name}.{part}": tensor.contiguous() for part, tensor in parts.items()}
        else:
            tensors[name] = value.contiguous()
    return len(save(tensors))


def macs(
    model: nn.Module, example_input: torch.Tensor, masks: Mapping[str, torch.Tensor] | None = None
) -> int:
    """Return the multiply-accumulates of one forward pass of ``example_input`` ``(batch, ...)`` through
    Linear and Conv2d layers.

    A layer costs its number of weights times the output positions each is used at. With ``masks`` (parameter
    name -> mask) only the kept weights count: what a perfect sparse kernel would do, not what a dense one
    does. Biases, pooling and BatchNorm are not counted. ``torch.utils.flop_counter`` counts 2 per
    multiply-accumulate and a sparse CSR layer as dense.

    Raises TypeError if ``model`` is no module or ``example_input`` no tensor, and as ``masks.expand_masks``
    does. Source: notebook 01.

    >>> macs(nn.Conv2d(1, 2, 3), torch.zeros(1, 1, 5, 5))  # 18 weights at 9 positions
    162
    """
    arguments.module("model", model)
    arguments.tensor("example_input", example_input)
    expanded = expand_masks(model, {} if masks is None else masks)
    arguments.fits("example_input", example_input, model)
    total = 0

    def count(name: str, layer: nn.Linear | nn.Conv2d, output: torch.Tensor) -> None:
        nonlocal total
        kept = expanded.get(f"{name}.weight".lstrip("."))
        weights = layer.weight.numel() if kept is None else int(kept.sum())
        outputs_per_filter = output[:, 0].numel() if isinstance(layer, nn.Conv2d) else output[..., 0].numel()
        total += weights * outputs_per_filter

    hooks = [
        layer.register_forward_hook(lambda layer, _, output, name=name: count(name, layer, output))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
    ]
    try:
        with arguments.eval_mode(model), torch.inference_mode():
            model(example_input)
    finally:
        for hook in hooks:
            hook.remove()
    return total


def latency(model: nn.Module, example_input: torch.Tensor) -> Latency:
    """Return the time of one forward pass of ``example_input`` ``(batch, ...)``: warmed up, in eval and
    inference mode.

    Raises TypeError or ValueError if ``example_input`` is no tensor or ``model`` no module. Source: notebook
    00."""
    arguments.module("model", model)
    return _summary(_timed_blocks({"model": model}, example_input)["model"], example_input)


def latencies(models: Mapping[str, nn.Module], example_input: torch.Tensor) -> dict[str, Latency]:
    """Return the ``latency`` of each of ``models`` (name -> model); their timed runs take turns, so they may
    be compared.

    Raises as ``compare`` does. Source: notebook 07.2.
    """
    return {
        name: _summary(times, example_input) for name, times in _timed_blocks(models, example_input).items()
    }


@dataclass(frozen=True)
class Comparison:
    """The result of ``compare``: ``rows``, one dict per model; prints as a table, and shows as one in a
    notebook.

    What depends on the machine or on training, the verdicts included, carries a ``~``.
    """

    rows: list[dict]
    conditions: str

    def _table(self) -> tuple[list[str], list[list[str]]]:
        head = [
            "model",
            "accuracy",
            "parameters",
            "nonzeros",
            "bytes",
            "MACs",
            "latency",
            "against the first",
        ]
        body = []
        for row in self.rows:
            time = row["latency"]
            body.append(
                [
                    row["model"],
                    "-" if row["accuracy"] is None else f"~{row['accuracy']:6.2f} %",
                    f"{row['parameters']:,}",
                    f"{row['nonzeros']:,}",
                    f"{row['bytes']:,}",
                    f"{row['macs']:,}",
                    f"~{1e3 * time.median:7.3f} ms",
                    (
                        "-"
                        if row["verdict"] == "-"
                        else f"~{row['verdict'].removeprefix('~').strip():>{len(SAME)}}"
                    ),
                ]
            )
        keep = [
            i for i in range(len(head)) if i != 1 or any(row["accuracy"] is not None for row in self.rows)
        ]
        return [head[i] for i in keep], [[line[i] for i in keep] for line in body]

    def __str__(self) -> str:
        return f"{tables.text(*self._table())}\n{self.conditions}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"{tables.web(*self._table())}<p>{html.escape(self.conditions)}</p>"


def compare(
    models: Mapping[str, nn.Module],
    example_input: torch.Tensor,
    dataset: TensorDataset | Callable[[nn.Module], float] | None = None,
) -> Comparison:
    """Measure ``models`` (name -> model) side by side: accuracy on ``dataset``, parameters, nonzeros, bytes,
    MACs and latency.

    In place of a dataset there may be a function ``evaluate(model) -> percent``: for what no accuracy on
    labelled images measures.

    MACs and latency are those of one pass of ``example_input`` ``(batch, ...)``. The timed runs are
    interleaved, so that a disturbance of the machine meets every model. Each row's ``speedup`` is the median
    over rounds of first time / own time with a 90 % bootstrap interval (``speedup_low``, ``speedup_high``);
    its ``verdict`` says "no measurable difference" when that interval reaches into a band of 10 % around 1.

    Raises TypeError or ValueError if there is no model, a value is no module, or ``example_input`` is no
    tensor. Source: notebook 00.

    >>> models = {"dense": nn.Linear(8, 8), "smaller": nn.Linear(8, 4)}
    >>> [row["parameters"] for row in compare(models, torch.zeros(1, 8)).rows]
    [72, 36]
    """
    evaluate = (lambda model: None) if dataset is None else evaluator(dataset)
    times = _timed_blocks(models, example_input)
    first = next(iter(models))
    rows = []
    for name, model in models.items():
        low, middle, high = _ratio_interval(np.divide(times[first], times[name]))
        rows.append(
            {
                "model": name,
                "accuracy": evaluate(model),
                "parameters": parameters(model),
                "nonzeros": nonzeros(model),
                "bytes": bytes_on_disk(model),
                "macs": macs(model, example_input),
                "latency": _summary(times[name], example_input),
                "speedup": middle,
                "speedup_low": low,
                "speedup_high": high,
                "verdict": "-" if name == first else verdict(low, middle, high),
            }
        )
    conditions = (
        f"MACs and latency for a batch of {len(example_input)}; latency is the median of {ROUNDS} interleaved"
        f" runs, ~{torch.get_num_threads()} threads"
    )
    return Comparison(rows, conditions)


def verdict(low: float, middle: float, high: float) -> str:
    """Return what may be said of a speed-up (first time / own time) with the interval ``low`` to ``high``.

    Raises TypeError or ValueError for what is no positive number. Source: notebook 00.
    """
    for name, value in (("low", low), ("middle", middle), ("high", high)):
        arguments.positive(name, value)
    if low > 1 + REAL:
        return f"~{middle:5.2f} x faster"
    if high < 1 / (1 + REAL):
        return f"~{1 / middle:5.2f} x slower"
    return SAME


def _timed_blocks(models: Mapping[str, nn.Module], example_input: torch.Tensor) -> dict[str, list[float]]:
    """Return seconds per call, one number per model and round; the models take turns within each round."""
    arguments.tensor("example_input", example_input)
    if not isinstance(models, Mapping) or not models:
        raise ValueError(f"models must be a non-empty dict of name -> model, got {models!r:.80}")
    for name, model in models.items():
        arguments.module(f"models[{name!r}]", model)
        arguments.fits("example_input", example_input, model)
    timers, calls = {}, {}
    for name, model in models.items():
        timers[name] = Timer(
            "model(x)", globals={"model": model, "x": example_input}, num_threads=torch.get_num_threads()
        )
        with arguments.eval_mode(model), torch.inference_mode():
            fastest = min(
                timers[name].timeit(1).mean for _ in range(5)
            )  # timeit warms up; one slow run must not shorten the blocks
            calls[name] = max(1, round(BLOCK_SECONDS / fastest))
    times: dict[str, list[float]] = {name: [] for name in models}
    order, shuffler = list(models), random.Random(0)
    for _ in range(ROUNDS):
        shuffler.shuffle(order)  # a fixed order could beat in time with something else on the machine
        for name in order:
            with arguments.eval_mode(models[name]), torch.inference_mode():
                times[name].append(timers[name].timeit(calls[name]).mean)
    return times


def _summary(times: list[float], example_input: torch.Tensor) -> Latency:
    low, _, high = statistics.quantiles(times, n=4)
    return Latency(statistics.median(times), low, high, torch.get_num_threads(), len(example_input))


def _ratio_interval(ratios: np.ndarray) -> tuple[float, float, float]:
    """Return the median of ``ratios`` and its 90 % bootstrap interval, as (low, median, high)."""
    draws = np.random.default_rng(0).choice(ratios, size=(2000, len(ratios)))
    low, high = np.quantile(np.median(draws, axis=1), [0.05, 0.95])
    return float(low), float(np.median(ratios)), float(high)

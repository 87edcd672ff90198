"""Networks side by side: accuracy, sizes, multiply-accumulates and latency in one table."""

import html
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments, tables
from prunelab.arguments import Example
from prunelab.measure.arithmetic import macs
from prunelab.measure.clock import SAME, ratio_interval, summary, turns, verdict
from prunelab.measure.sizes import bytes_on_disk, nonzeros, parameters
from prunelab.training import evaluator
from prunelab.weights import held_masks


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
                    counted(row["macs"]),
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
    example_input: Example,
    dataset: TensorDataset | Callable[[nn.Module], float] | None = None,
) -> Comparison:
    """Measure ``models`` (name -> model) side by side: accuracy on ``dataset``, parameters, nonzeros, bytes,
    MACs and latency.

    In place of a dataset there may be a function ``evaluate(model) -> percent``: for what no accuracy on
    labelled images measures.

    MACs and latency are those of one pass of ``example_input``: a batch, a tuple of arguments or a dict of
    named ones. What the MACs do not contain, and what is masked at every pass, is named below the table and
    in the rows (``macs.uncounted``, ``masked``). The models are timed in turns, call by call, so that a
    disturbance of the machine meets every one. Each row's ``speedup`` is the median over rounds of first time
    / own time with a 90 % bootstrap interval (``speedup_low``, ``speedup_high``); its ``verdict`` says "no
    measurable difference" when that interval reaches into a band of 10 % around 1.

    Raises TypeError or ValueError if there is no model, a value is no module, or ``example_input`` is no
    tensor. Source: notebook 00.

    >>> models = {"dense": nn.Linear(8, 8), "smaller": nn.Linear(8, 4)}
    >>> [row["parameters"] for row in compare(models, torch.zeros(1, 8)).rows]
    [72, 36]
    """
    evaluate = (lambda model: None) if dataset is None else evaluator(dataset)
    times = turns(models, example_input)
    first = next(iter(models))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "MACs without")  # what is not counted is said below the table
        counts = {name: macs(model, example_input) for name, model in models.items()}
    rows = []
    for name, model in models.items():
        low, middle, high = ratio_interval(times[first], times[name])
        rows.append(
            {
                "model": name,
                "accuracy": evaluate(model),
                "parameters": parameters(model),
                "nonzeros": nonzeros(model),
                "bytes": bytes_on_disk(model),
                "macs": counts[name],
                "masked": list(held_masks(model)),
                "latency": summary(times[name], example_input),
                "speedup": middle,
                "speedup_low": low,
                "speedup_high": high,
                "verdict": "-" if name == first else verdict(low, middle, high),
            }
        )
    return Comparison(rows, _conditions(rows, example_input, len(times[first])))


def counted(macs: int) -> str:
    """Return a number of multiply-accumulates as text, with "+ ?" behind it if a part was not counted.
    Source: notebook 09.2.

    Raises TypeError or ValueError if it is no count.
    """
    return f"{arguments.count('macs', macs, at_least=0):,}" + (
        " + ?" if getattr(macs, "uncounted", ()) else ""
    )


def _conditions(rows: list[dict], example_input: Example, rounds: int) -> str:
    """Return how the numbers were taken, and what none of them contains."""
    said = (
        f"MACs and latency for a batch of {arguments.batch(example_input)}; latency is the median of single"
        f" calls in ~{rounds} rounds, ~{torch.get_num_threads()} threads"
    )
    missing = [f"{row['model']}: {what}" for row in rows for what in row["macs"].uncounted]
    masked = [f"{row['model']}: {', '.join(row['masked'])}" for row in rows if row["masked"]]
    return (
        said
        + (f". Not counted in the MACs (+ ?): {'; '.join(missing)}" if missing else "")
        + (f". Masked at every pass, not removed: {'; '.join(masked)}" if masked else "")
    )

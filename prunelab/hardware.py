"""What this processor likes: numbers of filters that fill its vectors, and layers fused for inference."""

import copy
import warnings
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import nn

from prunelab import arguments
from prunelab.masks import prunable
from prunelab.measure import latencies
from prunelab.surgery import remove_filters

REACH = 0.3  # how far cheap_count looks from the number of filters it is given
SLACK = 0.05  # times that differ by less are the same to it


class Fused(nn.Module):
    """``model`` for inference: its weights repacked for this processor, and each convolution computed
    together with its ReLU.

    Between the layers the channels lie in blocks as wide as the vector unit, so that convolutions and pooling
    read whole vectors. Input as for ``model``; it is made for inputs of the shape of ``example_input`` ``(N,
    ...)``, and a copy: later changes of ``model`` do not reach it. It neither trains nor saves. torch.jit
    does it, without a compiler; torch.compile needs one.

    Raises TypeError or ValueError if ``model`` is no module or ``example_input`` is no tensor that it takes.
    Source: notebook 04.2."""

    def __init__(self, model: nn.Module, example_input: torch.Tensor):
        super().__init__()
        arguments.module("model", model)
        arguments.tensor("example_input", example_input)
        try:
            with torch.no_grad(), warnings.catch_warnings():
                # torch.jit calls itself deprecated; torch.compile cannot do without a compiler
                warnings.simplefilter("ignore")
                traced = torch.jit.trace(copy.deepcopy(model).eval(), example_input)
                fused = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
        except RuntimeError as error:
            raise ValueError(
                f"example_input must be an input of the model, got {tuple(example_input.shape)}: {error}"
            ) from error
        self.__dict__["_fused"] = fused  # no submodule: what is frozen has no mode to switch

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.__dict__["_fused"](x)


def latency_by_count(
    model: nn.Module,
    name: str,
    counts: Iterable[int],
    example_input: torch.Tensor,
    form: Callable[[nn.Module], nn.Module] | None = None,
) -> dict[int, float]:
    """Return {count: seconds}: the median time of one pass of ``example_input`` with ``count`` filters left
    in the layer of the weight ``name``, for each of ``counts``.

    Which filters stay does not matter to the clock; the first ones do. ``form(model)`` is what is timed if it
    is given, such as ``lambda m: Fused(m, example_input)``. About a third of a second for each count; the
    counts take turns.

    Raises TypeError or ValueError for an unknown name, a count outside 1 to the number of filters, or as
    ``remove_filters`` and ``measure.latencies`` do. Source: notebook 04.2."""
    if form is not None and not callable(form):
        raise TypeError(f"form must be a function of a model, got {form!r}")
    if not isinstance(counts, Iterable) or isinstance(counts, str | Mapping | torch.Tensor):
        raise TypeError(f"counts must be a list of whole numbers, got {counts!r:.80}")
    weights = prunable(model)
    filters = len(weights[arguments.one_of("name", name, weights)])
    models = {}
    if isinstance(counts, str | torch.Tensor) or not isinstance(counts, Iterable):
        raise TypeError(f"counts must be whole numbers, got {counts!r:.80}")
    counts = list(counts)
    for count in counts:
        if arguments.count("a value in counts", count) > filters:
            raise ValueError(
                f"a value in counts must be at most {filters}, the filters of {name}, got {count}"
            )
        kept = torch.arange(filters) < count
        small = remove_filters(model, {name: kept.view(-1, *[1] * (weights[name].ndim - 1))})
        models[str(count)] = small if form is None else form(small)
        if not isinstance(models[str(count)], nn.Module):
            raise TypeError(f"form must return a torch.nn.Module, got {type(models[str(count)]).__name__}")
    if not models:
        raise ValueError("counts must not be empty, got none")
    return {int(count): latency.median for count, latency in latencies(models, example_input).items()}


def cheap_count(kept: int, table: Mapping[int, float]) -> int:
    """Return the number of filters to keep instead of ``kept``: of the counts in ``table`` that differ from
    it by at most 30 %, the largest that takes at most 5 % longer than the fastest of them.

    ``table`` is {count: seconds} as from ``latency_by_count``. Where vectors hold eight numbers, ten filters
    take about as long as sixteen, and eight are the better choice. 5 % is what the clock cannot tell apart.

    Raises TypeError or ValueError for a ``kept`` below 1, times that are not positive, or a table without a
    count in reach. Source: notebook 04.2."""
    arguments.count("kept", kept)
    if not isinstance(table, Mapping):
        raise TypeError(f"table must be a dict of count -> seconds, got {type(table).__name__}")
    for count, seconds in table.items():
        arguments.count("a count in table", count)
        arguments.positive(f"table[{count}]", seconds)
    near = {count: seconds for count, seconds in table.items() if abs(count - kept) <= REACH * kept}
    if not near:
        raise ValueError(f"table must hold a count within {REACH:.0%} of kept = {kept}, got {sorted(table)}")
    return max(count for count, seconds in near.items() if seconds <= (1 + SLACK) * min(near.values()))

"""The same network in several programmes: torch, torch.compile, ONNX Runtime, OpenVINO, side by side."""

import copy
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from prunelab import arguments, deploy, tables
from prunelab.arguments import Example
from prunelab.measure import bytes_on_disk, clock

Way = tuple[int | None, Callable[[], Any]]  # the bytes of the file, and one pass


def _torch(model: nn.Module, example_input: Example, _: Example | None) -> Way:
    positional, named = arguments.example("example_input", example_input)
    return bytes_on_disk(model), lambda: model(*positional, **named)


def _compiled(model: nn.Module, example_input: Example, _: Example | None) -> Way:
    positional, named = arguments.example("example_input", example_input)
    compiled = torch.compile(copy.deepcopy(model).eval())
    return None, lambda: compiled(*positional, **named)


def _onnx(model: nn.Module, example_input: Example, _: Example | None) -> Way:
    return _session(deploy.export_onnx(model, example_input), example_input)


def _int8(model: nn.Module, example_input: Example, calibration: Example | None) -> Way:
    plain = deploy.export_onnx(model, example_input, any_batch=calibration is not None)
    known = example_input if calibration is None else calibration
    return _session(deploy.quantize_onnx(plain, known), example_input)


def _session(onnx: bytes, example_input: Example) -> Way:
    running = deploy.session(onnx)
    feeds = deploy._feeds(running, example_input)
    return len(onnx), lambda: running.run(None, feeds)


def _openvino(model: nn.Module, example_input: Example, _: Example | None) -> Way:
    import openvino

    onnx = deploy.export_onnx(model, example_input)
    feeds = deploy._feeds(deploy.session(onnx), example_input)
    core = openvino.Core()
    options = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(onnx), "CPU", options)
    return len(onnx), lambda: list(compiled(feeds).values())


WAYS: dict[str, Callable[[nn.Module, Example, Example | None], Way]] = {
    "torch": _torch,
    "torch.compile": _compiled,
    "ONNX Runtime": _onnx,
    "ONNX Runtime, int8": _int8,
    "OpenVINO": _openvino,
}


@dataclass(frozen=True)
class Runtimes:
    """The result of ``compare_runtimes``: ``rows``, one dict per way to run a network: ``way``, ``bytes`` of
    its file (None where there is none), ``latency``, ``speedup`` over the first with ``speedup_low`` and
    ``speedup_high``, ``difference`` (the largest of any output from torch's); ``absent``, the ways that do
    not run here, and why; ``notes``, what a way did not do. Source: notebook 09.2.
    """

    rows: list[dict]
    absent: dict[str, str]
    notes: dict[str, str]

    def _table(self) -> tuple[list[str], list[list[str]]]:
        head = ["way", "bytes", "latency", "speed-up", "largest difference"]
        body = [
            [
                row["way"],
                "-" if row["bytes"] is None else f"{row['bytes']:,}",
                f"~{1e3 * row['latency'].median:7.3f} ms",
                f"~{row['speedup']:5.2f} ({row['speedup_low']:.2f} to {row['speedup_high']:.2f})",
                f"~{row['difference']:.1e}",
            ]
            for row in self.rows
        ]
        return head, body

    def __str__(self) -> str:
        gone = [f"{way} does not run here: {why}" for way, why in self.absent.items()]
        notes = [f"{way}: {note}" for way, note in self.notes.items()]
        return "\n".join([tables.text(*self._table()), *notes, *gone])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        gone = [[way, why] for way, why in self.absent.items()]
        notes = [[way, note] for way, note in self.notes.items()]
        return (
            tables.web(*self._table())
            + (tables.web(["way", "note"], notes) if notes else "")
            + (tables.web(["does not run here", "because"], gone) if gone else "")
        )


def compare_runtimes(
    model: nn.Module,
    example_input: Example,
    calibration: Example | None = None,
    ways: Sequence[str] = tuple(WAYS),
) -> Runtimes:
    """Return how fast ``model`` is in each of ``ways`` on one thread, call by call in turns, and how far its
    outputs are from torch's.

    ``calibration`` are inputs for the ranges of int8, ``example_input`` if it is None. A way that cannot be
    had here, without a C++ compiler (``torch.compile``) or the package (``pip install openvino``), is named
    in the result with the reason. Compiling takes half a minute.

    Raises TypeError or ValueError if ``model`` is no module, the example does not fit it, or a way is
    unknown. Source: notebook 09.2."""
    arguments.fits("example_input", example_input, arguments.module("model", model))
    if calibration is not None:
        arguments.fits("calibration", calibration, model)
    if not isinstance(ways, tuple | list) or "torch" not in ways:
        raise ValueError(
            f"ways must be some of {', '.join(WAYS)}, with torch to compare with, got {ways!r:.80}"
        )
    for way in ways:
        arguments.one_of("a way", way, WAYS)
    calls: dict[str, Callable[[], Any]] = {}
    sizes, absent = {}, {}
    notes: dict[str, str] = {}
    before = torch.get_num_threads()
    with ExitStack() as stack:
        stack.callback(torch.set_num_threads, before)
        torch.set_num_threads(1)
        stack.enter_context(arguments.eval_mode(model))
        stack.enter_context(torch.inference_mode())
        stack.enter_context(deploy.quiet())
        for way in ways:
            try:
                sizes[way], calls[way], said = _tried(way, model, example_input, calibration)
                notes |= {way: "; ".join(said)} if said else {}
            except Exception as reason:  # no compiler or package, or an operator that it does not know
                calls.pop(way, None)
                absent[way] = f"{type(reason).__name__}: {str(reason).strip().splitlines()[0][:200]}"
        times = clock.race(calls)
        answers = {way: _numbers(call()) for way, call in calls.items()}
    rows = [
        {"way": way, "bytes": sizes[way]}
        | _row(times[way], times["torch"], numbers, answers["torch"], example_input)
        for way, numbers in answers.items()
    ]
    return Runtimes(rows, absent, notes)


def _tried(
    way: str, model: nn.Module, example_input: Example, calibration: Example | None
) -> tuple[int | None, Callable[[], Any], list[str]]:
    """Return the bytes and the call of one way that has run once, and what it said that it left undone."""
    with warnings.catch_warnings(record=True) as said:
        warnings.filterwarnings("always", "left in float")
        size, call = WAYS[way](model, example_input, calibration)
    call()
    return size, call, [str(one.message) for one in said]


def _row(times: list, torchs: list, numbers: list, wanted: list, example_input: Example) -> dict:
    """Return what one way's times and answers are beside torch's."""
    low, middle, high = clock.ratio_interval(torchs, times)
    return {
        "latency": replace(clock.summary(times, example_input), threads=1),
        "speedup": middle,
        "speedup_low": low,
        "speedup_high": high,
        "difference": max(float((a - b).abs().max()) for a, b in zip(numbers, wanted, strict=True)),
    }


def _numbers(answer: Any) -> list[torch.Tensor]:
    """Return the tensors in ``answer``, a network's outputs in any form, in order."""
    return [torch.as_tensor(leaf) for leaf in tree_leaves(answer) if hasattr(leaf, "shape")]

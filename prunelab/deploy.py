"""A network as a file that other programmes run: ONNX, and how fast ONNX Runtime is with it."""

import statistics
import time
import warnings

import torch
from torch import nn

from prunelab import arguments

ROUNDS = 15


def export_onnx(model: nn.Module, example_input: torch.Tensor) -> bytes:
    """Return ``model`` as the bytes of an ONNX file, traced in eval mode on ``example_input`` ``(batch,
    ...)``; its batch is fixed.

    The exporter writes into every node the source lines it came from, with this machine's paths. They are
    left out, so that the same model is the same bytes everywhere.

    Raises TypeError or ValueError if ``model`` is no module, ``example_input`` no tensor, or the model cannot
    be exported. Source: notebook 09.2."""
    arguments.module("model", model)
    arguments.tensor("example_input", example_input)
    try:
        with arguments.eval_mode(model), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter's own deprecations
            programme = torch.onnx.export(model, (example_input,), dynamo=True, verbose=False)
    except Exception as error:  # exporting runs the user's code, so anything can come
        raise ValueError(f"model must be one that torch.onnx can export, but: {error}") from error
    assert programme is not None  # None is what dynamo=False returns
    proto = programme.model_proto
    graph = proto.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props"), part.ClearField("doc_string")
    return proto.SerializeToString()


def session(onnx: bytes):
    """Return an ONNX Runtime session of ``onnx`` on one thread of the processor.

    Raises TypeError or ValueError if ``onnx`` is no ONNX file. Source: notebook 09.2.
    """
    import onnxruntime

    if not isinstance(onnx, bytes):
        raise TypeError(f"onnx must be the bytes of an ONNX file, got {type(onnx).__name__}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ValueError(f"onnx must be the bytes of an ONNX file, but: {error}") from error


def run_onnx(onnx: bytes, inputs: torch.Tensor) -> torch.Tensor:
    """Return what the network in ``onnx`` answers to ``inputs``: to compare with the network that was
    exported. Raises as ``session``.
    """
    arguments.tensor("inputs", inputs)
    running = session(onnx)
    return torch.from_numpy(running.run(None, {running.get_inputs()[0].name: inputs.numpy()})[0])


def onnx_seconds(onnx: bytes, inputs: torch.Tensor) -> float:
    """Return the median seconds of one pass of ``inputs`` through ONNX Runtime, of 15, on one thread. Raises
    as ``session``.

    Source: notebook 09.2.
    """
    arguments.tensor("inputs", inputs)
    running = session(onnx)
    feed, times = {running.get_inputs()[0].name: inputs.numpy()}, []
    for _ in range(ROUNDS + 2):
        start = time.perf_counter()
        running.run(None, feed)
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])

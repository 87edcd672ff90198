"""A network as a file that other programmes run: ONNX, int8, torch.export; and how fast ONNX Runtime is."""

import inspect
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._pytree import tree_map

from prunelab import arguments
from prunelab.arguments import Example
from prunelab.measure import clock, left_behind

# ONNX's operators that multiply an input by a weight and sum
MULTIPLY = ("Conv", "ConvTranspose", "DeformConv", "Einsum", "Gemm", "GRU", "LSTM", "MatMul", "RNN")


def export_onnx(model: nn.Module, example_input: Example, any_batch: bool = False) -> bytes:
    """Return ``model`` as the bytes of an ONNX file, traced in eval mode on ``example_input``: a batch, a
    tuple of arguments or a dict of named ones.

    >>> len(export_onnx(nn.Linear(4, 2), torch.zeros(3, 4), any_batch=True)) > 40
    True

    The file takes the batch size of the example, with ``any_batch`` any: the first dimension of every tensor
    of that size is left open. The exporter writes into every node the source lines it came from, with this
    machine's paths. They are left out, so that the same model is the same bytes everywhere. A mask that is
    still at work goes into the file beside the dense weight: a warning names it.

    Raises TypeError or ValueError if ``model`` is no module, ``example_input`` none that it takes, or the
    model cannot be exported, or not for any batch. Source: notebook 09.2."""
    positional, named = _prepared(model, example_input, any_batch)
    shapes = _shapes(model, positional, named) if any_batch else None
    try:
        with arguments.eval_mode(model), quiet():
            programme = torch.onnx.export(
                model, positional, kwargs=named, dynamo=True, verbose=False, dynamic_shapes=shapes
            )
            assert programme is not None  # None is what dynamo=False returns
            proto = programme.model_proto
    except Exception as error:  # exporting runs the user's code, so anything can come
        raise ValueError(f"model must be one that torch.onnx can export, but: {_first(error)}") from error
    graph = proto.graph
    # where it cannot follow a batch of another size, the exporter takes that of the example, and says nothing
    if any_batch and not any(_opened(one) for one in graph.input):
        raise ValueError(
            "model must take any batch, but its code or its layers have the batch of the example as a fixed"
            f" size, {arguments.batch(example_input)}: export with any_batch=False"
        )
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props"), part.ClearField("doc_string")
    return proto.SerializeToString()


def export_program(model: nn.Module, example_input: Example, any_batch: bool = False) -> bytes:
    """Return ``model`` as the bytes of a ``torch.export`` programme that holds its weights and nothing else.

    ``torch.export.save`` stores the example with its whole storage: a batch that is a slice of a data set
    ships the data set, and a weight that is a slice ships what it was cut from. Here the example is left out,
    and every weight is stored by itself. Otherwise as ``export_onnx``; ``load_program`` reads it.

    Raises as ``export_onnx``. Source: notebook 09.2."""
    positional, named = _prepared(model, example_input, any_batch)
    shapes = _shapes(model, positional, named) if any_batch else None
    file = io.BytesIO()
    try:
        with arguments.eval_mode(model), quiet():
            programme = torch.export.export(model, positional, kwargs=named, dynamic_shapes=shapes)
            _alone(programme)
            torch.export.save(programme, file)
    except Exception as error:  # as above
        raise ValueError(f"model must be one that torch.export can export, but: {_first(error)}") from error
    return file.getvalue()


def _alone(programme: torch.export.ExportedProgram) -> None:
    """Leave the example out of ``programme``, and give every weight a storage of its own."""
    programme.example_inputs = None
    for kept in (programme.state_dict, programme.constants):
        for name, value in kept.items():
            if isinstance(value, torch.Tensor) and value.layout == torch.strided:
                own = value.detach().clone()
                kept[name] = (
                    nn.Parameter(own, value.requires_grad) if isinstance(value, nn.Parameter) else own
                )


def _first(error: BaseException) -> str:
    """Return the first line of what was wrong in the beginning; exporters wrap it in pages of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"[:400]


def _opened(value: Any) -> bool:
    """Return whether the first dimension of an input of an ONNX graph has a name in place of a size."""
    sizes = value.type.tensor_type.shape.dim
    return bool(sizes) and bool(sizes[0].dim_param)


def load_program(programme: bytes) -> nn.Module:
    """Return the network in the bytes of a ``torch.export`` programme.

    Raises TypeError or ValueError if ``programme`` is none. Source: notebook 09.2."""
    if not isinstance(programme, bytes):
        raise TypeError(f"programme must be the bytes of a torch.export programme, got {programme!r:.80}")
    try:
        return torch.export.load(io.BytesIO(programme)).module()
    except Exception as error:
        raise ValueError(
            f"programme must be the bytes of a torch.export programme, but: {_first(error)}"
        ) from error


def quantize_onnx(onnx: bytes, calibration: Example) -> bytes:
    """Return the network in ``onnx`` with weights and activations of 8 bits, as ONNX Runtime computes with
    them.

    Weights get one scale per output channel, symmetric, so that a zero stays a zero; activations the range
    that they have on ``calibration``, inputs like those in use. Weights that stay float, those of recurrent
    layers for instance, are named in a warning.

    Raises as ``session``, and ValueError for inputs that do not fit or a network of which nothing is made
    int8. Source: Jacob et al., arXiv 1712.05877; notebook 09.2."""
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    arguments.example("calibration", calibration)
    feeds = _feeds(session(onnx), calibration)

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = [feeds]

        def get_next(self):
            return self.left.pop() if self.left else None

    with tempfile.TemporaryDirectory() as folder, quiet():
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        plain.write_bytes(onnx)
        quant_pre_process(plain, plain, skip_symbolic_shape=True)
        # 7 of 8 bits for weights: processors without VNNI add two products in 16 bits, which 8 would overflow
        quantization.quantize_static(
            plain,
            small,
            Reader(),
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
        made = small.read_bytes()
    left = left_in_float(made)
    if left is None:
        raise ValueError(
            "onnx must hold float32 weights of convolutions or matrix products, which ONNX Runtime makes"
            " int8, got none"
        )
    if left:
        warnings.warn(f"left in float: the weights of {', '.join(left)}", stacklevel=2)
    return made


def left_in_float(onnx: bytes) -> list[str] | None:
    """Return the operators whose weights are not int8 in the quantized network ``onnx``, or None if no weight
    is.

    Raises TypeError or ValueError if ``onnx`` is no ONNX file. Source: notebook 09.2."""
    from onnx import TensorProto, load_model_from_string

    session(onnx)
    graph = load_model_from_string(onnx).graph
    matrices = {one.name: one.data_type for one in graph.initializer if len(one.dims) > 1}
    small = (TensorProto.INT8, TensorProto.UINT8)
    if not any(kind in small for kind in matrices.values()):
        return None
    float_ones = {name for name, kind in matrices.items() if kind not in small}
    return sorted(
        {node.op_type for node in graph.node if node.op_type in MULTIPLY and float_ones & set(node.input)}
    )


def session(onnx: bytes):
    """Return an ONNX Runtime session of ``onnx`` on one thread of the processor.

    Raises TypeError or ValueError if ``onnx`` is no ONNX file, or has operators or types of numbers that ONNX
    Runtime lacks on a processor (bfloat16). Source: notebook 09.2.
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
        raise ValueError(
            f"onnx must be the bytes of an ONNX file that ONNX Runtime runs here, but: {error}"
        ) from error


def run_onnx(onnx: bytes, inputs: Example) -> torch.Tensor | tuple[torch.Tensor, ...]:
    """Return what the network in ``onnx`` answers to ``inputs``: a tensor, or a tuple if it has several
    outputs.

    Raises as ``session``, and ValueError for inputs that do not fit. Source:
    ``capstone.handed_over``, notebook capstone.
    """
    arguments.example("inputs", inputs)
    running = session(onnx)
    feeds = _feeds(running, inputs)
    try:
        answers = tuple(torch.from_numpy(np.asarray(answer)) for answer in running.run(None, feeds))
    except Exception as error:
        raise ValueError(f"inputs must fit the network, but: {error}") from error
    return answers[0] if len(answers) == 1 else answers


def onnx_seconds(onnx: bytes, inputs: Example) -> float:
    """Return the median seconds of one pass of ``inputs`` through ONNX Runtime on one thread, as
    ``measure.latency`` takes it. Raises as ``run_onnx``.

    Source: notebook 09.2.
    """
    run_onnx(onnx, inputs)
    running = session(onnx)
    feeds = _feeds(running, inputs)
    return clock.summary(clock.race({"onnx": lambda: running.run(None, feeds)})["onnx"], inputs).median


@contextmanager
def quiet() -> Iterator[None]:
    """Keep exporters and compilers from warning of what is theirs, and from printing: deprecations, what they
    leave in float32, the graph that they failed at. Source: notebook 09.2.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        unread = io.StringIO()
        with warnings.catch_warnings(), redirect_stdout(unread), redirect_stderr(unread):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _prepared(model: nn.Module, example_input: Example, any_batch: bool) -> tuple[tuple, dict[str, Any]]:
    """Return the arguments of one call, each tensor in a storage of its own, and warn of masks at work."""
    arguments.module("model", model)
    arguments.flag("any_batch", any_batch)
    positional, named = arguments.example("example_input", example_input)
    if masked := left_behind(model):
        warnings.warn(
            f"the file holds the dense values and a mask of {', '.join(masked)}, and multiplies them at every"
            " pass: make the masks permanent first (torch.nn.utils.prune.remove)",
            stacklevel=3,
        )
    batch = arguments.batch(example_input)

    def own(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        value = value.detach().clone()
        # a dimension of 1 is taken for a constant
        return torch.cat([value, value]) if any_batch and batch == 1 and value.shape[:1] == (1,) else value

    return tuple(tree_map(own, positional)), tree_map(own, named)


def _shapes(model: nn.Module, positional: tuple, named: dict[str, Any]) -> dict[str, Any]:
    """Return for each argument, by its name in ``forward``, which of its dimensions is the batch."""
    batch, dimension = arguments.batch((*positional, *named.values())), torch.export.Dim("batch")

    def opened(value: Any) -> dict | None:
        return {0: dimension} if isinstance(value, torch.Tensor) and value.shape[:1] == (batch,) else None

    given = inspect.signature(model.forward).bind(*positional, **named).arguments
    return {name: tree_map(opened, value) for name, value in given.items()}


def _feeds(running: Any, inputs: Example) -> dict[str, np.ndarray]:
    """Return ``inputs`` by the names that the network in the session ``running`` has for them."""
    positional, named = arguments.example("inputs", inputs)
    wanted = [one.name for one in running.get_inputs()]
    tensors = arguments.tensors_of(positional)
    given = dict(zip(wanted, tensors, strict=False))
    given |= {name: value for name, value in named.items() if isinstance(value, torch.Tensor)}
    if set(given) != set(wanted) or len(tensors) > len(wanted):
        raise ValueError(f"inputs must be {len(wanted)} tensors, {', '.join(wanted)}, got {len(given)}")
    return {name: value.detach().cpu().numpy() for name, value in given.items()}

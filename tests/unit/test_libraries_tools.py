"""What tools do with pruned networks: rows of docs/libraries.md, each under its name."""

import contextlib
import io
import os

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
import scipy.sparse
import torch
import torch_pruning
import torchsummary
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import prune


def pruned(inputs: int = 64, outputs: int = 64, density: float = 0.1) -> np.ndarray:
    random = np.random.default_rng(0)
    weight = random.normal(size=(inputs, outputs)).astype(np.float32)
    weight[random.random(weight.shape) > density] = 0
    return weight


def sparse_model(weight: np.ndarray) -> onnx.ModelProto:
    """Return a model of one MatMul whose weight is a sparse initializer."""
    places = np.flatnonzero(weight).astype(np.int64)
    kept = helper.make_sparse_tensor(
        numpy_helper.from_array(weight.ravel()[places], "W"), numpy_helper.from_array(places), weight.shape
    )
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64]) for name in "xy")
    nodes = [helper.make_node("MatMul", ["x", "W"], ["y"])]
    known = [
        helper.make_tensor_value_info("W", TensorProto.FLOAT, weight.shape)
    ]  # torch's exporter writes it too
    graph = helper.make_graph(nodes, "layer", [x], [y], sparse_initializer=[kept], value_info=known)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def exported(model: nn.Module, path, **options) -> onnx.ModelProto:
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(model, (torch.randn(1, 64),), path, dynamo=True, verbose=False, **options)
    return onnx.load(path)


# --- ONNX ---------------------------------------------------------------------------------------------------


def test_onnx_file_is_half_of_the_model(tmp_path):
    exported(nn.Sequential(nn.Linear(64, 1000)), tmp_path / "m.onnx")
    assert os.path.getsize(tmp_path / "m.onnx") < 10_000 < 64_000 * 4
    assert os.path.getsize(tmp_path / "m.onnx.data") >= 64_000 * 4


def test_onnx_hook_ships_a_mask(tmp_path):
    model = nn.Sequential(nn.Linear(64, 1024), nn.ReLU(), nn.Linear(1024, 2)).eval()
    for layer in (model[0], model[2]):
        prune.l1_unstructured(layer, "weight", 0.9)
    kinds = [node.op_type for node in exported(model, tmp_path / "m.onnx").graph.node]
    assert kinds == ["Mul", "Gemm", "Relu", "Gemm"]  # the exporter folds small masks, and ships large ones


def test_onnx_sparse_initializer_stops_shape_inference():
    model = sparse_model(pruned())
    onnx.checker.check_model(model)
    with pytest.raises(onnx.shape_inference.InferenceError):
        onnx.shape_inference.infer_shapes(model)


def test_onnx_reference_refuses_sparse():
    with pytest.raises(ValueError):
        onnx.reference.ReferenceEvaluator(sparse_model(pruned())).run(
            None, {"x": np.ones((1, 64), np.float32)}
        )


def test_onnx_ir_drops_sparse():
    import onnx_ir

    back = onnx_ir.to_proto(onnx_ir.from_proto(sparse_model(pruned())))
    assert len(back.graph.sparse_initializer) == len(back.graph.initializer) == 0


def test_onnxscript_optimizer_drops_sparse():
    from onnxscript import optimizer

    optimized = optimizer.optimize(sparse_model(pruned()))
    assert len(optimized.graph.sparse_initializer) == len(optimized.graph.initializer) == 0
    with pytest.raises(Exception, match="W"):
        onnxruntime.InferenceSession(optimized.SerializeToString())


def test_onnx_version_converter_refuses_sparse():
    import onnx.version_converter

    with pytest.raises(onnx.shape_inference.InferenceError):
        onnx.version_converter.convert_version(sparse_model(pruned()), 21)


def test_onnxruntime_runs_sparse_as_dense(tmp_path):
    weight, x = pruned(), np.ones((1, 64), np.float32)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(sparse_model(weight).SerializeToString(), options)
    assert np.allclose(session.run(None, {"x": x})[0], x @ weight, atol=1e-5)


def test_onnxruntime_8_bit_zeros_are_no_zeros(tmp_path):
    weight = pruned()
    model = sparse_model(weight)
    del model.graph.sparse_initializer[:]
    model.graph.initializer.append(numpy_helper.from_array(weight, "W"))
    onnx.save(model, tmp_path / "m.onnx")
    quantize_dynamic(tmp_path / "m.onnx", tmp_path / "q.onnx", weight_type=QuantType.QUInt8)
    codes = next(
        numpy_helper.to_array(value)
        for value in onnx.load(tmp_path / "q.onnx").graph.initializer
        if value.dims == [64, 64]
    )
    assert (codes[weight == 0] == codes[weight == 0].flat[0]).all() and codes[weight == 0].flat[0] > 100


# --- counters -----------------------------------------------------------------------------------------------


def printed_by_torchsummary(model: nn.Module, shape: tuple[int, ...]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as text:
        torchsummary.summary(model, shape, device="cpu")
    return text.getvalue()


def test_torchsummary_hook_is_dense():
    model = nn.Sequential(nn.Linear(64, 64))
    prune.l1_unstructured(model[0], "weight", 0.9)
    # the mask's layer has the parameters bias and weight_orig; torchsummary looks for an attribute `weight`
    assert "Total params: 4,160" in printed_by_torchsummary(model, (64,))


def test_torchsummary_shared_layer_twice():
    layer = nn.Linear(64, 64)
    assert "Total params: 8,320" in printed_by_torchsummary(nn.Sequential(layer, nn.ReLU(), layer), (64,))


def test_torchsummary_attention_is_its_output():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention, self.read = nn.MultiheadAttention(16, 2, batch_first=True), nn.Linear(16, 2)

        def forward(self, x):
            return self.read(self.attention(x, x, x)[0])

    model = Attention()
    assert sum(p.numel() for p in model.parameters()) == 1122
    assert "Total params: 34\n" in printed_by_torchsummary(model, (5, 16))


def test_torchsummary_lstm_leaves_its_hooks():
    model = nn.Sequential(nn.LSTM(16, 20, batch_first=True))
    with pytest.raises(AttributeError):
        printed_by_torchsummary(model, (5, 16))
    assert model[0]._forward_hooks


# --- formats ------------------------------------------------------------------------------------------------


def test_scipy_size_counts_what_is_stored():
    csr = scipy.sparse.csr_array(pruned())
    assert csr.size == csr.nnz and 1 - csr.count_nonzero() / csr.size == 0


def test_scipy_keeps_stored_zeros():
    csr = scipy.sparse.csr_array(pruned())
    csr.data[:10] = 0
    assert csr.nnz == csr.count_nonzero() + 10
    csr.eliminate_zeros()
    assert csr.nnz == csr.count_nonzero()


def test_numpy_quantile_of_csr_is_the_matrix():
    magnitudes = abs(scipy.sparse.csr_array(pruned()))
    assert np.quantile(magnitudes, 0.5).shape != ()


def test_safetensors_refuses_sparse(tmp_path):
    with pytest.raises((ValueError, RuntimeError, NotImplementedError)):
        save_file({"weight": torch.from_numpy(pruned()).to_sparse_csr()}, tmp_path / "w.safetensors")


def test_safetensors_refuses_tied(tmp_path):
    embedding = nn.Embedding(10, 4)
    head = nn.Linear(4, 10, bias=False)
    head.weight = embedding.weight
    with pytest.raises(RuntimeError, match="share memory"):
        save_file(nn.Sequential(embedding, head).state_dict(), tmp_path / "w.safetensors")


# --- Torch-Pruning ------------------------------------------------------------------------------------------


def left_of_ten(ratio: float) -> int:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 10, 3), nn.ReLU(), nn.Conv2d(10, 4, 3))
    example = torch.randn(1, 3, 8, 8)
    pruner = torch_pruning.pruner.MagnitudePruner(
        model,
        example,
        torch_pruning.importance.MagnitudeImportance(),
        pruning_ratio=ratio,
        ignored_layers=[model[2]],
    )
    pruner.step()
    return model[0].out_channels


def test_torch_pruning_ratio_is_not_monotonic():
    assert left_of_ten(0.5) == 5
    assert left_of_ten(0.8) < 2 and left_of_ten(0.9) == 10


def test_torch_pruning_pixel_shuffle():
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.PixelShuffle(2), nn.Conv2d(4, 4, 3))
    with pytest.raises(IndexError):
        torch_pruning.pruner.MagnitudePruner(
            model, torch.randn(1, 3, 8, 8), torch_pruning.importance.MagnitudeImportance(), pruning_ratio=0.5
        ).step()

"""Layers that compute in CSR give what the dense ones give."""

import pytest
import torch
from torch import nn

from prunelab import sparse
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.measure import latencies
from prunelab.models import LeNet5, LeNet300


def pruned(sparsity: float) -> nn.Module:
    torch.manual_seed(2)
    model = LeNet300()
    apply_masks(model, mask_model({n: w.detach().abs() for n, w in prunable(model).items()}, sparsity))
    return model.eval()


@pytest.mark.parametrize("batch", [1, 2, 64])
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.95, 1.0])
def test_a_sparse_network_gives_the_outputs_of_the_dense_one(sparsity, batch):
    model = pruned(sparsity)
    x = torch.randn(batch, 1, 28, 28)
    for max_density in (0.0, 0.2, 1.0):
        network = sparse.to_sparse(model, max_density)
        with torch.inference_mode():
            assert torch.allclose(network(x), model(x), atol=1e-5)
        assert torch.allclose(network(x), model(x), atol=1e-5)


def test_dense_layers_stay_dense_and_indices_are_int32():
    model = pruned(0.9)
    model.fc3.weight.data.fill_(1.0)
    layers = sparse.to_sparse(model).layers
    assert isinstance(layers.fc1, sparse.SparseLinear) and isinstance(layers.fc3, sparse.DenseLinear)
    assert layers.fc1.weight.crow_indices().dtype == layers.fc1.weight.col_indices().dtype == torch.int32
    assert "nonzeros=23520" in repr(layers.fc1)


def test_the_model_is_left_alone_and_later_changes_do_not_reach_the_copy():
    model = pruned(0.9)
    network, x = sparse.to_sparse(model), torch.randn(4, 1, 28, 28)
    before = network(x)
    for parameter in model.parameters():
        parameter.data.zero_()
    assert torch.equal(network(x), before)


def test_state_dict_round_trip_without_a_bias():
    linear = nn.Linear(30, 20, bias=False)
    layer, other = sparse.SparseLinear(linear), sparse.SparseLinear(nn.Linear(30, 20))
    other.load_state_dict(layer.state_dict())
    x = torch.randn(30, 5)
    assert torch.allclose(other(x), linear(x.t()).t(), atol=1e-6)


def test_what_cannot_be_made_sparse_is_refused():
    for call, error, message in [
        (lambda: sparse.to_sparse(LeNet5()), ValueError, "chain of Flatten, Linear and activations, got conv1: Conv2d"),
        (lambda: sparse.to_sparse(nn.Linear(3, 3)), TypeError, "must be a torch.nn.Sequential"),
        (lambda: sparse.to_sparse(nn.Sequential(nn.ReLU())), ValueError, "got none"),
        (lambda: sparse.to_sparse(pruned(0.5), 1.5), ValueError, "max_density must lie"),
        (lambda: sparse.SparseLinear(nn.Conv2d(1, 1, 1)), TypeError, "must be a torch.nn.Linear"),
        (lambda: sparse.SparseLinear(nn.Linear(4, 4).half()), TypeError, "float32 or float64"),
        (lambda: sparse.to_csr(torch.ones(3)), ValueError, r"shape \(out, in\)"),
    ]:
        with pytest.raises(error, match=message):
            call()


def test_a_build_that_cannot_multiply_says_so(monkeypatch):
    def missing(*args):
        raise RuntimeError("addmm: not implemented without MKL")

    monkeypatch.setattr(torch, "addmm", missing)
    with pytest.raises(RuntimeError, match="this build of torch cannot multiply a CSR matrix"):
        sparse.SparseLinear(nn.Linear(4, 4))


def test_latencies_times_every_layer_and_states_the_conditions():
    layers = {"dense": sparse.DenseLinear(nn.Linear(64, 64)), "CSR": sparse.SparseLinear(nn.Linear(64, 64))}
    times = latencies(layers, torch.randn(64, 8))
    assert list(times) == ["dense", "CSR"]
    assert all(0 < t.low <= t.median <= t.high and t.threads == torch.get_num_threads() for t in times.values())
    with pytest.raises(TypeError, match=r"must be a torch.nn.Module"):
        latencies({"a": torch.relu}, torch.randn(2, 2))

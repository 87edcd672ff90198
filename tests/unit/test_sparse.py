"""Layers that compute in CSR give what the dense ones give."""

import copy

import pytest
import torch
from torch import nn

from prunelab import sparse
from prunelab.masks import apply_masks, living, mask_model, prunable
from prunelab.measure import Latency, latencies
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


def holed(seed: int) -> nn.Module:
    """A pruned network with dead inputs and dead neurons of each sort: without weights, and unread."""
    torch.manual_seed(seed)
    model = pruned(0.9)
    with torch.no_grad():
        model.fc1.weight[:, :200] = 0
        model.fc1.weight[:5] = 0  # each still sends on ReLU(bias)
        model.fc1.bias[:5] = torch.tensor([1.0, -1, 2, 0, 3])
        model.fc2.weight[:, 10:20] = 0
        model.fc2.weight[7] = 0
        model.fc3.weight[:, 30:33] = 0
    return model


@pytest.mark.parametrize("form", [sparse.DenseLinear, sparse.SparseLinear])
@pytest.mark.parametrize("bias", [True, False])
def test_gathering_reads_the_used_inputs_only(form, bias):
    linear = nn.Linear(30, 12, bias=bias)
    linear.weight.data[:, ::3] = 0
    layer, x = sparse.GatherLinear(linear, form), torch.randn(30, 5)
    assert torch.allclose(layer(x), linear(x.t()).t(), atol=1e-5)
    assert layer.inputs.tolist() == [i for i in range(30) if i % 3]
    x[::3] = float("nan")
    assert layer(x).isfinite().all()
    linear.weight.data.zero_()
    assert torch.allclose(sparse.GatherLinear(linear, form)(torch.ones(30, 5)), linear(torch.ones(5, 30)).t())


@pytest.mark.parametrize("shape", [(5, 7), (1, 7), (7, 1), (1, 1), (64, 784), (3, 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_turned_is_contiguous_in_other_words(shape, dtype):
    images = torch.randn(*shape, dtype=dtype)
    for x in (images.t(), images, torch.randn(2 * shape[1], shape[0], dtype=dtype)[::2]):
        found = sparse.turned(x)
        assert found.is_contiguous() and torch.equal(found, x)
    with_gradient = images.clone().requires_grad_()
    sparse.turned(with_gradient.t()).square().sum().backward()
    assert torch.equal(with_gradient.grad, 2 * images)


def test_blocks_give_the_outputs_of_the_dense_layer():
    linear, x = nn.Linear(24, 8), torch.randn(24, 5)
    linear.weight.data[:4, 4:8] = 0
    layer = sparse.BlockLinear(linear)
    assert torch.allclose(layer(x), linear(x.t()).t(), atol=1e-5)
    assert torch.allclose(layer(x.t().contiguous().t()), linear(x.t()).t(), atol=1e-5)
    assert layer.weight.values().shape == (11, 4, 4), "the block of zeros is not stored"


@pytest.fixture
def told(monkeypatch):
    """Stands in for the clock: the form that is fastest is told, and what was asked is kept."""

    def tell(fastest_form):
        asked = []

        def latencies(ways, x):
            asked.append((list(ways), tuple(x.shape)))
            return {name: Latency(1.0 + (name != fastest_form), 1, 2, 1, 1) for name in ways}

        monkeypatch.setattr(sparse, "latencies", latencies)
        return asked

    return tell


@pytest.mark.parametrize(
    "form", ["DenseLinear", "SparseLinear", "DenseLinear of used inputs", "SparseLinear of used inputs"]
)
def test_fastest_takes_what_is_fastest_and_computes_the_same(form, told):
    asked, model, x = told(form), holed(3), torch.randn(16, 1, 28, 28)
    network = sparse.fastest(model, x)
    with torch.inference_mode():
        assert torch.allclose(network(x), model(x), atol=1e-5)
    name, _, gathered = form.partition(" of ")
    first = network.layers.fc1.layer if gathered else network.layers.fc1
    assert type(first).__name__ == name
    left = [int(mask.sum()) for mask in living(model).values()]
    assert left[0] <= 285 and left[1] <= 96, "5 + 10 and 1 + 3 neurons are dead by construction"
    assert [shape for _, shape in asked] == [
        (784, 16),
        (left[0], 16),
        (left[1], 16),
    ], "dead neurons are removed first"
    assert model.fc1.weight.shape == (300, 784), "the model stays as it is"


def test_fastest_with_the_clock():
    model, x = holed(4), torch.randn(4, 784)
    network = sparse.fastest(nn.Sequential(*list(model)[1:3], model.fc2), x)
    assert torch.allclose(network(x), model.fc2(model.fc1(x).relu()), atol=1e-5)


def test_a_network_cut_in_two_still_gives_its_constant(told):
    told("SparseLinear")
    model = pruned(0.9)
    model.fc2.weight.data.zero_()
    x = torch.randn(3, 1, 28, 28)
    assert torch.allclose(sparse.fastest(model, x)(x), model(x), atol=1e-5)


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
        (
            lambda: sparse.to_sparse(LeNet5()),
            ValueError,
            "chain of Flatten, Linear and activations, got conv1: Conv2d",
        ),
        (lambda: sparse.to_sparse(nn.Linear(3, 3)), TypeError, "must be a torch.nn.Sequential"),
        (lambda: sparse.to_sparse(nn.Sequential(nn.ReLU())), ValueError, "got none"),
        (lambda: sparse.to_sparse(pruned(0.5), 1.5), ValueError, "max_density must lie"),
        (lambda: sparse.SparseLinear(nn.Conv2d(1, 1, 1)), TypeError, "must be a torch.nn.Linear"),
        (lambda: sparse.SparseLinear(nn.Linear(4, 4).half()), TypeError, "float32 or float64"),
        (lambda: sparse.DenseLinear(nn.Conv2d(1, 1, 1)), TypeError, "must be a torch.nn.Linear"),
        (lambda: sparse.GatherLinear(None), TypeError, "must be a torch.nn.Linear"),
        (lambda: sparse.GatherLinear(nn.Linear(4, 4), nn.Linear), ValueError, "form must be one of"),
        (lambda: sparse.BlockLinear(nn.Linear(4, 6)), ValueError, r"dimensions 4 divides, got \(6, 4\)"),
        (lambda: sparse.fastest(LeNet5(), torch.ones(1, 784)), ValueError, "got conv1: Conv2d"),
        (
            lambda: sparse.fastest(LeNet300(), torch.ones(2, 28, 27)),
            ValueError,
            r"784 numbers each, got shape \(2, 28, 27\)",
        ),
        (
            lambda: sparse.fastest(LeNet300(), torch.ones(784)),
            ValueError,
            r"example_input must be \(N, ...\)",
        ),
        (lambda: sparse.fastest(LeNet300(), None), TypeError, "example_input must be a torch.Tensor"),
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


def test_where_a_form_is_missing_the_others_are_taken(monkeypatch, told):
    def missing(*args):
        raise RuntimeError("Calling addmm on a sparse CPU tensor requires Linux platform")

    sparse.multiplies.cache_clear()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(torch, "addmm", missing)
            assert not sparse.multiplies(sparse.SparseLinear) and not sparse.multiplies(sparse.BlockLinear)
        asked = told("DenseLinear")
        sparse.fastest(holed(3), torch.randn(2, 784))
        assert {name.partition(" ")[0] for names, _ in asked for name in names} == {"DenseLinear"}
    finally:
        sparse.multiplies.cache_clear()
    assert sparse.multiplies(sparse.DenseLinear)


@pytest.mark.parametrize("form", [sparse.DenseLinear, sparse.SparseLinear])
def test_inputs_are_fetched_alike_before_and_after_the_turn(form):
    linear = nn.Linear(12, 8)
    linear.weight.data[:, ::3] = 0
    x, layer = torch.randn(5, 12), sparse.GatherLinear(linear, form)
    assert torch.allclose(layer(x.t()), linear(x).t(), atol=1e-6)
    assert torch.equal(layer(x.t()), layer(x.t().contiguous()))


def test_latencies_times_every_layer_and_states_the_conditions():
    layers = {"dense": sparse.DenseLinear(nn.Linear(64, 64)), "CSR": sparse.SparseLinear(nn.Linear(64, 64))}
    times = latencies(layers, torch.randn(64, 8))
    assert list(times) == ["dense", "CSR"]
    assert all(
        0 < t.low <= t.median <= t.high and t.threads == torch.get_num_threads() for t in times.values()
    )
    with pytest.raises(TypeError, match=r"must be a torch.nn.Module"):
        latencies({"a": torch.relu}, torch.randn(2, 2))


def test_a_sparse_network_is_copied_and_not_averaged():
    """As the docstring of ``SparseNetwork`` says; if torch learns to, say so there."""
    chain = nn.Sequential(nn.Flatten(), nn.Linear(20, 10))
    chain[1].weight.data[:, 2:] = 0
    small, x = sparse.to_sparse(chain), torch.randn(3, 20)
    torch.testing.assert_close(copy.deepcopy(small)(x), chain(x))
    average = torch.optim.swa_utils.AveragedModel(small)
    with pytest.raises(RuntimeError):
        for _ in range(2):
            average.update_parameters(small)

"""What is measured against counts made by hand, torch's own counter and files on disk; what cannot be
measured is refused.
"""

import copy
import warnings
from collections import OrderedDict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from prunelab import measure
from prunelab.masks import apply_masks, keep_top, prunable
from prunelab.models import MODELS
from prunelab.sparse import to_sparse
from prunelab.training import accuracy

IMAGE = torch.randn(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def lenet5():
    torch.manual_seed(0)
    return MODELS["lenet5"]()


def half(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: keep_top(weight.detach().abs(), 0.5) for name, weight in prunable(model).items()}


# --- counts ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "expected"),
    [("lenet5", 44_426), ("lenet5_bn", 44_470), ("lenet300", 266_610), ("lenet5_caffe", 431_080)],
)
def test_parameters_of_the_four_networks(name, expected):
    assert measure.parameters(MODELS[name]()) == expected


def test_macs_by_hand(lenet5):
    # a convolution: weights of a filter x filters x output positions; a matrix: its elements
    by_hand = 25 * 6 * 24 * 24 + 6 * 25 * 16 * 8 * 8 + 256 * 120 + 120 * 84 + 84 * 10
    assert measure.macs(lenet5, IMAGE) == by_hand == 281_640
    assert measure.macs(lenet5, IMAGE.expand(7, -1, -1, -1)) == 7 * by_hand


@pytest.mark.parametrize("name", list(MODELS))
def test_macs_are_half_of_what_torch_counts_as_operations(name):
    model = MODELS[name]().eval()
    counter = FlopCounterMode(display=False)
    with counter:
        model(IMAGE.expand(3, -1, -1, -1))
    assert 2 * measure.macs(model, IMAGE.expand(3, -1, -1, -1)) == counter.get_total_flops()


@given(
    groups=st.sampled_from([1, 2]),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    size=st.integers(5, 9),
    batch=st.integers(1, 3),
)
def test_macs_of_any_convolution_are_half_of_torchs(groups, stride, padding, size, batch):
    layer = nn.Conv2d(2, 4, (3, 2), stride=stride, padding=padding, groups=groups)
    counter = FlopCounterMode(display=False)
    x = torch.zeros(batch, 2, size, size)
    with counter:
        layer(x)
    assert 2 * measure.macs(nn.Sequential(layer), x) == counter.get_total_flops()


def test_macs_of_a_linear_layer_over_a_sequence_count_every_position():
    assert measure.macs(nn.Sequential(nn.Linear(5, 3)), torch.zeros(2, 7, 5)) == 2 * 7 * 15


def test_macs_that_masks_would_save(lenet5):
    masks = half(lenet5)
    assert measure.macs(lenet5, IMAGE, masks) == 281_640 // 2
    only_conv1 = {"conv1.weight": torch.zeros(6, 1, 5, 5, dtype=torch.bool)}
    assert measure.macs(lenet5, IMAGE, only_conv1) == 281_640 - 150 * 576
    three_filters = {"conv2.weight": torch.tensor([True] * 3 + [False] * 13).view(16, 1, 1, 1)}
    assert measure.macs(lenet5, IMAGE, three_filters) == 281_640 - 13 * 150 * 64


def test_macs_of_a_masked_model_are_those_of_the_dense_one(lenet5):
    apply_masks(lenet5, half(lenet5))
    assert measure.macs(lenet5, IMAGE) == 281_640, (
        "a zero in a dense tensor is multiplied like any other number"
    )


def test_measuring_leaves_the_model_as_it_was(lenet5):
    lenet5.train()
    lenet5.fc1.eval()
    before = copy.deepcopy(lenet5.state_dict())
    measure.macs(lenet5, IMAGE)
    measure.latency(lenet5, IMAGE)
    assert lenet5.training and lenet5.conv1.training and not lenet5.fc1.training
    assert all(torch.equal(before[name], value) for name, value in lenet5.state_dict().items())
    assert not any(module._forward_hooks for module in lenet5.modules()), "a hook was left behind"


def test_nonzeros_count_biases_and_believe_masks_before_they_are_applied(lenet5):
    masks = half(lenet5)
    weights = sum(weight.numel() for weight in prunable(lenet5).values())
    assert measure.nonzeros(lenet5) == 44_426
    assert measure.nonzeros(lenet5, masks) == 44_426 - weights // 2
    apply_masks(lenet5, masks)
    assert measure.nonzeros(lenet5) == 44_426 - weights // 2
    with torch.no_grad():
        lenet5.fc3.bias[0] = 0
    assert measure.nonzeros(lenet5) == 44_426 - weights // 2 - 1


def test_layer_sparsity_is_per_layer(lenet5):
    apply_masks(lenet5, {"fc1.weight": keep_top(lenet5.fc1.weight.detach().abs(), 0.75)})
    expected = {"conv1.weight": 0, "conv2.weight": 0, "fc1.weight": 0.75, "fc2.weight": 0, "fc3.weight": 0}
    assert measure.layer_sparsity(lenet5) == pytest.approx(expected)


@pytest.mark.parametrize("name", list(MODELS))
def test_bytes_are_those_of_the_file(name, tmp_path):
    model = MODELS[name]()
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    assert (
        measure.bytes_on_disk(model)
        == (tmp_path / "model.safetensors").stat().st_size
        > 4 * measure.parameters(model)
    )


def test_zeros_do_not_shrink_the_file(lenet5):
    before = measure.bytes_on_disk(lenet5)
    apply_masks(lenet5, half(lenet5))
    assert measure.bytes_on_disk(lenet5) == before
    assert measure.bytes_on_disk(lenet5.half()) < 0.55 * before  # half precision does


def test_bytes_of_a_transposed_weight_are_counted():
    layer = nn.Linear(3, 5)
    layer.weight = nn.Parameter(torch.randn(3, 5).T)
    assert measure.bytes_on_disk(nn.Sequential(layer)) == measure.bytes_on_disk(
        nn.Sequential(nn.Linear(3, 5))
    )


def test_a_sparse_tensor_counts_with_its_indices():
    layer = nn.Linear(100, 50)
    with torch.no_grad():
        layer.weight[:, 10:] = 0
    counted = measure.bytes_on_disk(to_sparse(nn.Sequential(nn.Flatten(), layer)))
    assert (
        4 * (500 + 500 + 51 + 50) < counted < measure.bytes_on_disk(layer) / 3
    )  # values, columns, row starts, biases


# --- the table -------------------------------------------------------------------------------------
@pytest.fixture
def images(mnist):
    return TensorDataset(*mnist.valid[:100])


def test_compare_measures_what_the_functions_measure(lenet5, images):
    pruned = copy.deepcopy(lenet5)
    apply_masks(pruned, half(pruned))
    batch = images[:4][0]
    table = measure.compare({"dense": lenet5, "pruned": pruned}, batch, images)
    for row, (name, model) in zip(table.rows, {"dense": lenet5, "pruned": pruned}.items(), strict=True):
        assert row["model"] == name
        assert row["accuracy"] == accuracy(model, images)
        assert row["parameters"] == measure.parameters(model)
        assert row["nonzeros"] == measure.nonzeros(model)
        assert row["bytes"] == measure.bytes_on_disk(model)
        assert row["macs"] == measure.macs(model, batch) == 4 * 281_640
        assert row["latency"].batch == 4
        assert row["latency"].low <= row["latency"].median <= row["latency"].high


def test_the_table_marks_what_varies_with_a_tilde(lenet5, images):
    table = measure.compare({"one & only": lenet5}, IMAGE, images)
    line = str(table).splitlines()[1]
    assert "44,426" in line and "~ 281" not in line
    assert (
        f"~{table.rows[0]['accuracy']:6.2f} %" in line
        and f"~{1e3 * table.rows[0]['latency'].median:7.3f} ms" in line
    )
    assert "<td>one &amp; only</td>" in table._repr_html_()


def test_without_a_dataset_there_is_no_accuracy(lenet5):
    table = measure.compare(OrderedDict(model=lenet5), IMAGE)
    assert table.rows[0]["accuracy"] is None
    assert "accuracy" not in str(table) and "accuracy" not in table._repr_html_()


# --- bad input -------------------------------------------------------------------------------------
def test_bad_input_is_refused_in_words(lenet5):
    with pytest.raises(TypeError, match=r"example_input must be a torch\.Tensor, got list"):
        measure.macs(lenet5, [1])
    with pytest.raises(ValueError, match="example_input must not be empty"):
        measure.macs(lenet5, torch.zeros(0, 1, 28, 28))
    with pytest.raises(ValueError, match="example_input must be finite"):
        measure.latency(lenet5, torch.full((1, 1, 28, 28), float("nan")))
    with pytest.raises(ValueError, match="a name in masks must be one of"):
        measure.macs(lenet5, IMAGE, {"fc9.weight": torch.ones(2, dtype=torch.bool)})
    with pytest.raises(ValueError, match=r"masks\['fc3.weight'\] must have shape"):
        measure.nonzeros(lenet5, {"fc3.weight": torch.ones(3, 3, dtype=torch.bool)})
    with pytest.raises(TypeError, match="must be a bool tensor"):
        measure.nonzeros(lenet5, {"fc3.weight": torch.ones(10, 84)})
    with pytest.raises(ValueError, match="models must be a non-empty dict"):
        measure.compare({}, IMAGE)
    with pytest.raises(TypeError, match=r"models\['a'\] must be a torch\.nn\.Module, got str"):
        measure.compare({"a": "model"}, IMAGE)
    with pytest.raises(TypeError, match="dataset must be a TensorDataset"):
        measure.compare({"a": lenet5}, IMAGE, dataset=[1])
    with pytest.raises(TypeError, match=r"torch\.nn\.Module"):
        measure.latency("model", IMAGE)
    for function in (measure.parameters, measure.nonzeros, measure.layer_sparsity, measure.bytes_on_disk):
        with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module, got str"):
            function("model")
    with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module, got int"):
        measure.macs(3, IMAGE)


def test_bytes_of_tensors_of_their_own_kind():
    class Holder(nn.Module):
        def __init__(self, value):
            super().__init__()
            self.register_buffer("value", value)

    parts = [torch.ones(3, 4), torch.ones(2, 4)]
    jagged = torch.nested.nested_tensor(parts, layout=torch.jagged)
    assert 4 * 20 + 8 * 3 < measure.bytes_on_disk(Holder(jagged)) < 4 * 20 + 8 * 3 + 500
    with warnings.catch_warnings(action="ignore"):
        masked = torch.masked.masked_tensor(torch.ones(3), torch.tensor([True, False, True]))
    for value, words in (
        (masked, "for 'value' a MaskedTensor of torch.float32"),
        (torch.zeros(4, dtype=torch.uint8).view(torch.int4), "for 'value' a Tensor of torch.int4"),
    ):
        with pytest.raises(TypeError, match=words):
            measure.bytes_on_disk(Holder(value))
    with pytest.raises(ValueError, match="model must have seen an input once: weight has no shape yet"):
        measure.bytes_on_disk(nn.LazyLinear(3))

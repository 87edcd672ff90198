"""What prunelab does where libraries surprise: each claim that closes docs/libraries.md, under its name."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import prune
from torch.optim.swa_utils import AveragedModel

from prunelab import deploy, measure, semi_structured, storage
from prunelab.sparse import to_sparse


def pruned(amount: float = 0.9) -> nn.Sequential:
    """Return two Linear layers with zeros and without hooks."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).eval()
    for layer in (model[0], model[2]):
        prune.l1_unstructured(layer, "weight", amount)
        prune.remove(layer, "weight")
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_macs_count_an_lstm(dtype):
    model, x = nn.LSTM(16, 20, batch_first=True).to(dtype), torch.randn(1, 5, 16, dtype=dtype)
    assert measure.macs(model, x) == 5 * 4 * 20 * (16 + 20)


@pytest.mark.parametrize("training", [True, False])
def test_macs_count_an_encoder_in_both_modes(training):
    layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True).train(training)
    projections, attention, feed_forward = 4 * 5 * 16 * 16, 2 * 5 * 5 * 16, 2 * 5 * 16 * 32
    assert measure.macs(layer, torch.randn(1, 5, 16)) == projections + attention + feed_forward


def test_macs_count_what_a_csr_product_multiplies():
    model = pruned()
    kept = sum(int(model[number].weight.count_nonzero()) for number in (0, 2))
    assert measure.macs(to_sparse(model), torch.ones(1, 64)) == kept


def test_macs_name_what_they_cannot_count():
    class Turned(nn.Module):
        def forward(self, x):
            return functional.relu(torch.fft.fft(x).abs())

    with pytest.warns(UserWarning):
        count = measure.macs(Turned(), torch.ones(1, 4))
    assert count.uncounted and "fft" in count.uncounted[0]


def test_a_hook_is_named():
    model = nn.Sequential(nn.Linear(64, 10))
    prune.l1_unstructured(model[0], "weight", 0.5)
    assert measure.left_behind(model) == ["0.weight"]
    for export in (deploy.export_onnx, deploy.export_program):
        with pytest.warns(UserWarning, match=r"prune\.remove"):
            export(model, torch.ones(1, 64))


def test_a_program_holds_no_example():
    model, dataset = pruned(), torch.zeros(100_000, 64)
    program = deploy.export_program(model, dataset[:1])
    assert len(program) < 100_000 < dataset.untyped_storage().nbytes()


def test_a_sparse_network_is_copied_averaged_and_compared():
    model = pruned()
    sparse, x = to_sparse(model), torch.ones(1, 64)
    averaged = AveragedModel(sparse)
    averaged.update_parameters(copy.deepcopy(sparse))
    assert torch.equal(averaged(x), sparse(x))
    dense_row, sparse_row = measure.compare({"dense": model, "sparse": sparse}, x).rows
    assert sparse_row["nonzeros"] == dense_row["nonzeros"] > 0
    assert 0 < sparse_row["parameters"] <= dense_row["parameters"]


def test_float32_is_compressed_as_2_to_4():
    weight = torch.randn(16, 64)
    weight = weight * semi_structured.nm_mask(weight.abs(), 2, 4)
    packed = semi_structured.compress_24(weight)
    assert torch.equal(semi_structured.decompress_24(*packed), weight)


def test_save_sparse_takes_what_safetensors_refuses(tmp_path):
    tied = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 10, bias=False))
    tied[1].weight = tied[0].weight
    own = copy.deepcopy(tied)
    own[1].weight = nn.Parameter(own[1].weight.detach().clone())
    once, twice = (storage.save_sparse(m, tmp_path / f"{i}.safetensors") for i, m in enumerate((tied, own)))
    assert once < twice
    back = copy.deepcopy(tied)
    with torch.no_grad():
        back[0].weight.zero_()
    storage.load_sparse(tmp_path / "0.safetensors", back)
    assert torch.equal(back[0].weight, tied[0].weight) and back[1].weight is back[0].weight

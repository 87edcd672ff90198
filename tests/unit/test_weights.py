"""Weights of every kind of layer and number: found, counted, and seen behind masks that are still at work."""

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune

from prunelab import measure, weights
from prunelab.criteria import magnitude
from prunelab.masks import apply_masks, expand_masks, living, mask_model, prunable, sparsity
from prunelab.sparse import BlockLinear, SparseLinear, to_sparse


class Conv1D(nn.Module):
    """The layer of transformers' GPT-2: a Linear with its weight (in, out)."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(4, 6)), nn.Parameter(torch.zeros(6))

    def forward(self, x):
        return x @ self.weight + self.bias


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Parameter(torch.ones(3, 4, 5))
        self.pos_embed, self.relative_position_bias_table = (nn.Parameter(torch.ones(7, 4)) for _ in range(2))
        self.layer_scale = nn.Parameter(torch.ones(5, 1, 1))
        self.cls_token = nn.Parameter(torch.ones(1, 1, 4))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (nn.Sequential(nn.Linear(3, 1), nn.BatchNorm1d(1), nn.LayerNorm([2, 3])), ["0.weight"]),
        (nn.Sequential(nn.Conv1d(1, 2, 1), nn.Conv3d(1, 1, 1), nn.ConvTranspose2d(1, 2, 3)), ["0", "1", "2"]),
        (nn.LSTM(3, 4, proj_size=2), ["weight_ih_l0", "weight_hh_l0", "weight_hr_l0"]),
        (nn.GRUCell(3, 4), ["weight_ih", "weight_hh"]),
        (nn.MultiheadAttention(4, 2, add_bias_kv=True), ["in_proj_weight", "out_proj.weight"]),
        (
            nn.MultiheadAttention(4, 2, kdim=3, vdim=5),
            ["q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight"],
        ),
        (nn.Bilinear(2, 3, 1), ["weight"]),
        (Conv1D(), ["weight"]),
        (Experts(), ["up"]),
        (nn.Sequential(nn.Embedding(5, 4), nn.PReLU(4), nn.Linear(4, 4)), ["2.weight"]),
        (nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 3, 3)), ["parametrizations.weight.original1"]),
        (
            nn.Sequential(SparseLinear(nn.Linear(4, 4)), BlockLinear(nn.Linear(4, 4))),
            ["0.weight", "1.weight"],
        ),
    ],
)
def test_what_is_a_weight(model, expected):
    names = list(prunable(model))
    assert [name.removesuffix(".weight") for name in names] == [
        name.removesuffix(".weight") for name in expected
    ]


def test_masks_of_every_weight_count_in_the_sparsity():
    torch.manual_seed(0)
    model = nn.ModuleDict({"lstm": nn.LSTM(4, 8), "attention": nn.MultiheadAttention(8, 2), "conv": Conv1D()})
    apply_masks(model, mask_model(magnitude(model), 0.5))
    assert sparsity(model) == pytest.approx(0.5)
    assert set(measure.layer_sparsity(model).values()) == {0.5}
    total = sum(weight.numel() for weight in prunable(model).values())
    zeros = measure.parameters(model) - measure.nonzeros(model)
    assert zeros >= total / 2


def test_a_tied_weight_is_one():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head = nn.Embedding(50, 8), nn.Linear(8, 50, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, x):
            return self.head(self.embedding(x))

    model, x = Tied(), torch.zeros(2, 3, dtype=torch.int64)
    assert list(prunable(model)) == ["head.weight"]
    assert measure.parameters(model) == 400 and measure.macs(model, x) == 6 * 400
    assert 1600 < measure.bytes_on_disk(model) < 1800
    masks = mask_model(magnitude(model), 0.25)
    assert expand_masks(model, masks)["head.weight"].shape == (50, 8)
    assert measure.macs(model, x, masks) == 6 * 300
    assert measure.nonzeros(model, {"embedding.weight": masks["head.weight"]}) == 300
    apply_masks(model, masks)
    table = measure.compare({"tied": model}, x)
    assert table.rows[0]["nonzeros"] == 300
    two = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    two[1].weight = two[0].weight
    assert list(prunable(two)) == ["0.weight"]


DTYPES = (
    "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex32"
    " complex64 complex128 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz"
).split()


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_every_type_of_number(name):
    dtype = getattr(torch, name)
    values = torch.tensor([[0.0, 1, 0], [2, 0, 0]]).to(dtype)
    assert weights.count_nonzero(values) == 2 and sparsity(values) == pytest.approx(4 / 6)
    model = nn.Module()
    model.weight = nn.Parameter(values, requires_grad=False)
    assert measure.parameters(model) == 6 and measure.nonzeros(model) == 2
    assert measure.layer_sparsity(model) == {"weight": pytest.approx(4 / 6)}
    more = nn.Module()
    more.weight = nn.Parameter(torch.zeros(100, 100).to(dtype), requires_grad=False)
    grown = measure.bytes_on_disk(more) - measure.bytes_on_disk(model)
    assert abs(grown - (10_000 - 6) * values.element_size()) <= 16  # the header is a few letters longer


def test_bytes_of_types_without_a_name_are_those_of_the_values():
    model = nn.Module()
    model.weight = nn.Parameter(torch.zeros(50, 10, dtype=torch.complex128))
    assert 8000 < measure.bytes_on_disk(model) < 8200


def test_the_meta_device_has_sizes_and_no_zeros():
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(4, 3))
    assert measure.parameters(model) == 15 and list(prunable(model)) == ["0.weight"]
    assert measure.bytes_on_disk(model) == measure.bytes_on_disk(nn.Sequential(nn.Linear(4, 3)))
    for call in (measure.nonzeros, measure.layer_sparsity, sparsity):
        with pytest.raises(ValueError, match="must hold values to count zeros, got one on the meta device"):
            call(model)


def test_lazy_layers_are_asked_to_see_an_input():
    model = nn.Sequential(nn.LazyLinear(3))
    for call in (prunable, measure.parameters, measure.nonzeros):
        with pytest.raises(ValueError, match=r"must have seen an input once: 0\.weight"):
            call(model)
    model(torch.zeros(1, 4))
    assert measure.parameters(model) == 15


def test_quantized_layers_hold_their_numbers_packed():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.ao.quantization import quantize_dynamic

        model = quantize_dynamic(nn.Sequential(nn.Linear(100, 50)), {nn.Linear})
        lstm = quantize_dynamic(nn.Sequential(nn.LSTM(4, 3)), {nn.LSTM})
        assert measure.parameters(model) >= 5050
        assert 5000 < measure.bytes_on_disk(model) < 6500, "a byte for each weight"
        assert measure.nonzeros(model) > 4000
    with pytest.warns(UserWarning, match="bytes without 0._all_weight_values.0.param, a ScriptObject"):
        measure.bytes_on_disk(lstm)


# --- sparse layouts --------------------------------------------------------------------------------
def test_a_sparse_network_counts_what_it_stores():
    torch.manual_seed(0)
    dense = nn.Sequential(nn.Flatten(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 10))
    apply_masks(dense, mask_model(magnitude(dense), 0.9))
    sparse = to_sparse(dense)
    assert measure.parameters(sparse) == measure.nonzeros(sparse) == 150 + 40 == measure.nonzeros(dense)
    assert sparsity(sparse) == sparsity(dense) == pytest.approx(0.9)
    table = measure.compare({"dense": dense, "sparse": sparse}, torch.randn(2, 40))
    assert table.rows[1]["parameters"] == 190 and table.rows[1]["macs"] == 2 * 150
    page = measure.report(dense, sparse, torch.randn(2, 40))
    assert [layer["density"] for layer in page.layers] == pytest.approx([0.1, 0.1])
    assert page.moved["parameters"] and page.moved["bytes on disk"]


def test_a_sparse_network_is_copied_with_its_values():
    dense = nn.Sequential(nn.Linear(8, 8))
    for layer in (SparseLinear(dense[0]), BlockLinear(dense[0]), to_sparse(dense)):
        x = torch.randn(8, 8)
        twin = copy.deepcopy(layer)
        assert torch.equal(twin(x), layer(x))
        for own, other in zip(layer.parameters(), twin.parameters(), strict=True):
            weights.stored(other).zero_()
            assert weights.stored(own).any() and own.layout == other.layout and not other.requires_grad
    averaged = torch.optim.swa_utils.AveragedModel(to_sparse(dense))
    assert torch.equal(averaged(torch.eye(8)), to_sparse(dense)(torch.eye(8)))


# --- masks that are still at work ------------------------------------------------------------------
def test_hooks_of_torch_are_seen_with_the_present_values():
    model = nn.Sequential(nn.Conv1d(2, 3, 2), nn.Linear(4, 4))
    prune.l1_unstructured(model[1], "weight", 0.75)
    prune.random_unstructured(model[1], "bias", 1)
    assert measure.left_behind(model) == ["1.weight", "1.bias"]
    assert list(prunable(model)) == ["0.weight", "1.weight"]
    assert measure.layer_sparsity(model)["1.weight"] == 0.75
    assert measure.nonzeros(model) == 12 + 3 + 4 + 3
    with torch.no_grad():
        model[1].weight_orig.fill_(5.0)  # model[1].weight is stale until the next pass
    assert set(prunable(model)["1.weight"].flatten().tolist()) == {0.0, 5.0}
    assert prunable(model)["1.weight"].requires_grad
    with pytest.warns(UserWarning, match="no product reads"):
        measure.macs(model[1], torch.ones(1, 4), {"weight_orig": torch.zeros(4, 4, dtype=torch.bool)})


def test_a_hook_that_attention_never_runs_is_said():
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    pruned = copy.deepcopy(model)
    prune.l1_unstructured(pruned.self_attn.out_proj, "weight", 0.5)
    assert measure.left_behind(pruned) == ["self_attn.out_proj.weight"]
    found = measure.not_smaller(model, pruned)
    assert [reason.split(":")[0] for reason in found][:2] == ["Masks left behind", "Masks never applied"]
    assert "self_attn.out_proj is read, not called" in found[1]


def test_a_mask_in_a_parametrization():
    class Masked(nn.Module):
        def __init__(self, mask):
            super().__init__()
            self.register_buffer("mask", mask)

        def forward(self, weight):
            return weight * self.mask

    model = nn.Sequential(nn.Linear(4, 4))
    parametrize.register_parametrization(model[0], "weight", Masked(torch.eye(4, dtype=torch.bool)))
    assert measure.left_behind(model) == ["0.weight"] and measure.layer_sparsity(model) == {"0.weight": 0.75}
    assert measure.nonzeros(model) == 4 + 4


def test_hooks_of_nncf():
    # the names in a state dict of nncf 3.4, whose prune() leaves masks behind until they are stripped in
    # place
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4)))
    hooks, one = nn.Module(), nn.Module()
    one.register_buffer("binary_mask", torch.eye(4, dtype=torch.bool))
    hooks.post_hooks = nn.ModuleDict({"0:0:weight__0": nn.ModuleDict({"0": one})})
    model.add_module("__nncf_hooks", hooks)
    assert measure.left_behind(model) == ["0.0.weight"]
    assert measure.layer_sparsity(model) == {"0.0.weight": 0.75}
    assert measure.nonzeros(model) == 4 + 4
    assert "nncf.strip" in measure.not_smaller(nn.Sequential(nn.Linear(4, 4)), model)[0]


def test_refusals():
    for call, message in [
        (lambda: prunable(nn.ReLU()), "model must have a layer with a weight, got ReLU"),
        (lambda: prunable(3), "model must be a torch.nn.Module"),
        (lambda: weights.count_nonzero(3), "tensor must be a torch.Tensor"),
        (
            lambda: weights.count_nonzero(torch.empty(2, dtype=torch.uint4)),
            "can be compared, got torch.uint4",
        ),
        (lambda: living(nn.Sequential(nn.LSTM(3, 3))), "weight_ih_l0 of a LSTM"),
        (lambda: measure.parameters("m"), "model must be a torch.nn.Module"),
    ]:
        with pytest.raises((TypeError, ValueError), match=message):
            call()

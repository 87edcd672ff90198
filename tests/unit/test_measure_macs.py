"""Multiply-accumulates against counts by hand, torch's counter where it is right, and fvcore; what cannot be
counted is named.
"""

import copy
import warnings

import pytest
import torch
import torchvision
from fvcore.nn import FlopCountAnalysis
from macs_models import Function, no_warning  # noqa: F401 -- a fixture for every test here
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from prunelab import measure
from prunelab.masks import apply_masks, keep_top
from prunelab.sparse import to_sparse

LINEAR = nn.Linear(4, 6)
ATTENTION = 2 * (4 * 5 * 16 * 16 + 2 * 5 * 5 * 16)  # in and out projections; scores and mix; a batch of 2
BY_HAND = {
    "Conv1d": (nn.Conv1d(4, 8, 3, padding=1), [(2, 4, 20)], 2 * 8 * 4 * 3 * 20),
    "Conv1d, one sound": (nn.Conv1d(4, 8, 3, padding=1), [(4, 20)], 8 * 4 * 3 * 20),
    "Conv3d": (nn.Conv3d(3, 8, 3, padding=1), [(1, 3, 6, 6, 6)], 8 * 3 * 27 * 216),
    "ConvTranspose2d": (nn.ConvTranspose2d(6, 4, 3, stride=2), [(1, 6, 8, 8)], 6 * 4 * 9 * 64),
    "ConvTranspose1d in groups": (nn.ConvTranspose1d(6, 4, 3, groups=2), [(3, 6, 8)], 3 * 6 * 2 * 3 * 8),
    "depthwise": (nn.Conv2d(6, 6, 3, groups=6, padding="same"), [(1, 6, 8, 8)], 6 * 9 * 64),
    "LSTM": (nn.LSTM(16, 32), [(10, 1, 16)], 10 * 4 * 32 * (16 + 32)),
    "LSTM, two layers, both ways": (
        nn.LSTM(16, 32, 2, bidirectional=True, batch_first=True),
        [(2, 10, 16)],
        2 * 10 * 2 * 128 * ((16 + 32) + (64 + 32)),
    ),
    "LSTM, projected": (nn.LSTM(16, 32, proj_size=5), [(10, 2, 16)], 20 * (128 * (16 + 5) + 5 * 32)),
    "GRU": (nn.GRU(16, 32), [(10, 2, 16)], 20 * 96 * 48),
    "RNN": (nn.RNN(16, 32), [(10, 2, 16)], 20 * 32 * 48),
    "LSTMCell": (nn.LSTMCell(16, 32), [(3, 16)], 3 * 128 * 48),
    "Bilinear": (nn.Bilinear(3, 4, 5), [(2, 3), (2, 4)], 2 * 5 * 3 * 4),
    "attention": (Function(F.scaled_dot_product_attention), [(1, 2, 10, 4)] * 3, 2 * 2 * 10 * 10 * 4),
    "grouped queries": (
        Function(lambda q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True)),
        [(1, 4, 5, 8), (1, 2, 7, 8)],
        4 * 5 * 7 * (8 + 8),
    ),
    "MultiheadAttention": (nn.MultiheadAttention(16, 2, batch_first=True), [(2, 5, 16)] * 3, ATTENTION),
    "encoder layer": (
        nn.TransformerEncoderLayer(16, 2, 32, batch_first=True),
        [(2, 5, 16)],
        ATTENTION + 2 * 5 * 2 * 16 * 32,
    ),
    "encoder": (
        nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2),
        [(2, 5, 16)],
        2 * (ATTENTION + 2 * 5 * 2 * 16 * 32),
    ),
    "decoder layer": (
        nn.TransformerDecoderLayer(16, 2, 32, batch_first=True),
        [(2, 5, 16), (2, 7, 16)],
        ATTENTION + 2 * ((5 + 7 + 7 + 5) * 256 + 2 * 5 * 7 * 16) + 2 * 5 * 2 * 16 * 32,
    ),
    "einsum": (Function(lambda a, b: torch.einsum("bhid,bhjd->bhij", a, b)), [(1, 2, 3, 4)] * 2, 2 * 9 * 4),
    "matrix and vector": (Function(lambda a, b: a @ b), [(3, 4), (4,)], 12),
    "baddbmm": (Function(lambda a, b, c: torch.baddbmm(a, b, c)), [(2, 3, 5), (2, 3, 4), (2, 4, 5)], 120),
    "embeddings in a bag": (
        Function(lambda x: nn.EmbeddingBag(10, 3)(x.long().abs() % 10)),
        [(2, 5)],
        0,
    ),
    "cosines": (Function(lambda a, b: F.cosine_similarity(a[:, None], b, dim=-1)), [(2, 8), (6, 8)], 96),
    "dots of rows": (Function(torch.linalg.vecdot), [(5, 8), (5, 8)], 40),
    "outer product, added": (Function(torch.addr), [(3, 4), (3,), (4,)], 12),
    "grid": (Function(lambda x: F.affine_grid(x, (2, 1, 5, 7), False)), [(2, 2, 3)], 2 * 35 * 2 * 3),
    "a jagged batch": (
        Function(lambda x: LINEAR(torch.nested.nested_tensor([x[:3], x], layout=torch.jagged))),
        [(5, 4)],
        8 * 24,
    ),
    "views in place": (
        Function(lambda x: x.clone().unsqueeze_(0).transpose_(1, 2).squeeze_(0) // 2),
        [(3, 4)],
        0,
    ),
    "no product": (
        nn.Sequential(nn.BatchNorm1d(4), nn.GELU(), nn.MaxPool1d(2), nn.Softmax(1)),
        [(2, 4, 6)],
        0,
    ),
}


@pytest.mark.parametrize("name", list(BY_HAND))
def test_counts_by_hand(name):
    model, shapes, expected = BY_HAND[name]
    inputs = tuple(torch.randn(shape) for shape in shapes)
    for mode in (model.train(), model.eval()):
        count = measure.macs(mode, inputs)
        assert count == expected and count.uncounted == ()
        assert sum(count.layers.values()) == count


def test_double_precision_takes_another_path_and_counts_the_same():
    single, double = nn.LSTM(8, 16), nn.LSTM(8, 16).double()
    x = torch.randn(3, 2, 8)
    assert measure.macs(single, x) == measure.macs(double, x.double()) == 6 * 64 * 24


def test_kept_entries_of_a_sparse_network():
    torch.manual_seed(0)
    dense = nn.Sequential(nn.Flatten(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 10))
    masks = {"1.weight": keep_top(torch.rand(30, 40), 0.9), "3.weight": keep_top(torch.rand(10, 30), 0.5)}
    apply_masks(dense, masks)
    x = torch.randn(7, 40)
    sparse = to_sparse(dense, max_density=0.2)
    assert measure.macs(sparse, x) == 7 * (120 + 300), "the first in CSR, the second dense"
    assert measure.macs(to_sparse(dense, 1.0), x) == 7 * (120 + 150) == measure.macs(dense, x, masks)
    assert measure.macs(dense, x) == 7 * 1500
    coo = dense[1].weight.detach().to_sparse()
    for layout in (coo, coo.to_sparse_csr(), coo.to_dense().to_sparse_bsr((5, 5))):
        stored = layout.values().numel() if layout.layout != torch.sparse_coo else layout._nnz()
        assert measure.macs(Function(lambda x, layout=layout: layout @ x), torch.randn(40, 3)) == 3 * stored


def test_masks_of_every_kind_of_layer():
    x = torch.randn(10, 2, 16)
    lstm = {"weight_ih_l0": torch.zeros(128, 16, dtype=torch.bool)}
    for model in (nn.LSTM(16, 32), nn.LSTM(16, 32).double()):
        assert measure.macs(model, x.to(model.weight_ih_l0.dtype), lstm) == 20 * 128 * 32
    # the rows of the queries: 16 of 48 of a projection that is also read in parts
    queries = {"in_proj_weight": (torch.arange(48) >= 16).view(48, 1)}
    attention = nn.MultiheadAttention(16, 2, batch_first=True)
    own, other = torch.randn(1, 5, 16), torch.randn(1, 7, 16)
    assert measure.macs(attention, (own, own, own)) - measure.macs(attention, (own,) * 3, queries) == 5 * 256
    assert measure.macs(attention, (own, other, other)) - 5 * 256 == measure.macs(
        attention, (own, other, other), queries
    )
    up = nn.ConvTranspose2d(6, 4, 3)
    half = {"weight": (torch.arange(6) < 3).view(6, 1, 1, 1)}
    assert 2 * measure.macs(up, torch.randn(1, 6, 5, 5), half) == measure.macs(up, torch.randn(1, 6, 5, 5))


def test_a_mask_that_no_product_reads_is_named():
    model = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
    name = "parametrizations.weight.original1"
    with pytest.warns(UserWarning, match="no product reads this parameter itself"):
        count = measure.macs(model, torch.ones(1, 4), {name: torch.zeros(3, 4, dtype=torch.bool)})
    assert count == 12 and count.uncounted == (f"masks['{name}']: no product reads this parameter itself",)


def test_what_cannot_be_counted_is_named_and_never_silent():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)
            self.solve = Function(lambda x: torch.linalg.solve(x, x) + torch.fft.fft(x).abs())

        def forward(self, x):
            return self.solve(self.fc(x))

    model, x = Mixed(), torch.eye(4)
    with pytest.warns(
        UserWarning, match="MACs without aten::_linalg_solve_ex in solve; aten::_fft_r2c in solve"
    ):
        count = measure.macs(model, x)
    assert count == 64 and [part.split()[0] for part in count.uncounted] == [
        "aten::_linalg_solve_ex",
        "aten::_fft_r2c",
    ]
    profile = measure.profile(model, x)
    assert profile.uncounted == count.uncounted and "aten::_fft_r2c in solve" in str(profile)
    table = measure.compare({"a": model, "b": copy.deepcopy(model)}, x)
    assert "64 + ?" in str(table) and "Not counted in the MACs (+ ?): a: aten::_linalg_solve_ex" in str(table)
    page = measure.report(model, copy.deepcopy(model), x)
    assert "64 + ?" in str(page) and "fewer MACs of those counted" in page.summary()
    assert "aten::_fft_r2c" in page._repr_html_()


def test_int8():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.ao.quantization import quantize_dynamic

        model = quantize_dynamic(nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3)), {nn.Linear})
        assert measure.macs(model, torch.randn(5, 8)) == 5 * (32 + 12)
    matrix = torch.ones(32, 16, dtype=torch.int8)
    assert measure.macs(Function(torch._int_mm), (matrix, matrix.t().contiguous())) == 32 * 16 * 32


def test_compiled_and_scripted_networks():
    plain = nn.Sequential(nn.Linear(8, 4), nn.LSTM(4, 3))
    x, expected = torch.randn(5, 2, 8), 10 * (32 + 12 * 7)
    assert measure.macs(torch.compile(plain), x) == expected
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert measure.macs(torch.jit.script(plain), x) == expected


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x0_5", "swin_t"])
def test_torchvision_beside_torchs_counter_and_fvcore(name):
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None).eval()
    x = torch.randn(1, 3, 64, 64)
    count = measure.macs(model, x)
    assert count.uncounted == ()
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        model(x)
    assert 2 * count == counter.get_total_flops()
    analysis = FlopCountAnalysis(model, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    # fvcore counts products of matrices as we do, and a normalisation on top: take what is ours
    ours = sum(
        analysis.by_operator()[kind] for kind in ("conv", "linear", "matmul", "addmm", "bmm", "einsum")
    )
    assert count == ours


# --- by layer --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), (2, 5, 16)),
        (nn.Sequential(nn.Conv1d(4, 8, 3), nn.Flatten(), nn.Linear(64, 3)), (2, 4, 10)),
        (nn.LSTM(4, 8), (5, 2, 4)),
        (Function(lambda x: x @ x.mT), (2, 3, 4)),
    ],
)
def test_profile_adds_up_for_any_layer(model, shape):
    rows = measure.profile(model, torch.randn(shape)).rows
    assert sum(row["macs"] for row in rows) == measure.macs(model, torch.randn(shape)) > 0
    assert all(row["seconds"] >= 0 for row in rows) and rows[-1]["layer"] == "(outside the layers)"


def test_attention_has_a_row_with_the_weights_it_reads():
    rows = measure.profile(
        nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), torch.randn(2, 5, 16)
    ).rows
    attention = next(row for row in rows if row["layer"] == "self_attn")
    assert attention["macs"] == ATTENTION and attention["weights"] == 4 * 256
    numbers = 4 * 2 * 5 * 16 + 4 * 256  # three inputs and an output, and the weights
    assert attention["macs_per_byte"] == pytest.approx(ATTENTION / (4 * numbers))


def test_what_a_model_computes_itself_is_in_the_last_row():
    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            return self.fc(x) @ x.t()

    rows = measure.profile(Head(), torch.randn(3, 4)).rows
    assert [(row["layer"], row["macs"]) for row in rows] == [("fc", 48), ("(outside the layers)", 36)]


def test_named_inputs_and_several():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 2), nn.Linear(3, 2)

        def forward(self, x, y, scale=1.0):
            return {"sum": self.a(x) + scale * self.b(y)}

    x, y = torch.randn(5, 4), torch.randn(5, 3)
    model = Two()
    for example in ((x, y), {"x": x, "y": y, "scale": 2.0}, (x, y, 0.5)):
        assert measure.macs(model, example) == 5 * 14
        assert measure.latency(model, example).batch == 5
        assert [row["macs"] for row in measure.profile(model, example).rows] == [40, 30, 0]
    for example, message in [
        ((x,), "example_input must fit the model, got shape"),
        ((1, 2), "example_input must hold at least one torch.Tensor"),
        ({}, "example_input must hold at least one torch.Tensor"),
        ([x, y], "example_input must be a torch.Tensor, got list"),
        ((x, torch.full((5, 3), float("nan"))), r"example_input\[1\] must be finite"),
    ]:
        with pytest.raises((TypeError, ValueError), match=message):
            measure.macs(model, example)

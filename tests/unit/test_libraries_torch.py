"""What torch does with pruned networks: rows of docs/libraries.md, each under its name."""

import copy
import io

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune
from torch.utils.flop_counter import FlopCounterMode


def hooked(amount: float = 0.9) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).eval()
    for layer in (model[0], model[2]):
        prune.l1_unstructured(layer, "weight", amount)
    return model


def random_csr(rows: int = 64, columns: int = 64, density: float = 0.1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(rows, columns, generator=generator)
    weight[torch.rand(rows, columns, generator=generator) > density] = 0
    return weight.to_sparse_csr()


def macs(model: nn.Module, *inputs: torch.Tensor) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(*inputs)
    return counter.get_total_flops() // 2


# --- torch.nn.utils.prune -----------------------------------------------------------------------------------


def test_prune_export_ships_weight_and_mask():
    program = torch.export.export(hooked(), (torch.randn(1, 64),))
    assert {"0.weight_orig", "0.weight_mask"} <= set(program.state_dict)
    assert any("mul" in str(node.target) for node in program.graph.nodes)


@pytest.mark.parametrize(
    ("optimizer", "erased"), [(torch.optim.Adam, True), (torch.optim.AdamW, False), (torch.optim.SGD, False)]
)
def test_prune_adam_decay_erases(optimizer, erased):
    model = hooked()
    layer = model[0]
    stored = layer.weight_orig.detach()[layer.weight_mask == 0].abs().max()
    step = optimizer(model.parameters(), lr=1e-3, weight_decay=1e-4)
    inputs, labels = torch.randn(32, 64), torch.randint(10, (32,))
    for _ in range(200):
        step.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        step.step()
    left = layer.weight_orig.detach()[layer.weight_mask == 0].abs().max()
    assert (left < 0.1 * stored) == erased


def test_prune_attention_hook_never_runs():
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(16, 2, batch_first=True)
    prune.l1_unstructured(attention.out_proj, "weight", 0.5)
    x = torch.randn(2, 5, 16)
    before = attention(x, x, x)[0]
    with torch.no_grad():
        attention.out_proj.weight_orig.mul_(2)
    assert torch.equal(attention(x, x, x)[0], before)


def test_prune_deepcopy_after_gradients():
    model = hooked()
    with torch.no_grad():
        model(torch.randn(1, 64))
    copy.deepcopy(model)
    model(torch.randn(1, 64))
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(model)


def test_prune_weight_is_stale_after_a_step():
    model = hooked(0.5)
    step = torch.optim.SGD(model.parameters(), lr=1.0)
    model(torch.ones(1, 64)).sum().backward()
    step.step()
    layer = model[2]
    assert not torch.equal(layer.weight, layer.weight_orig * layer.weight_mask)
    model(torch.ones(1, 64))
    assert torch.equal(layer.weight, layer.weight_orig * layer.weight_mask)


def test_prune_state_has_other_names():
    plain = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    missing, unexpected = plain.load_state_dict(hooked().state_dict(), strict=False)
    assert missing == ["0.weight", "2.weight"] and len(unexpected) == 4


def test_prune_amount_one_is_a_count():
    ones, all_of_them = nn.Linear(8, 8), nn.Linear(8, 8)
    prune.l1_unstructured(ones, "weight", 1)
    prune.l1_unstructured(all_of_them, "weight", 1.0)
    assert int((ones.weight == 0).sum()) == 1 and int((all_of_them.weight == 0).sum()) == 64


# --- sparse tensors -----------------------------------------------------------------------------------------


def test_csr_nbytes_is_dense():
    csr = random_csr()
    assert csr.nbytes == 64 * 64 * 4
    assert sum(part.nbytes for part in (csr.values(), csr.col_indices(), csr.crow_indices())) < csr.nbytes


def test_csr_indices_are_64_bits():
    csr = random_csr()
    assert csr.col_indices().dtype == torch.int64
    assert (
        torch.sparse_csr_tensor(csr.crow_indices().int(), csr.col_indices().int(), csr.values(), csr.shape)
        .col_indices()
        .element_size()
        == 4
    )


def test_csr_deepcopy_is_refused():
    with pytest.raises((RuntimeError, NotImplementedError)):
        copy.deepcopy(nn.Parameter(random_csr()))
    model = nn.Linear(64, 64)
    model.weight = nn.Parameter(random_csr())
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.optim.swa_utils.AveragedModel(model)


def test_csr_is_no_batch():
    with pytest.raises((RuntimeError, NotImplementedError)):
        next(iter(torch.utils.data.DataLoader([random_csr(), random_csr()], batch_size=2)))


def test_csr_product_is_unsorted():
    product = random_csr() @ random_csr()
    rows = np.split(product.col_indices().numpy(), product.crow_indices().numpy()[1:-1])
    assert any((np.diff(row) < 0).any() for row in rows)
    ones = torch.ones(64, 64).to_sparse_csr()
    assert (product * ones).to_dense().count_nonzero() < product.to_dense().count_nonzero()


def test_semi_structured_float32_is_1_to_2():
    from torch.sparse._semi_structured_conversions import (
        sparse_semi_structured_from_dense_cutlass as compress,
    )
    from torch.sparse._semi_structured_conversions import (
        sparse_semi_structured_to_dense_cutlass as decompress,
    )

    torch.manual_seed(0)
    weight = torch.randn(64, 16, 4)
    weight[weight.abs().argsort(2).argsort(2) < 2] = 0
    weight = weight.view(64, 64)
    half, single = (decompress(*compress(weight.to(dtype))) for dtype in (torch.float16, torch.float32))
    assert torch.equal(half, weight.half())
    assert single.count_nonzero() < weight.count_nonzero()


# --- counting and storing -----------------------------------------------------------------------------------


def test_flop_counter_lstm_is_zero():
    x = torch.randn(1, 5, 16)
    assert macs(nn.LSTM(16, 20, batch_first=True), x) == 0
    assert macs(nn.LSTM(16, 20, batch_first=True).double(), x.double()) == 5 * 4 * 20 * 36


def test_flop_counter_encoder_in_eval_mode():
    layer, x = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), torch.randn(1, 5, 16)
    assert macs(layer.train(), x) > macs(layer.eval(), x)


def test_flop_counter_csr_is_dense():
    class Product(nn.Module):
        def __init__(self, weight):
            super().__init__()
            self.weight = weight

        def forward(self, x):
            return self.weight @ x

    assert macs(Product(random_csr()), torch.randn(64, 1)) == 64 * 64


def test_export_stores_the_whole_storage_of_a_view():
    model, images = nn.Flatten(), torch.randn(1000, 28, 28)

    def stored(example):
        buffer = io.BytesIO()
        torch.export.save(torch.export.export(model, (example,)), buffer)
        return len(buffer.getvalue())

    assert stored(images[:1]) > images.nbytes > 100 * 28 * 28 * 4 > stored(images[:1].clone())

"""The race on a GPU: its code on a CPU, where most ways are refused and the others must be right."""

import pytest
import torch

from experiments import gpu_sparsity
from prunelab.semi_structured import is_nm

SMALL = {"rows": 64, "columns": 128, "batch": 8, "device": "cpu", "rounds": 2}


@pytest.mark.parametrize("dtype", gpu_sparsity.DTYPES)
def test_every_way_is_timed_and_right_or_refused_with_a_reason(dtype):
    rows = gpu_sparsity.race(dtype, **SMALL)
    assert [row["way"] for row in rows[:2]] == ["2:4, cutlass", "2:4, cusparselt"]
    assert all(row["refused"] for row in rows[:2]), "no CPU has sparse tensor cores"
    for row in rows:
        assert row["device"] == "CPU" and ("refused" in row) != ("us" in row)
        if "us" in row:
            assert row["us"] > 0 and row["dense_us"] > 0 and row["error"] < 0.01


def test_a_wrong_product_is_seen(monkeypatch):
    def wrong(weight, x, backend):
        return lambda: 1.1 * (weight @ x)

    monkeypatch.setattr(gpu_sparsity, "semi_structured", wrong)
    assert all(row["error"] > 0.05 for row in gpu_sparsity.race("bfloat16", **SMALL))


def test_the_zeros_are_those_that_the_way_needs():
    weight = gpu_sparsity.numbers((128, 256), "float16", 0)
    assert is_nm(gpu_sparsity.two_of_four(weight), 2, 4)
    assert 0.9 < (gpu_sparsity.single(weight) == 0).float().mean() < 0.99
    tiles = gpu_sparsity.blocks(weight).unfold(0, 64, 64).unfold(1, 64, 64).flatten(2)
    assert ((tiles == 0).all(2) | (tiles != 0).float().mean(2).gt(0.9)).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8"])
def test_the_dense_product_of_each_type(dtype):
    weight, x = gpu_sparsity.numbers((32, 64), dtype, 0), gpu_sparsity.numbers((64, 32), dtype, 1)
    expected = weight.float() @ x.float()
    assert torch.allclose(gpu_sparsity.product(weight, x)().float(), expected, rtol=0.02, atol=0.2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_device():
    rows = gpu_sparsity.race("float16", 64, 128, 64, "cuda", 2)
    assert any("us" in row and row["error"] < 0.01 for row in rows[:2])

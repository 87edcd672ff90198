"""ONNX files compute what the network computes, keep its zeros as they are, and are refused where they are
none.
"""

import copy

import pytest
import torch
from torch import nn

from prunelab import deploy
from prunelab.masks import apply_masks, keep_top

INPUTS = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def exported():
    torch.manual_seed(0)
    dense = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Dropout(), nn.Linear(256, 10)).train()
    masked = copy.deepcopy(dense)
    apply_masks(masked, {"0.weight": keep_top(masked[0].weight.detach().abs(), 0.9)})
    return dense, masked, deploy.export_onnx(dense, INPUTS), deploy.export_onnx(masked, INPUTS)


def test_same_outputs_and_zeros_take_their_bytes(exported):
    dense, masked, onnx, with_zeros = exported
    assert dense.training and dense[2].training, "the mode is given back"
    for model, raw in ((dense, onnx), (masked, with_zeros)):
        with torch.inference_mode():
            torch.testing.assert_close(
                deploy.run_onnx(raw, INPUTS), copy.deepcopy(model).eval()(INPUTS), atol=1e-5, rtol=1e-5
            )
    assert len(onnx) == len(with_zeros) > 4 * sum(p.numel() for p in dense.parameters())
    assert deploy.onnx_seconds(onnx, INPUTS) > 0


def test_no_word_of_the_machine_it_was_made_on(exported):
    for raw in exported[2:]:
        assert b".py" not in raw and b"site-packages" not in raw
        assert len(raw) < 4 * sum(p.numel() for p in exported[0].parameters()) + 1000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: deploy.export_onnx("m", INPUTS), "model must be a torch.nn.Module"),
        (lambda: deploy.export_onnx(nn.Linear(3, 3), INPUTS), "model must be one that torch.onnx can export"),
        (lambda: deploy.run_onnx("m", INPUTS), "onnx must be the bytes of an ONNX file"),
        (lambda: deploy.run_onnx(b"nothing", INPUTS), "onnx must be the bytes of an ONNX file"),
        (lambda: deploy.onnx_seconds(b"nothing", [1]), "inputs must be a torch.Tensor"),
    ],
)
def test_refusals(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()

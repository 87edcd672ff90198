"""ONNX files compute what the network computes, keep its zeros as they are, and are refused where they are
none.
"""

import copy
import io
import logging
import sys
import warnings

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from prunelab import deploy, runtimes
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


# --- any batch, several inputs and outputs ---------------------------------------------------------
class Two(nn.Module):
    """Two inputs, three outputs in two forms, and an argument that is no tensor."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 4), nn.Linear(3, 4)

    def forward(self, x, y, scale=1.0):
        mixed = self.a(x).relu() + scale * self.b(y)
        return {"sum": mixed, "parts": (x[:, :2], mixed.mean(1))}


@pytest.fixture(scope="module")
def two():
    torch.manual_seed(0)
    return Two().eval(), torch.randn(3, 6), torch.randn(3, 3)


@pytest.mark.parametrize("example", ["tuple", "dict"])
def test_several_inputs_and_outputs_with_any_batch(two, example):
    model, x, y = two
    form = (lambda x, y: (x, y)) if example == "tuple" else (lambda x, y: {"x": x, "y": y, "scale": 2.0})
    raw = deploy.export_onnx(model, form(x[:1], y[:1]), any_batch=True)
    for n in (1, 2, 3):
        given = form(x[:n], y[:n])
        answer = model(*given) if example == "tuple" else model(**given)
        expected = (answer["sum"], *answer["parts"])
        found = deploy.run_onnx(raw, given)
        assert len(found) == 3
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="inputs must be 2 tensors, x, y, got 1"):
        deploy.run_onnx(raw, (x,))
    with pytest.raises(ValueError, match="inputs must fit the network"):
        deploy.run_onnx(raw, form(x, y[:, :2]))


def test_a_fixed_batch_is_fixed(exported):
    with pytest.raises(ValueError, match="inputs must fit the network"):
        deploy.run_onnx(exported[2], INPUTS[:1])


# --- torch.export ----------------------------------------------------------------------------------
def test_a_programme_holds_no_more_than_its_weights():
    torch.manual_seed(0)
    pool, whole = torch.randn(10_000, 64), nn.Linear(64, 512)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).eval()
    model[0].weight = nn.Parameter(whole.weight.detach()[:32])  # a slice of a larger weight
    batch = pool[:2]
    raw = deploy.export_program(model, batch, any_batch=True)
    stored = 4 * sum(p.numel() for p in model.parameters())
    naive = io.BytesIO()
    torch.export.save(torch.export.export(model, (batch,)), naive)
    assert len(naive.getvalue()) > 4 * (pool.numel() + whole.weight.numel()), "the trap that this is for"
    assert stored < len(raw) < stored + 20_000
    programme = deploy.load_program(raw)
    for n in (1, 2, 5):
        torch.testing.assert_close(programme(pool[:n]), model(pool[:n]))
    assert model[0].weight.untyped_storage().nbytes() == 4 * 512 * 64, "the model stays as it is"


# --- masks that are still at work ------------------------------------------------------------------
def test_a_mask_that_goes_into_the_file_is_named(two):
    model, x, y = copy.deepcopy(two[0]), *two[1:]
    prune.l1_unstructured(model.a, "weight", 0.5)
    for export in (deploy.export_onnx, deploy.export_program):
        with pytest.warns(UserWarning, match=r"dense values and a mask of a\.weight.*prune\.remove"):
            masked = export(model, (x, y))
    prune.remove(model.a, "weight")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clean = deploy.export_program(model, (x, y))
    assert len(clean) < len(masked)


# --- int8, and side by side ------------------------------------------------------------------------
@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 100, 64),
        nn.Linear(64, 4),
    ).eval()
    images = torch.rand(32, 1, 12, 12)
    with torch.no_grad():
        model[4].weight[torch.rand(64, 800) < 0.9] = 0
    return model, images


def test_int8_runs_and_is_near(small):
    model, images = small
    plain = deploy.export_onnx(model, images, any_batch=True)
    raw = deploy.quantize_onnx(plain, images)
    assert len(raw) < 0.45 * len(plain)
    found, expected = deploy.run_onnx(raw, images[:5]), model(images[:5])
    assert (found - expected).abs().max() < 0.1 * expected.std() + 0.02 and not torch.equal(found, expected)
    stored = [onnx.numpy_helper.to_array(one) for one in onnx.load_from_string(raw).graph.initializer]
    weight = next(array for array in stored if array.size == 64 * 800)
    assert weight.dtype == np.int8 and (weight == 0).mean() > 0.89, "a zero stays a zero"


def test_what_is_left_in_float32_is_no_warning(caplog):
    # ONNX Runtime logs one for a BatchNorm behind a ReLU, which it cannot fold into the layer before it
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 3))
    images = torch.rand(4, 1, 8, 8)
    deploy.quantize_onnx(deploy.export_onnx(model.eval(), images, any_batch=True), images)

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]

    assert not said() and logging.root.manager.disable == 0
    logging.getLogger().warning("heard again")
    assert said() == ["heard again"]


def test_side_by_side(small, monkeypatch):
    model, images = copy.deepcopy(small[0]).train(), small[1]  # others share it
    monkeypatch.setitem(sys.modules, "openvino", None)  # as if it were not installed
    ways = ("torch", "ONNX Runtime", "ONNX Runtime, int8", "OpenVINO")
    result = runtimes.compare_runtimes(model, images[:4], images, ways)
    assert [row["way"] for row in result.rows] == list(ways[:3]) and list(result.absent) == ["OpenVINO"]
    assert (
        "OpenVINO does not run here: ModuleNotFoundError" in str(result) and "because" in result._repr_html_()
    )
    differences = [row["difference"] for row in result.rows]
    assert differences[0] == 0 and differences[1] < 1e-5 < differences[2] < 0.3
    assert all(0 < row["speedup_low"] <= row["speedup"] <= row["speedup_high"] for row in result.rows)
    assert result.rows[0]["speedup"] == 1 and result.rows[2]["bytes"] < 0.5 * result.rows[1]["bytes"]
    assert model.training and torch.is_grad_enabled()


def test_openvino_gives_the_same(small):
    pytest.importorskip("openvino", reason="pip install openvino: an option")
    result = runtimes.compare_runtimes(small[0], small[1][:4], None, ("torch", "OpenVINO"))
    assert not result.absent and result.rows[1]["difference"] < 1e-4


def test_a_way_that_does_not_compile_is_named(small, monkeypatch):
    def broken(model):
        raise RuntimeError("no C++ compiler\nand more")

    monkeypatch.setattr(torch, "compile", broken)
    result = runtimes.compare_runtimes(small[0], small[1][:4], None, ("torch", "torch.compile"))
    assert result.absent == {"torch.compile": "RuntimeError: no C++ compiler"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: deploy.load_program(b"nothing"), "programme must be the bytes of a torch.export programme"),
        (lambda: deploy.load_program("m"), "programme must be the bytes of a torch.export programme"),
        (lambda: deploy.export_program(nn.Linear(3, 3), INPUTS), "model must be one that torch.export can"),
        (
            lambda: deploy.export_onnx(nn.Linear(64, 3), INPUTS, any_batch=1),
            "any_batch must be True or False",
        ),
        (lambda: deploy.quantize_onnx(b"nothing", INPUTS), "onnx must be the bytes of an ONNX file"),
        (lambda: deploy.quantize_onnx(b"nothing", [1]), "calibration must be a torch.Tensor"),
        (lambda: runtimes.compare_runtimes(nn.Linear(64, 3), INPUTS, ways=("ONNX",)), "ways must be some of"),
        (
            lambda: runtimes.compare_runtimes(nn.Linear(64, 3), INPUTS, ways=("torch", "x")),
            "a way must be one",
        ),
    ],
)
def test_more_refusals(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()

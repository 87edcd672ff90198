"""What collections of networks, counters and the tools of the notebooks do: rows of docs/libraries.md, each
under its name."""

import base64
import subprocess
import sys

import fvcore.nn
import nbformat
import pytest
import timm
import torch
import torch_pruning
import torchvision
from nbgrader.utils import determine_grade
from torch import nn
from torch.nn import functional
from torch.nn.utils import prune
from torch.utils.flop_counter import FlopCounterMode

from prunelab import measure


def cut_by_half(model: nn.Module, ignored: list[nn.Module]) -> nn.Module:
    """Remove half of the channels with Torch-Pruning, in place."""
    torch_pruning.pruner.MagnitudePruner(
        model.eval(),
        torch.randn(1, 3, 64, 64),
        torch_pruning.importance.MagnitudeImportance(),
        pruning_ratio=0.5,
        ignored_layers=ignored,
    ).step()
    return model


# --- collections of networks --------------------------------------------------------------------------------


def test_torchvision_flops_are_macs():
    model, image = torchvision.models.resnet18().eval(), torch.randn(1, 3, 224, 224)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(image)
    stated = torchvision.models.ResNet18_Weights.DEFAULT.meta["_ops"]
    assert stated == pytest.approx(counter.get_total_flops() / 2e9, rel=1e-3)
    assert stated == pytest.approx(measure.macs(model, image) / 1e9, rel=1e-3)


def test_torchvision_extractor_shares_the_hooked_layers():
    model = torchvision.models.resnet18().eval()
    prune.l1_unstructured(model.conv1, "weight", 0.5)
    extractor = torchvision.models.feature_extraction.create_feature_extractor(model, ["relu"])
    before = extractor(torch.ones(1, 3, 32, 32))["relu"]
    prune.l1_unstructured(model.conv1, "weight", 0.9)
    assert extractor.conv1 is model.conv1
    assert not torch.equal(extractor(torch.ones(1, 3, 32, 32))["relu"], before)


def test_timm_reset_classifier_uses_the_old_width():
    model = timm.create_model("resnet18")
    cut_by_half(model, [model.fc])
    assert model.fc.in_features == 256 and model.num_features == 512
    model.reset_classifier(7)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        model(torch.randn(1, 3, 64, 64))


def test_timm_feature_info_keeps_the_old_widths():
    model = cut_by_half(timm.create_model("resnet18", features_only=True), [])
    given = [features.shape[1] for features in model(torch.randn(1, 3, 64, 64))]
    assert model.feature_info.channels() == [2 * width for width in given]


# --- Torch-Pruning on them ----------------------------------------------------------------------------------


def test_torch_pruning_takes_a_classifier_of_convolutions():
    model = timm.create_model("dla34")
    cut_by_half(model, [layer for layer in model.modules() if isinstance(layer, nn.Linear)])
    assert isinstance(model.fc, nn.Conv2d) and model(torch.randn(1, 3, 64, 64)).shape == (1, 500)


def test_torch_pruning_takes_the_same_places_of_every_group():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.Conv2d(8, 4, 3))
    sizes = torch.tensor([9.0, 8, 7, 6, 1, 2, 3, 4])
    with torch.no_grad():
        model[0].weight.copy_(sizes.view(8, 1, 1, 1).expand(8, 3, 3, 3))
    cut_by_half(model, [model[2]])
    assert model[0].weight[:, 0, 0, 0].tolist() == [9, 8, 1, 2]


# --- torch.compile, fvcore ----------------------------------------------------------------------------------


def test_compile_renames_every_parameter():
    model = nn.Sequential(nn.Linear(4, 4))
    compiled = torch.compile(model, backend="eager")
    assert list(compiled.state_dict()) == ["_orig_mod.0.weight", "_orig_mod.0.bias"]
    with pytest.raises(RuntimeError, match="Missing key"):
        nn.Sequential(nn.Linear(4, 4)).load_state_dict(compiled.state_dict())


def test_compile_multiplies_the_mask_in_every_call():
    torch.compiler.reset()  # what other tests compiled counts towards its limit
    layer, graphs = nn.Linear(4, 4), []
    prune.l1_unstructured(layer, "weight", 0.5)

    def keep(graph, _):
        graphs.append(graph)
        return graph

    with torch.no_grad():
        torch.compile(layer.eval(), backend=keep)(torch.ones(1, 4))
    assert any("mul" in str(node.target) for node in graphs[0].graph.nodes)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.read = nn.Linear(16, 16)

    def forward(self, x):
        read = self.read(x)
        return functional.scaled_dot_product_attention(read, read, read)


def test_fvcore_leaves_attention_out():
    model, x = Attention(), torch.randn(1, 5, 16)
    products = 5 * 16 * 16, 2 * 5 * 5 * 16
    counted = fvcore.nn.FlopCountAnalysis(model, x).unsupported_ops_warnings(False)
    assert counted.total() == products[0]
    assert list(counted.unsupported_ops()) == ["aten::scaled_dot_product_attention"]
    assert measure.macs(model, x) == sum(products)


# --- the tools of the notebooks -----------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["None", "True", "nan", "-1.0", "'0.8'"])
def test_nbgrader_gives_all_points_for_a_value(value):
    cell = nbformat.v4.new_code_cell("check(answer)", outputs=[nbformat.v4.new_output("execute_result")])
    cell.outputs[0].data = {"text/plain": value}
    cell.metadata.nbgrader = {"grade": True, "solution": False, "points": 4, "grade_id": "one"}
    assert determine_grade(cell) == (4, 4)
    cell.outputs[0].data = {"text/plain": "1.5"}
    assert determine_grade(cell) == (1.5, 4)


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
DRAWN = f"import base64\nfrom IPython.display import Image\nImage(base64.b64decode('{PIXEL}'))"


def test_nbval_compares_no_figure(tmp_path):
    data = {"text/plain": "<IPython.core.display.Image object>", "image/png": "b3RoZXI="}
    assert base64.b64decode(data["image/png"]) == b"other"
    figure = nbformat.v4.new_output("execute_result", data, execution_count=1)
    cell = nbformat.v4.new_code_cell(DRAWN, outputs=[figure], execution_count=1)
    text = nbformat.v4.new_code_cell("print(1)", outputs=[nbformat.v4.new_output("stream", text="2\n")])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell, text]), tmp_path / "drawn.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", "-p", "no:cacheprovider", "drawn.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    # another figure passes, another number does not
    assert "1 failed, 1 passed" in done.stdout, done.stdout

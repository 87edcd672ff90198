"""The page about a pruned network: each explanation with a network that shows it, and one where it must not
appear.
"""

import base64
import copy
import re

import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import nn
from torch.nn.utils import prune

from prunelab import measure, plot
from prunelab.criteria import filter_l1, magnitude
from prunelab.masks import apply_masks, mask_model
from prunelab.models import MODELS
from prunelab.surgery import remove_filters

IMAGES = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def dense():
    torch.manual_seed(0)
    return MODELS["lenet5_caffe"]().eval()


def masked(model, scores, sparsity):
    pruned = copy.deepcopy(model)
    apply_masks(pruned, mask_model(scores(model), sparsity))
    return pruned


def kinds(sentences):
    return [sentence.split(":")[0] for sentence in sentences]


# --- why it is not smaller -------------------------------------------------------------------------
def test_zeros_stored_densely(dense):
    pruned = masked(dense, magnitude, 0.9)
    (reason,) = measure.not_smaller(dense, pruned)
    assert reason.startswith("Zeros stored densely: 387,450 of 430,500 weights are zero")
    assert f"{4 * 43_050 + 430_500 / 8:,.0f} bytes" in reason


def test_removed_filters_need_no_excuse(dense):
    assert (
        measure.not_smaller(dense, remove_filters(dense, mask_model(filter_l1(dense), {"fc1.weight": 0.5})))
        == []
    )


def test_a_hook_of_prune_that_was_half_removed(dense):
    whole = copy.deepcopy(dense)
    prune.l1_unstructured(whole.fc1, "weight", 0.5)
    assert kinds(measure.not_smaller(dense, whole)) == ["Masks left behind", "Zeros stored densely"]
    whole.fc1._forward_pre_hooks.clear()
    assert "Hook gone" in kinds(found := measure.not_smaller(dense, whole))
    assert "nothing makes fc1.weight of fc1.weight_orig any more" in " ".join(found)
    del whole.fc1._buffers["weight_mask"]
    assert kinds(measure.not_smaller(dense, whole)) == ["Hook gone", "Nothing was removed"]
    spectral = nn.Sequential(nn.utils.spectral_norm(nn.Linear(4, 3)))  # its hook is there, under another name
    assert kinds(measure.not_smaller(spectral, spectral)) == ["Nothing was removed"]


def test_a_quality_between_0_and_1_has_its_decimals(dense):
    answers = {id(dense): 0.912, id(pruned := copy.deepcopy(dense)): 0.9085}
    page = measure.report(dense, pruned, IMAGES, lambda model: answers[id(model)])
    assert page.summary().endswith("; quality ~-0.0035.")


def test_nothing_removed(dense):
    assert kinds(measure.not_smaller(dense, copy.deepcopy(dense))) == ["Nothing was removed"]
    less = remove_filters(dense, mask_model(filter_l1(dense), {"fc1.weight": 0.02}))
    (reason,) = measure.not_smaller(dense, less)
    assert reason.startswith(f"Little was removed: {measure.parameters(less):,} parameters against 431,080")
    assert kinds(measure.not_faster(dense, copy.deepcopy(dense), IMAGES, 0.97, 1.03)) == ["The same work"]


def test_masks_left_behind(dense):
    pruned = copy.deepcopy(dense)
    prune.l1_unstructured(pruned.fc1, "weight", 0.9)
    prune.l1_unstructured(pruned.conv2, "weight", 0.9)
    assert measure.left_behind(pruned) == ["conv2.weight", "fc1.weight"] and measure.left_behind(dense) == []
    assert kinds(measure.not_smaller(dense, pruned)) == ["Masks left behind", "Zeros stored densely"]
    assert kinds(measure.not_faster(dense, pruned, IMAGES, 0.9, 1.0)) == [
        "Masks at work",
        "Unstructured mask",
    ]
    for layer in (pruned.fc1, pruned.conv2):
        prune.remove(layer, "weight")
    assert kinds(measure.not_smaller(dense, pruned)) == ["Zeros stored densely"]


# --- why it is not faster --------------------------------------------------------------------------
def test_unstructured_mask(dense):
    (reason,) = measure.not_faster(dense, masked(dense, magnitude, 0.9), IMAGES, 0.97, 1.05)
    assert reason.startswith("Unstructured mask: 387,450 of 430,500")


def test_empty_filters_that_are_still_there(dense):
    (reason,) = measure.not_faster(
        dense, masked(dense, filter_l1, {"conv2.weight": 0.5, "fc1.weight": 0.5}), IMAGES, 0.97, 1.05
    )
    assert reason.startswith("Zeros computed densely") and "25 of conv2.weight, 250 of fc1.weight" in reason


def test_memory_bound_layer():
    torch.manual_seed(0)
    dense = nn.Sequential(nn.Linear(16, 4096), nn.Linear(4096, 4096)).eval()
    pruned = nn.Sequential(
        nn.Linear(16, 2048), nn.Linear(2048, 4096)
    ).eval()  # 32 MB: layer 0 is nothing beside it
    found = measure.not_faster(dense, pruned, torch.randn(1, 16), 0.95, 1.05)
    assert kinds(found) == ["Memory-bound layer"] and "1 does 0.2 multiply-accumulates" in found[0]
    batch = torch.randn(512, 16)
    assert "Memory-bound layer" not in kinds(measure.not_faster(dense, pruned, batch, 0.95, 1.05)), (
        "a batch shares the weights"
    )


def test_odd_channel_count():
    torch.manual_seed(0)

    def network(width):
        return nn.Sequential(nn.Conv2d(16, width, 3), nn.Conv2d(width, 16, 3)).eval()

    images = torch.randn(4, 16, 20, 20)
    found = measure.not_faster(network(32), network(17), images, 0.95, 1.05)
    assert kinds(found) == ["Odd channel count"] and "0.weight 17" in found[0]
    assert "Odd channel count" not in kinds(measure.not_faster(network(32), network(16), images, 0.95, 1.05))
    assert kinds(measure.not_faster(network(32), network(16), images, 0.95, 1.05)) == ["Too little work"]


def test_layers_without_macs():
    dense = nn.Sequential(
        nn.Conv2d(1, 16, 1), nn.Tanh(), nn.Softmax(1), nn.MaxPool2d(2), nn.Conv2d(16, 2, 1)
    ).eval()
    pruned = nn.Sequential(
        nn.Conv2d(1, 8, 1), nn.Tanh(), nn.Softmax(1), nn.MaxPool2d(2), nn.Conv2d(8, 2, 1)
    ).eval()
    assert "Layers without MACs" in kinds(
        measure.not_faster(dense, pruned, torch.randn(8, 1, 64, 64), 1.0, 1.05)
    )


def test_as_fast_as_promised_needs_no_excuse(dense):
    pruned = remove_filters(dense, mask_model(filter_l1(dense), {"conv2.weight": 0.5, "fc1.weight": 0.5}))
    saving = measure.macs(dense, IMAGES) / measure.macs(pruned, IMAGES)
    assert measure.not_faster(dense, pruned, IMAGES, 0.9 * saving, saving) == []
    assert measure.not_faster(dense, pruned, IMAGES, 0.9, 1.0) != []


# --- where the costs are ---------------------------------------------------------------------------
def test_profile_adds_up(dense):
    rows = {row["layer"]: row for row in measure.profile(dense, IMAGES).rows}
    assert sum(row["macs"] for row in rows.values()) == measure.macs(dense, IMAGES)
    assert sum(row["weights"] for row in rows.values()) == 430_500
    assert list(rows)[:3] == ["conv1", "relu1", "pool1"] and list(rows)[-1] == "(outside the layers)"
    assert all(row["seconds"] >= 0 for row in rows.values())
    fc1 = rows["fc1"]
    assert fc1["macs_per_byte"] == pytest.approx(2 * 400_000 / (4 * (2 * 800 + 400_000 + 2 * 500)))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in dense.modules())


def test_profile_counts_every_call():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            return self.fc(self.fc(x))

    rows = measure.profile(Twice(), torch.randn(3, 8)).rows
    assert rows[0]["macs"] == 2 * 3 * 64 and rows[0]["weights"] == 64


# --- the page --------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def page():
    torch.manual_seed(0)
    dense = MODELS["lenet5"]().eval()
    return measure.report(dense, masked(dense, magnitude, 0.9), IMAGES, evaluate=lambda model: 97.5)


def test_the_page_says_what_did_not_move(page):
    assert not page.moved["bytes on disk"] and not page.moved["MACs"] and page.moved["nonzero parameters"]
    assert "Zeros stored densely" in kinds(page.reasons)
    assert {layer["name"]: layer["density"] for layer in page.layers}["fc1.weight"] == pytest.approx(0.1)
    text = str(page)
    assert "did not move" in text and "1.00 x fewer bytes" in text and "quality ~+0.00 points" in text
    assert "<script" not in page._repr_html_()


@pytest.mark.parametrize("ending", ["html", "md"])
def test_saved_pages_need_no_other_file(page, ending, tmp_path):
    path = page.save(tmp_path / f"page.{ending}", plot.report(page))
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://|src=\"(?!data:)|]\((?!data:)", text)
    picture = re.search(r"data:image/png;base64,([A-Za-z0-9+/=]+)", text)[1]
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    for part in ("fc1.weight", "44,426", "Zeros stored densely", "did not move"):
        assert part in text


def test_the_figure_shows_the_page(page):
    figure = plot.report(page)
    left, layers, quality = figure.axes
    assert [patch.get_width() for patch in left.patches][:3] == pytest.approx(
        [100, 100 * page.rows[1]["nonzeros"] / 44_426, 100]
    )
    assert left.patches[0].get_facecolor() != left.patches[1].get_facecolor(), "what did not move is grey"
    assert [patch.get_width() for patch in layers.patches] == pytest.approx(
        [100 * layer["density"] for layer in page.layers]
    )
    assert len(quality.containers) == 2
    plt.close("all")


def test_a_layer_that_is_gone():
    dense = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    page = measure.report(dense, nn.Sequential(nn.Linear(4, 2)), torch.randn(2, 4))
    assert [layer["pruned"] for layer in page.layers] == [(2, 4), None] and "gone" in str(page)
    assert len(plot.report(page).axes) == 2
    plt.close("all")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, p: measure.report("m", m, IMAGES), "dense must be a torch.nn.Module"),
        (lambda m, p: measure.report(m, None, IMAGES), "pruned must be a torch.nn.Module"),
        (lambda m, p: measure.report(m, m, [1]), "example_input must be a torch.Tensor"),
        (lambda m, p: measure.report(m, m, IMAGES, evaluate=3), "evaluate must be a function"),
        (
            lambda m, p: measure.report(m, m, IMAGES, evaluate=lambda model: "good"),
            r"evaluate\(model\) must return a finite number",
        ),
        (
            lambda m, p: measure.report(m, m, IMAGES, evaluate=lambda model: float("nan")),
            "must return a finite number, got nan",
        ),
        (lambda m, p: p.save("page.pdf", Figure()), "the ending of path must be one of '.html', '.md'"),
        (lambda m, p: p.save(3, Figure()), "path must be a str or a Path"),
        (lambda m, p: p.save("page.md", "page.png"), "figure must be a matplotlib figure"),
        (lambda m, p: measure.not_faster(m, m, IMAGES, 2, 1), "high must be at least low"),
        (lambda m, p: measure.not_faster(m, m, IMAGES, 0, 1), "low must be positive"),
        (lambda m, p: measure.profile(m, None), "example_input must be a torch.Tensor"),
        (lambda m, p: measure.left_behind(3), "model must be a torch.nn.Module"),
    ],
)
def test_refusals(dense, page, call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(dense, page)

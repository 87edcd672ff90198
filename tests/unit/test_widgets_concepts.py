"""The explorers of chapters 00 and 01: what it shows is what the package computes."""

import base64
import copy
import io
import re

import pytest
import torch
from nbformat.v4 import new_output
from PIL import Image
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import widgets
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import load_pretrained
from prunelab.training import accuracy
from scripts.notebooks import EXPLORER, WIDGET, freeze


@pytest.fixture(scope="module")
def network():
    return load_pretrained("lenet300", 0)


@pytest.fixture(scope="module")
def images(mnist):
    return TensorDataset(*mnist.valid[:500])


def shown(box) -> dict[str, float]:
    text = box.text.value
    return {
        "threshold": float(re.search(r"threshold ([\d.]+)", text)[1]),
        "pruned": float(re.search(r"network: ([\d.]+) %", text)[1]),
        "accuracy": float(re.search(r"accuracy ([\d.]+) %", text)[1]),
    }


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_the_slider_moves_threshold_picture_and_accuracy(network, images, scope):
    before = copy.deepcopy(network.state_dict())
    box = widgets.prune_by_size(network, images)
    box.controls["scope"].value = scope
    seen = []
    for sparsity in (0.3, 0.95):
        box.controls["sparsity_asked"].value = sparsity
        small = copy.deepcopy(network)
        masks = mask_model(
            {name: weight.detach().abs() for name, weight in prunable(network).items()}, sparsity, scope
        )
        apply_masks(small, masks)
        numbers = shown(box)
        assert numbers["accuracy"] == pytest.approx(accuracy(small, images), abs=0.006)
        assert numbers["pruned"] == pytest.approx(100 * sparsity, abs=0.06)
        gone = network.fc1.weight.detach()[~masks["fc1.weight"]].abs()
        assert numbers["threshold"] == pytest.approx(gone.max().item(), abs=6e-4)
        seen.append((bytes(box.picture.value), numbers))
    assert seen[0][0][:8] == b"\x89PNG\r\n\x1a\n" and seen[0][0] != seen[1][0]
    assert seen[0][1]["threshold"] < seen[1][1]["threshold"]
    assert seen[0][1]["accuracy"] > seen[1][1]["accuracy"]
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items()), (
        "the network was changed"
    )


def test_the_layer_shown_is_the_one_chosen(network, images):
    box = widgets.prune_by_size(network, images)
    assert "fc1.weight: threshold" in box.text.value  # the largest layer at the start
    box.controls["layer"].value = "fc3.weight"
    assert "fc3.weight: threshold" in box.text.value


def test_nothing_pruned_has_no_threshold_and_the_accuracy_of_the_network(network, images):
    box = widgets.prune_by_size(network, images)
    box.controls["sparsity_asked"].value = 0.0
    assert "no threshold" in box.text.value
    assert f"accuracy {accuracy(network, images):.2f} %" in box.text.value


def test_a_model_without_weights_and_a_dataset_that_is_none_are_refused(network, images):
    with pytest.raises(ValueError, match="a layer with a weight"):
        widgets.prune_by_size(nn.Sequential(nn.Flatten()), images)
    with pytest.raises(TypeError, match="dataset must be a TensorDataset"):
        widgets.prune_by_size(network, [1, 2])


def test_the_filmstrip_says_what_the_pruned_network_reads(images):
    lenet5 = load_pretrained("lenet5", 0)
    box = widgets.filmstrip(lenet5, images)
    scores = {name: weight.detach().abs() for name, weight in prunable(lenet5).items()}
    pictures = set()
    for sparsity, scope, image in ((0.0, "layer", 3), (0.95, "layer", 3), (0.95, "global", 7)):
        for name, value in (("sparsity_asked", sparsity), ("scope", scope), ("image", image)):
            box.controls[name].value = value
        small = copy.deepcopy(lenet5)
        apply_masks(small, mask_model(scores, sparsity, scope))
        answer = small(images.tensors[0])[image].detach().softmax(0)
        assert (
            f"it reads a {int(answer.argmax())}, with probability {float(answer.max()):.2f}" in box.text.value
        )
        assert f"the label is {int(images.tensors[1][image])}." in box.text.value
        assert f"Accuracy on 500 images: {accuracy(small, images):.2f} %" in box.text.value
        pictures.add(bytes(box.picture.value))
    assert len(pictures) == 3


def test_the_filmstrip_says_that_it_wants_convolutions(network, images):
    assert "Conv2d" in widgets.filmstrip(network, images).text.value


def test_the_output_holds_the_picture_and_the_line_for_readers_without_a_kernel(network, images):
    box = widgets.prune_by_size(network, images)
    bundle = box._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == box.picture.value
    assert "threshold" in bundle["text/plain"] and "<" not in bundle["text/plain"]
    assert WIDGET in bundle, "with a kernel it moves"
    output = new_output("display_data", data=bundle)
    freeze(output)
    assert set(output.data) == {"image/png", "text/plain"} and output.metadata == {EXPLORER: True}
    picture, stored = (
        Image.open(io.BytesIO(p)) for p in (box.picture.value, base64.b64decode(output.data["image/png"]))
    )
    assert picture.size == stored.size

    plain = new_output("display_data", data={"image/png": "figure"})
    freeze(plain)
    assert plain.data == {"image/png": "figure"} and not plain.metadata

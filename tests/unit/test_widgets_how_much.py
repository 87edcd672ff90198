"""The explorer of chapter 04 reports what the functions behind it give, and follows its sliders."""

import re

import pytest
import torch
from torch.utils.data import TensorDataset

from prunelab.masks import apply_masks, mask_model
from prunelab.measure import parameters
from prunelab.models import LeNet5
from prunelab.schedules import sensitivity_scan
from prunelab.training import accuracy
from prunelab.widgets.how_much import ratio_explorer

HIDDEN = ("conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight")


@pytest.fixture(scope="module")
def parts():
    torch.manual_seed(0)
    model = LeNet5().eval()
    with torch.no_grad():
        for name in (*HIDDEN, "fc3.weight"):
            model.get_parameter(name).mul_(3)  # so that the images, not the biases, decide
    images = torch.randn(60, 1, 28, 28)
    dataset = TensorDataset(images, model(images).argmax(1))  # 100 % at first, less with every filter gone
    scores = {n: model.get_parameter(n).detach().abs().flatten(1).sum(1) for n in HIDDEN}
    scores = {n: s.view(-1, *[1] * (model.get_parameter(n).ndim - 1)) for n, s in scores.items()}
    return model, dataset, scores, sensitivity_scan(model, dataset, [0.25, 0.5, 0.9], scores)


def test_follows_its_sliders(parts):
    model, dataset, scores, curves = parts
    before = {n: v.clone() for n, v in model.state_dict().items()}
    box = ratio_explorer(model, dataset, scores, curves)
    assert list(box.controls) == list(HIDDEN) and bytes(box.picture.value).startswith(b"\x89PNG")
    for name in HIDDEN:
        box.controls[name].value = 0.0
    assert f"really 44,426 of {parameters(model):,} = 100.0 %" in box.text.value
    assert f"measured ~{curves['conv1.weight'][0.0]:.2f} %" in box.text.value
    first = bytes(box.picture.value)
    box.controls["conv2.weight"].value = 0.5
    assert bytes(box.picture.value) != first
    assert (
        f"predicted ~{curves['conv2.weight'][0.5]:.2f} %, measured ~{curves['conv2.weight'][0.5]:.2f} %"
        in box.text.value
    )
    # 8 of 16 filters: 8 * (150 + 1) fewer in conv2, 8 * 16 * 120 fewer in fc1
    assert f"really {44426 - 8 * 151 - 128 * 120:,} of" in box.text.value
    assert curves["conv2.weight"][0.5] < 100
    box.controls["fc1.weight"].value = 0.9
    pruned = LeNet5().eval()
    pruned.load_state_dict(before)
    apply_masks(pruned, mask_model(scores, {"conv2.weight": 0.5, "fc1.weight": 0.9}))
    assert float(re.search(r"measured ~([\d.]+)", box.text.value)[1]) == pytest.approx(
        accuracy(pruned, dataset), abs=0.01
    )
    assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())


def test_refuses_layers_without_a_curve(parts):
    model, dataset, scores, curves = parts
    with pytest.raises(ValueError, match="a name in scores"):
        ratio_explorer(model, dataset, scores, {"conv1.weight": curves["conv1.weight"]})

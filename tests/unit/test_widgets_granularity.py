"""The explorer of chapter 02: a control changes the picture, and the numbers are the package's."""

import copy
import re

import pytest
import torch
from torch.utils.data import TensorDataset

from prunelab.granularity import GRANULARITIES, group_scores
from prunelab.masks import apply_masks, keep_top
from prunelab.models import LeNet5
from prunelab.plot import tensor_and_accuracy
from prunelab.training import accuracy
from prunelab.widgets.granularity import granularity_explorer


@pytest.fixture(scope="module")
def parts():
    torch.manual_seed(0)
    model = LeNet5().eval()
    images = torch.randn(100, 1, 28, 28)
    labels = model(images).argmax(1)  # the network is right about everything until it is pruned
    return model, TensorDataset(images, labels)


@pytest.fixture(scope="module")
def box(parts):
    return granularity_explorer(*parts)


def test_every_granularity_and_sparsity_draws_another_picture(box):
    box.controls["sparsity_asked"].value = 0.6
    pictures = set()
    for granularity in GRANULARITIES:
        box.controls["granularity"].value = granularity
        pictures.add(bytes(box.picture.value))
    assert len(pictures) == len(GRANULARITIES)
    before = bytes(box.picture.value)
    box.controls["sparsity_asked"].value = 0.2
    assert bytes(box.picture.value) != before


@pytest.mark.parametrize(
    ("granularity", "asked"), [("filter", 0.5), ("kernel", 0.8), ("weight", 0.95), ("layer", 0.6)]
)
def test_the_accuracy_shown_is_the_packages(box, parts, granularity, asked):
    model, dataset = parts
    box.controls["granularity"].value = granularity
    box.controls["sparsity_asked"].value = asked
    pruned = copy.deepcopy(model)
    apply_masks(pruned, {"conv2.weight": keep_top(group_scores(model.conv2.weight, granularity), asked)})
    shown, dense = map(float, re.search(r"accuracy ~([\d.]+) %, dense ~([\d.]+) %", box.text.value).groups())
    assert shown == pytest.approx(accuracy(pruned, dataset), abs=0.005) and dense == 100


def test_the_sparsity_reached_is_stated(box):
    box.controls["granularity"].value = "channel"
    box.controls["sparsity_asked"].value = 0.6
    assert box.text.value.startswith("4 of 6 groups pruned: asked for 60 %, reached 66.7 %")


def test_the_model_is_left_alone(parts):
    model, dataset = parts
    before = copy.deepcopy(model.state_dict())
    granularity_explorer(model, dataset)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_weight_that_is_no_convolution_is_refused(parts):
    with pytest.raises(
        ValueError, match=r"name must be one of 'conv1.weight', 'conv2.weight', got 'fc1.weight'"
    ):
        granularity_explorer(*parts, name="fc1.weight")


def test_the_chosen_bar_stands_out():
    figure = tensor_and_accuracy(
        torch.ones(2, 1, 3, 3, dtype=torch.bool), {"filter": 90.0, "kernel": 95.0}, "kernel", dense=99.0
    )
    points = [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert [float(point.get_xdata()[0]) for point in points] == [10, 5], "errors"
    assert [point.get_fillstyle() for point in points] == ["none", "full"]
    with pytest.raises(ValueError, match="chosen must be one of 'filter', got 'row'"):
        tensor_and_accuracy(torch.ones(1, 1, 1, 1, dtype=torch.bool), {"filter": 1.0}, "row", dense=1.0)

"""The explorers of 03.3 to 03.5: what they show is what the package computes."""

import copy
import re

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import widgets
from prunelab.criteria import CRITERIA, EnergyCosts, energy_order, layer_energies, unit_masks
from prunelab.masks import apply_masks, keep_top
from prunelab.sweep import paired_interval
from prunelab.training import accuracy

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(80, 3)
    ).eval()


@pytest.fixture(scope="module")
def data():
    return TensorDataset(
        torch.randn(90, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(90) % 3
    )


@pytest.mark.parametrize("criterion", ["APoZ", "Taylor", "reconstruction"])
def test_the_units_dropped_and_the_accuracy_left_are_those_of_the_package(network, data, criterion):
    before = copy.deepcopy(network.state_dict())
    box = widgets.drop_units(network, data, data)
    box.controls["criterion"].value = criterion
    pictures = set()
    for layer, size in (("0.weight", 4), ("2.weight", 5)):
        box.controls["layer"].value = layer
        box.controls["dropped"].value = 2
        kept = keep_top(CRITERIA[criterion].function(network, data)[layer], 2 / size)
        small = copy.deepcopy(network)
        apply_masks(small, unit_masks(network, {layer: kept}))
        gone = (~kept).flatten().nonzero().flatten().tolist()
        assert (
            f"{criterion} drops filters {gone} of {layer}: accuracy {accuracy(small, data):.2f} %"
            in box.text.value
        )
        pictures.add(bytes(box.picture.value))
    assert len(pictures) == 2 and all(picture.startswith(PNG) for picture in pictures)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_at_least_one_filter_stays_also_in_the_smaller_layer(network, data):
    box = widgets.drop_units(network, data, data)
    box.controls["layer"].value = "0.weight"
    box.controls["dropped"].value = 4
    assert len(re.search(r"drops filters \[([\d, ]+)\]", box.text.value)[1].split(",")) == 3


def test_a_model_without_convolution_is_refused(data):
    with pytest.raises(ValueError, match="must have a convolution"):
        widgets.drop_units(
            nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 3)), data, data
        )


def test_the_energy_explorer_shows_order_and_total_of_its_costs(network, data):
    image = data.tensors[0][:1]
    box = widgets.energy_explorer(network, image)
    seen = set()
    for dram, batch in ((0, 1), (400, 1), (400, 256)):
        box.controls["dram"].value, box.controls["batch"].value = dram, batch
        costs = EnergyCosts(dram=dram, batch=batch)
        order = ", ".join(name.removesuffix(".weight") for name in energy_order(network, image, costs))
        total = sum(e.total for e in layer_energies(network, image, costs=costs).values())
        assert f"order: {order}; total {total:,.0f}" in box.text.value
        seen.add(box.text.value)
    assert len(seen) == 3


def test_the_comparison_says_real_only_when_the_interval_excludes_zero():
    table = {"a": [3.0, 3.1, 2.9], "b": [1.0, 1.2, 0.9], "c": [3.2, 2.8, 3.1]}
    box = widgets.compare_criteria(
        {"one": table, "two": {"a": [1.0, 2.0, 3.0], "b": [1.1, 2.1, 3.1], "c": [0.0, 5.0, 1.0]}}
    )
    mean, low, high = paired_interval(table["a"], table["b"])
    assert f"mean {mean:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f}; real" in box.text.value
    first = bytes(box.picture.value)
    box.controls["second"].value = "c"
    assert "not shown to be real" in box.text.value and bytes(box.picture.value) != first
    box.controls["setting"].value, box.controls["second"].value = "two", "b"
    assert "mean -0.10" in box.text.value


@pytest.mark.parametrize(
    ("results", "message"), [({}, "results must have"), ({"one": {"a": [1, 2]}}, "at least two criteria")]
)
def test_nothing_to_compare_is_refused(results, message):
    with pytest.raises(ValueError, match=message):
        widgets.compare_criteria(results)

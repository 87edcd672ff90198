"""The explorers of chapters 00, 04.2 and 07.2: what they show is what the package computes."""

import copy
import re

import pytest
import torch
from torch.utils.data import TensorDataset

from prunelab import widgets
from prunelab.criteria import filter_l1
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.measure import Latency, bytes_on_disk, macs
from prunelab.models import load_pretrained
from prunelab.surgery import remove_filters
from prunelab.training import accuracy


@pytest.fixture(scope="module")
def few(mnist):
    return TensorDataset(*mnist.valid[:200])


def number(box, pattern: str) -> float:
    return float(re.search(pattern, box.text.value)[1].replace(",", ""))


def test_the_file_stays_as_large_while_gzip_and_accuracy_fall(few):
    model = load_pretrained("lenet5")
    box = widgets.file_explorer(model, few)
    files, zipped, pictures = [], [], []
    for sparsity in (0.5, 0.95):
        box.controls["sparsity_asked"].value = sparsity
        small = copy.deepcopy(model)
        apply_masks(
            small, mask_model({name: w.detach().abs() for name, w in prunable(model).items()}, sparsity)
        )
        assert number(box, r"accuracy ([\d.]+)") == pytest.approx(accuracy(small, few), abs=0.006)
        files.append(number(box, r"file ([\d,]+) bytes"))
        zipped.append(number(box, r"gzip ([\d.]+)%"))
        pictures.append(bytes(box.picture.value))
    assert files[0] == files[1] == number(box, r"dense ([\d,]+);") and zipped[1] < zipped[0] < 100
    assert pictures[0] != pictures[1]


def test_masked_filters_save_nothing_and_removed_ones_do(few):
    model = load_pretrained("lenet5")
    scores = filter_l1(model)
    box = widgets.removal_explorer(model, few, scores)
    box.controls["share"].value = 0.75
    removed = remove_filters(model, mask_model(scores, 0.75))
    image = few.tensors[0][:1]
    assert number(box, r"([\d.]+)% of the bytes") == pytest.approx(
        100 * bytes_on_disk(removed) / bytes_on_disk(model), abs=0.06
    )
    assert number(box, r"([\d.]+)% of the MACs") == pytest.approx(
        100 * macs(removed, image) / macs(model, image), abs=0.06
    )
    assert number(box, r"accuracy ([\d.]+)") == pytest.approx(accuracy(removed, few), abs=0.006)


def test_the_crossover_reads_the_measured_table():
    times = {
        "dense": [Latency(0.004, 0.003, 0.005, 1, 64)] * 2,
        "CSR": [Latency(t, t, t, 1, 64) for t in (0.008, 0.001)],
    }
    box = widgets.crossover_explorer({"a": ([0.5, 0.99], times)})
    box.controls["sparsity"].value = 0.5
    assert "50 % kept: dense 4 ms, CSR 8 ms (0.50x as fast as dense)" in box.text.value
    box.controls["sparsity"].value = 0.99
    assert "1 % kept: dense 4 ms, CSR 1 ms (4.00x as fast as dense)" in box.text.value
    for bad, words in (
        ({"a": ([0.5, 0.99], {"CSR": times["CSR"]})}, "dense must be one of"),
        ({}, "at least 1"),
    ):
        with pytest.raises(ValueError, match=words):
            widgets.crossover_explorer(bad)
    with pytest.raises(ValueError, match="the sparsities"):
        widgets.crossover_explorer({"a": ([0.5, 0.99], times), "b": ([0.5, 0.9], times)})


def test_what_is_no_network_is_refused(few):
    for explore in (
        widgets.file_explorer,
        lambda model, data: widgets.removal_explorer(model, data, {"a": torch.ones(2)}),
    ):
        with pytest.raises(TypeError, match="model must be"):
            explore(torch.ones(2), few)

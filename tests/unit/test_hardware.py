"""Counts that the processor likes, and layers fused for inference."""

import copy

import pytest
import torch
from torch import nn

from prunelab import hardware
from prunelab.measure import Latency, latencies
from prunelab.models import LeNet5, LeNet5BN, LeNet5Caffe, load_pretrained


@pytest.mark.parametrize("name", ["lenet5_bn", "lenet5_caffe", "lenet300"])
def test_a_fused_network_gives_the_outputs_of_the_model(name):
    model = load_pretrained(name).train()
    before, x = (
        copy.deepcopy(model.state_dict()),
        torch.randn(16, 1, 28, 28, generator=torch.Generator().manual_seed(0)),
    )
    fused = hardware.Fused(model, x)
    assert model.training and all(
        torch.equal(before[key], value) for key, value in model.state_dict().items()
    )
    model.eval()
    with torch.inference_mode():
        expected = model(x)
        assert torch.allclose(fused(x), expected, atol=1e-4)
        for parameter in model.parameters():
            parameter.zero_()
        assert torch.allclose(fused(x), expected, atol=1e-4), "a copy"
    assert latencies({"fused": fused}, x)["fused"].median > 0


def test_the_number_of_filters_is_what_is_timed(monkeypatch):
    model, asked = LeNet5Caffe(), {}

    def told(models, x):
        asked.update(models)
        return {
            name: Latency(model.conv2.out_channels / 1000, 0, 1, 1, len(x)) for name, model in models.items()
        }

    monkeypatch.setattr(hardware, "latencies", told)
    table = hardware.latency_by_count(model, "conv2.weight", (8, 9, 50), torch.zeros(2, 1, 28, 28))
    assert table == {8: 0.008, 9: 0.009, 50: 0.05}
    assert [(m.conv2.out_channels, m.fc1.in_features) for m in asked.values()] == [
        (8, 128),
        (9, 144),
        (50, 800),
    ]
    assert model.conv2.out_channels == 50
    seen = []
    hardware.latency_by_count(
        model, "fc1.weight", [7], torch.zeros(2, 1, 28, 28), form=lambda m: seen.append(m) or m
    )
    assert seen[0].fc1.out_features == 7


def test_the_clock_sees_that_few_filters_are_faster():
    table = hardware.latency_by_count(LeNet5Caffe(), "conv1.weight", (1, 20), torch.zeros(32, 1, 28, 28))
    assert table[1] < table[20]


def test_the_largest_count_that_costs_no_more():
    table = {6: 1.0, 7: 1.3, 8: 1.02, 9: 1.5, 10: 1.5, 12: 1.6, 13: 0.99, 16: 1.0}
    assert hardware.cheap_count(10, {**table, 13: 2.0}) == 8, "6 is out of reach, 7 and 9 to 13 are slower"
    assert hardware.cheap_count(10, table) == 13, "more filters for nothing"
    assert hardware.cheap_count(10, {6: 0.1, 7: 1.0}) == 7, "6 is out of reach"
    assert hardware.cheap_count(8, table) == 8, "2 % longer than 6: within the slack"
    assert hardware.cheap_count(8, {6: 1.0, 8: 1.06}) == 6, "6 % longer is not"


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: hardware.cheap_count(0, {1: 1.0}), ValueError, "kept must be at least 1"),
        (lambda: hardware.cheap_count(10, {1: 1.0}), ValueError, r"within 30% of kept = 10, got \[1\]"),
        (lambda: hardware.cheap_count(10, {10: 0.0}), ValueError, r"table\[10\] must be positive"),
        (lambda: hardware.cheap_count(10, {10.5: 1.0}), TypeError, "a count in table must be an integer"),
        (lambda: hardware.cheap_count(10, [10]), TypeError, "table must be a dict"),
        (
            lambda: hardware.latency_by_count(LeNet5(), "conv9.weight", [1], torch.ones(1)),
            ValueError,
            "name must be one of",
        ),
        (
            lambda: hardware.latency_by_count(LeNet5(), "conv1.weight", [7], torch.ones(1)),
            ValueError,
            "at most 6, the filters",
        ),
        (
            lambda: hardware.latency_by_count(LeNet5(), "conv1.weight", [], torch.ones(1)),
            ValueError,
            "counts must not be empty",
        ),
        (
            lambda: hardware.latency_by_count(LeNet5(), "conv1.weight", 3, torch.ones(1)),
            TypeError,
            "counts must be a list",
        ),
        (
            lambda: hardware.latency_by_count(LeNet5(), "conv1.weight", [3], torch.ones(1), form=3),
            TypeError,
            "form must be a function",
        ),
        (
            lambda: hardware.latency_by_count(LeNet5(), "conv1.weight", [3], torch.ones(1), form=id),
            TypeError,
            "form must return",
        ),
        (
            lambda: hardware.latency_by_count(None, "conv1.weight", [1], torch.ones(1)),
            TypeError,
            r"model must be a torch.nn.Module",
        ),
        (lambda: hardware.Fused(torch.relu, torch.ones(1)), TypeError, r"model must be a torch.nn.Module"),
        (
            lambda: hardware.Fused(LeNet5BN(), torch.ones(1, 3, 28, 28)),
            ValueError,
            "example_input must be an input of the model",
        ),
        (lambda: hardware.Fused(nn.ReLU(), None), TypeError, "example_input must be a torch.Tensor"),
    ],
)
def test_bad_input_is_refused(call, error, said):
    with pytest.raises(error, match=said):
        call()

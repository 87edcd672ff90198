"""Where the surgery ends: packed weights, empty tensors, operations that it does not know; and how to teach
it one.
"""

import copy

import pytest
import torch
import torchvision
from reach_models import IMAGE, SERIES, C2f, Recurrent, conv, encoder_layer
from surgery_models import assert_same, masked, randomise
from test_surgery_reach import assert_equal_outputs, build, halved
from torch import nn

from prunelab.surgery import coupled_groups, explain, remove_filters, resize
from prunelab.surgery.elementwise import pointwise
from prunelab.surgery.rules import RULES


@torch.library.custom_op("prunelab_tests::double", mutates_args=())
def double(x: torch.Tensor) -> torch.Tensor:
    """A library's own operation, of which nobody has heard."""
    return 2 * x


class Foreign(nn.Module):
    """Calls the operation between two convolutions."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = conv(3, 6), conv(6, 4), nn.Linear(4, 5)

    def forward(self, x):
        return self.head(self.b(double(self.a(x))).mean((2, 3)))


def test_an_unknown_operation_keeps_its_channels_and_a_rule_frees_them(monkeypatch):
    model = build(Foreign)
    (row,) = [row for row in explain(model, IMAGE).rows if row.layer == "a"]
    assert row.removable == 0 and "prunelab_tests.double" in row.reason and "RULES" in row.advice
    assert set(coupled_groups(model, IMAGE)) == {"b.weight"}
    monkeypatch.setitem(RULES, "prunelab_tests.double", pointwise)
    masks, small = halved(model, IMAGE)
    assert small.a.out_channels == 3
    assert_same(small, masked(model, masks), (3, 3, 8, 8))


def test_a_wrong_rule_is_caught():
    """A rule that lets a mean over the channels pass: what is read is compared, and nothing is returned."""
    model = build(lambda: nn.Sequential(conv(3, 6), nn.Softmax(1), conv(6, 4), nn.Flatten()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RULES, "_softmax", pointwise)
        with pytest.raises(ValueError, match="no constants under these masks"):
            halved(model, IMAGE)


def test_inference_mode_is_no_obstacle():
    model = build(C2f)
    with torch.inference_mode():
        groups = coupled_groups(model, IMAGE)
        masks, small = halved(model, IMAGE, groups)
        explain(model, IMAGE)
    small.train()(IMAGE.double()).sum().backward()
    assert_same(small, masked(model, masks), (3, 3, 8, 8))


def statically(model: nn.Module, example: torch.Tensor) -> nn.Module:
    """Return the model quantized layer by layer, after a run on which ranges are observed."""
    from torch.ao import quantization

    model = quantization.QuantWrapper(model)
    model.qconfig = quantization.get_default_qconfig(torch.backends.quantized.engine)
    prepared = quantization.prepare(model)
    prepared(example)
    return quantization.convert(prepared)


def by_graph(model: nn.Module, example: torch.Tensor) -> nn.Module:
    """Return the model quantized as a graph of torch.fx."""
    from torch.ao.quantization import get_default_qconfig_mapping, quantize_fx

    prepared = quantize_fx.prepare_fx(model, get_default_qconfig_mapping(), (example,))
    prepared(example)
    return quantize_fx.convert_fx(prepared)


def dynamically(model: nn.Module, example: torch.Tensor) -> nn.Module:
    """Return the model with quantized weights only."""
    from torch.ao.quantization import quantize_dynamic

    return quantize_dynamic(model, {nn.Linear})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("quantize", [dynamically, statically, by_graph])
def test_quantized_weights_are_refused_with_what_to_do(quantize):
    model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2)).eval()
    quantized = quantize(model, torch.zeros(1, 3))
    quantized(torch.zeros(1, 3))
    for call in (coupled_groups, explain):
        with pytest.raises(ValueError, match="quantize the result"):
            call(quantized, torch.zeros(1, 3))
    with pytest.raises(ValueError, match="is quantized and holds them packed"):
        remove_filters(quantized, {}, torch.zeros(1, 3))


def test_images_that_lie_channel_by_channel_in_memory_are_followed():
    layers = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2)
    model = build(lambda: nn.Sequential(*layers))
    example = IMAGE.contiguous(memory_format=torch.channels_last)
    masks, small = halved(model, example)
    assert small[0].out_channels == small[4].in_features == 3
    assert_same(small, masked(model, masks), (3, 3, 8, 8))


class Picks(nn.Module):
    """Works on those places of the image that pass a threshold."""

    def __init__(self, threshold):
        super().__init__()
        self.a, self.b, self.head = nn.Linear(3, 6), nn.Linear(6, 4), nn.Linear(4, 2)
        self.threshold = threshold

    def forward(self, x):
        x = self.a(x.transpose(1, 2)).flatten(0, 1)
        x = x[x.mean(1) > self.threshold]
        return self.head(self.b(x))


def test_what_an_example_does_not_reach_stays():
    example = torch.zeros(2, 3, 4)
    model = build(lambda: Picks(1e6))
    with pytest.raises(ValueError, match="gives an empty tensor on this example"):
        coupled_groups(model, example)


def test_a_detector_is_followed_through_its_regions():
    class Regions(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.fc, self.head = conv(3, 6), nn.Linear(24, 8), nn.Linear(8, 5)

        def forward(self, x):
            boxes = [torch.tensor([[0.0, 0, 4, 4], [2, 2, 7, 7]], dtype=x.dtype)]
            parts = torchvision.ops.roi_align(self.a(x), boxes, (2, 2))
            return self.head(torch.relu(self.fc(parts.flatten(1))))

    model, example = build(Regions), torch.zeros(1, 3, 8, 8)
    masks, small = halved(model, example)
    assert (small.a.out_channels, small.fc.in_features, small.fc.out_features) == (3, 12, 4)
    assert_same(small, masked(model, masks), (1, 3, 8, 8))


def test_heads_go_twice_and_are_read_back():
    model = build(encoder_layer)
    _, once = halved(model, SERIES)
    masks, twice = halved(once, SERIES)
    assert twice.layer.self_attn.num_heads == 1
    assert_equal_outputs(twice, masked(once, masks), SERIES)
    read = resize(randomise(copy.deepcopy(model)), twice.state_dict())
    assert_equal_outputs(read, twice, SERIES)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_layers_that_compare_dtypes_run_in_half_and_in_float(kind):
    """The comparison runs in float64, whatever the parameters are."""
    for dtype in (torch.float32, torch.bfloat16):
        model = build(Recurrent, kind=kind).to(dtype)
        _, small = halved(model, SERIES)
        assert small.rnn.hidden_size == 3 and {p.dtype for p in small.parameters()} == {dtype}


class Borrows(nn.Module):
    """Takes the number of channels of its input for its output, whose channels are something else."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = conv(3, 6), conv(6, 6), nn.Linear(6, 5)

    def forward(self, x):
        x = self.a(x)
        n, c, h, w = x.shape
        y = self.b(x).flatten(1).sort(1)[0]  # what was a channel is none any more
        return self.head(y.reshape(n, c, h, w).mean((2, 3)))


def test_a_size_that_follows_other_channels_keeps_them():
    (row,) = [row for row in explain(build(Borrows), IMAGE).rows if row.layer == "a"]
    assert (row.removable == 0 and "reshape" in row.reason) or "view" in row.reason
    assert "names the size 6" in row.reason


class Shifted(nn.Module):
    """A learned number is added behind the activation, and zeros are put around that."""

    def __init__(self):
        super().__init__()
        self.a, self.shift, self.b = nn.Conv2d(3, 6, 3), nn.Parameter(torch.tensor(0.5)), nn.Conv2d(6, 2, 2)

    def forward(self, x):
        return self.b(nn.functional.pad(torch.relu(self.a(x)) + self.shift, (0, 1, 0, 1)))


def test_a_constant_that_a_padding_ends_is_named():
    model = build(Shifted)
    with pytest.raises(ValueError, match=r"though all that makes them is masked.*a padding ends that"):
        halved(model, IMAGE)


class Stream(nn.Module):
    """Two layers write into one stream, and a norm reads all of it."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 6), nn.Linear(6, 6), nn.Linear(6, 2)
        self.norm = nn.LayerNorm(6)

    def forward(self, x):
        x = self.a(x)
        return self.c(self.norm(x + self.b(x)))


def test_the_reason_is_what_makes_channels_of_a_layer_one():
    """That two layers are added is no reason why no channel of them can go."""
    rows = {row.layer: row for row in explain(Stream(), torch.randn(2, 3)).rows}
    for layer in ("a", "b", "norm"):
        assert rows[layer].removable == 0
        assert "norm (LayerNorm) divides by the spread" in rows[layer].reason


def test_a_weight_norm_over_the_inputs_is_refused_with_what_to_do():
    norm = nn.utils.parametrizations.weight_norm
    model = nn.Sequential(nn.Conv1d(2, 6, 3), nn.ReLU(), norm(nn.Conv1d(6, 4, 3)))
    rows = explain(model, torch.randn(1, 2, 9)).rows
    kept = next(row for row in rows if row.layer == "0")
    assert "divides by the norm over its inputs" in kept.reason and "remove_parametrizations" in kept.advice
    nn.utils.parametrize.remove_parametrizations(model[2], "weight")
    assert explain(model, torch.randn(1, 2, 9)).rows[0].removable == 6, "the advice helps"

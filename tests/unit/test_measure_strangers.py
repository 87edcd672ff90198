"""Multiply-accumulates of networks that are built in another way: experts in one tensor, complex numbers,
layers written by hand, nested batches; and what else a network may be called with.
"""

import pytest
import torch
from macs_models import Function, no_warning  # noqa: F401 -- a fixture for every test here
from torch import nn
from torch.nn import functional as F

from prunelab import measure

LINEAR, POINTWISE = nn.Linear(4, 6), nn.Conv2d(3, 4, 1)


def test_experts_in_one_tensor():
    # rows 0 to 2 go to the first expert, none to the second, the others to the third
    ends = torch.tensor([3, 3, 10], dtype=torch.int32)
    model = Function(lambda x: torch._grouped_mm(x, model.w, offs=ends))
    model.w = nn.Parameter(torch.randn(3, 8, 16, dtype=torch.bfloat16))
    x = torch.randn(10, 8, dtype=torch.bfloat16)
    assert measure.macs(model, x) == 10 * 8 * 16
    first = {"w": (torch.arange(3) > 0).view(3, 1, 1)}
    assert measure.macs(model, x, first) == 7 * 8 * 16, "an expert counts with the rows that it was given"
    assert measure.macs(model, x, {"w": (torch.arange(3) != 1).view(3, 1, 1)}) == 10 * 8 * 16


def test_complex_numbers():
    x = torch.randn(2, 4, dtype=torch.complex64)
    assert measure.macs(nn.Linear(4, 3, dtype=torch.complex64), x) == 4 * 24
    image = torch.randn(1, 2, 6, 6, dtype=torch.complex64)
    assert measure.macs(nn.Conv2d(2, 3, 3, dtype=torch.complex64), image) == 3 * 54 * 16


class ByHand(nn.Module):
    """A linear layer, or a gate, written elementwise."""

    def __init__(self, summed=True):
        super().__init__()
        self.weight, self.summed = nn.Parameter(torch.randn(6, 8)), summed

    def forward(self, x):
        product = x[:, None] * self.weight
        return product.sum(-1) if self.summed else F.linear(x, product[0])


def test_a_layer_written_elementwise_is_named():
    model = nn.Sequential(nn.Linear(8, 8), ByHand())
    with pytest.warns(UserWarning, match="MACs without aten::mul with 1.weight: products, if"):
        assert measure.macs(model, torch.randn(2, 8)) == 128
    # a weight that is scaled before it is used, by hand or by a parametrization, is counted where it is used
    assert measure.macs(nn.Sequential(ByHand(False)), torch.randn(2, 8)) == 96
    scaled = nn.Sequential(nn.Linear(8, 6))
    nn.utils.parametrize.register_parametrization(scaled[0], "weight", Function(lambda w: 2 * w))
    assert measure.macs(scaled, torch.randn(2, 8)) == 96
    hooked = nn.Sequential(nn.Linear(8, 6))
    nn.utils.prune.l1_unstructured(hooked[0], "weight", 0.5)
    assert measure.macs(hooked, torch.randn(2, 8)) == 96


def test_a_nested_batch_without_shape_is_named():
    model = Function(lambda x: LINEAR(torch.nested.nested_tensor([x[:3], x])).unbind()[0])
    with pytest.warns(UserWarning, match="MACs without aten::linear"):
        assert measure.macs(model, torch.randn(5, 4)) == 0


def test_what_else_a_network_is_called_with():
    decoder = nn.TransformerDecoderLayer(16, 2, 32, batch_first=True)
    causal = nn.Transformer.generate_square_subsequent_mask(5)  # minus infinity above the diagonal
    own, other = torch.randn(2, 5, 16), torch.randn(2, 7, 16)
    assert measure.macs(decoder, {"tgt": own, "memory": other, "tgt_mask": causal}) == measure.macs(
        decoder, (own, other)
    )
    images = Function(lambda images: [POINTWISE(image) for image in images])
    example = ([torch.rand(3, 5, 5), torch.rand(3, 6, 6)],)
    assert measure.macs(images, example) == 12 * 61 and measure.latency(images, example).batch == 2

    def strict(x):
        assert x.shape[1] == 8, "this network takes 8 numbers"
        return x

    for model, example, message in [
        (nn.Linear(3, 2), torch.empty(1, 3, device="meta"), "example_input must hold values, got one on the"),
        (decoder, (own, torch.full_like(other, -torch.inf).log()), r"example_input\[1\] must be finite"),
        (nn.Linear(3, 2), torch.full((1, 3), -torch.inf), "example_input must be finite"),
        (images, ([torch.full((3, 5, 5), torch.inf)],), r"example_input\[0\]\[0\] must be finite"),
        (Function(strict), torch.zeros(1, 3), "must fit the model, got shape .*this network takes 8 numbers"),
    ]:
        with pytest.raises(ValueError, match=message):
            measure.macs(model, example)

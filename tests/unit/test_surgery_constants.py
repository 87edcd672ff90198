"""Removal from chains: zero padding, what may stand beside ReLU and flatten, the last lock, dtypes."""

from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F
from surgery_models import OwnCNN, assert_same, filter_masks, masked, net, randomise
from torch import nn

from prunelab.surgery import remove_filters

# ---- padding


def padded(mode="zeros", bias=True) -> nn.Module:
    torch.manual_seed(2)
    return randomise(
        nn.Sequential(
            OrderedDict(
                first=nn.Conv2d(1, 6, 3, padding=1, bias=bias),
                relu=nn.ReLU(),
                pool=nn.MaxPool2d(3, stride=2, padding=1),
                second=nn.Conv2d(6, 4, 3, padding=1, padding_mode=mode),
                flatten=nn.Flatten(),
                last=nn.Linear(4 * 14 * 14, 3),
            )
        )
    )


def test_zero_padding_is_refused_unless_the_constant_is_zero():
    model = padded()
    model.first.bias.data.copy_(torch.tensor([0.5, -0.5, 0.5, 0.5, -0.1, 0.5]))
    mask = torch.ones(6, 1, 1, 1, dtype=torch.bool)
    mask[0] = False
    with pytest.raises(ValueError, match=r"second pads with zeros.*0\.5"):
        remove_filters(model, {"first.weight": mask})
    harmless = torch.tensor([True, False, True, True, False, True]).view(
        6, 1, 1, 1
    )  # ReLU(-0.5) = ReLU(-0.1) = 0
    assert_same(remove_filters(model, {"first.weight": harmless}), masked(model, {"first.weight": harmless}))
    no_bias = padded(bias=False)
    assert_same(remove_filters(no_bias, {"first.weight": mask}), masked(no_bias, {"first.weight": mask}))


@pytest.mark.parametrize("mode", ["replicate", "reflect", "circular"])
def test_padding_that_repeats_the_constant_is_exact(mode):
    model = padded(mode)
    masks = filter_masks(model, ["first"])
    assert_same(remove_filters(model, masks), masked(model, masks))


# ---- what a chain may hold beside ReLU and flatten


def test_a_view_by_size_is_a_flatten():
    class Viewed(OwnCNN):
        def forward(self, x):
            x = self.pool(F.relu(self.body(x)))
            x = self.mean(self.conv(x))
            return self.head(self.norm(self.fc(x.view(x.size(0), -1))))

    model = randomise(Viewed())
    masks = filter_masks(model, ["conv", "fc"])
    small = remove_filters(model, masks)
    assert small.fc.in_features == 54
    assert_same(small, masked(model, masks))


def test_a_flatten_of_tokens():
    """Behind (N, 3, 4) the features come last, so that the inputs of one channel are not in a row."""
    model = randomise(nn.Sequential(OrderedDict(a=nn.Linear(4, 4), f=nn.Flatten(), b=nn.Linear(12, 2))))
    masks = filter_masks(model, ["a"])
    small = remove_filters(model, masks, torch.zeros(2, 3, 4))
    assert small.b.in_features == 6
    assert_same(small, masked(model, masks), (7, 3, 4))


def test_a_batchnorm_that_ends_its_channels_anywhere():
    """Its scale is masked, so its channel is the shift, whatever stands between it and the filter."""
    layers = OrderedDict(
        a=nn.Conv2d(1, 4, 3), relu=nn.ReLU(), n=nn.BatchNorm2d(4), b=nn.Conv2d(4, 2, 3), f=nn.Flatten()
    )
    model = randomise(nn.Sequential(layers))
    masks = {"n.weight": torch.arange(4) > 1}
    small = remove_filters(model, masks)
    assert small.a.out_channels == small.n.num_features == small.b.in_channels == 2
    assert_same(small, masked(model, masks))


def test_an_unpadded_depthwise_convolution_passes_a_constant_on():
    layers = OrderedDict(
        a=nn.Conv2d(1, 4, 3), deep=nn.Conv2d(4, 4, 3, groups=4), f=nn.Flatten(), out=nn.Linear(16, 2)
    )
    model = randomise(nn.Sequential(layers))
    masks = filter_masks(model, ["a"])
    small = remove_filters(model, masks)
    assert small.deep.groups == small.deep.out_channels == 2 and small.out.in_features == 8
    assert_same(small, masked(model, masks), (7, 1, 6, 6))


def test_an_average_that_counts_its_padding_is_no_constant():
    for counts in (True, False):
        average = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=counts)
        model = randomise(
            nn.Sequential(OrderedDict(a=nn.Conv2d(1, 4, 3), p=average, b=nn.Conv2d(4, 2, 1), f=nn.Flatten()))
        )
        masks = filter_masks(model, ["a"])
        if counts:
            with pytest.raises(ValueError, match="b reads channels of a that are no constants"):
                remove_filters(model, masks)
        else:
            assert_same(remove_filters(model, masks), masked(model, masks))


def test_the_last_lock_holds_where_the_outputs_show_nothing():
    """The forward multiplies by the number of channels, unseen by the graph; the last layer is zero, as in
    vision transformers.
    """

    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.head = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2)

        def forward(self, x):
            x = self.b(self.a(x) * self.a.out_features)
            return self.head(x)

    model = randomise(Hidden())
    model.head.weight.data.zero_()
    with pytest.raises(ValueError, match="b gives other outputs"):
        remove_filters(model, filter_masks(model, ["a"]))


def test_dtype_and_device_stay():
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        model = net("lenet5_bn").to(dtype)
        small = remove_filters(model, filter_masks(model, ["conv1"]))
        assert {t.dtype for t in small.state_dict().values()} == {dtype, torch.long}
        assert torch.equal(small.fc3.weight, model.fc3.weight)

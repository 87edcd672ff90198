"""The figures of chapters 00 and 01: asserted on what they draw, not on their pixels."""

import copy

import pytest
import torch
from matplotlib import pyplot as plt
from torch import nn

from prunelab import plot
from prunelab.masks import keep_top
from prunelab.models import LeNet5


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_feature_maps_show_the_image_each_convolution_and_the_probabilities():
    torch.manual_seed(0)
    model, image = LeNet5().eval(), torch.randn(1, 28, 28)
    axes = plot.feature_maps(model, image).axes
    assert [axis.get_title() for axis in axes] == [
        "input",
        "conv1: 6 maps",
        "conv2: 16 maps",
        "probability of each class",
    ]
    assert axes[1].images[0].get_array().shape == (
        2 * 12 + 1,
        3 * 12 + 2,
    )  # 6 maps of 12 x 12 in 2 rows of 3, a line between them
    assert axes[2].images[0].get_array().shape == (4 * 4 + 3, 4 * 4 + 3)
    seen = model.pool1(model.relu1(model.conv1(image[None])))[0, 0].detach()
    shown = torch.tensor(axes[1].images[0].get_array()[:12, :12].tolist())
    assert torch.allclose(shown, (seen - seen.min()) / (seen.max() - seen.min()), atol=1e-5)
    heights = torch.tensor([bar.get_height() for bar in axes[-1].patches], dtype=torch.float32)
    assert torch.allclose(heights, model(image[None])[0].softmax(0).detach(), atol=1e-6)


def test_feature_maps_of_several_networks_share_the_grey_scale_of_the_first():
    torch.manual_seed(0)
    model, image = LeNet5().eval(), torch.randn(1, 28, 28)
    half, none = copy.deepcopy(model), copy.deepcopy(model)
    with torch.no_grad():
        for network, factor in ((half, 0.5), (none, 0.0)):
            network.conv1.weight *= factor
            network.conv1.bias *= factor
    axes = plot.feature_maps({"dense": model, "half": half, "none": none}, image).axes
    assert [axis.get_ylabel() for axis in axes[::4]] == ["dense", "half", "none"]
    assert [label.get_text() for label in axes[-1].get_xticklabels()] == [str(digit) for digit in range(10)]
    first, second, third = (axes[i].images[0].get_array()[:12, :12] for i in (1, 5, 9))
    assert first.max() == 1 and second.max() < 0.9 and third.max() <= 0


def test_feature_maps_refuse_a_batch_and_a_network_without_convolution():
    with pytest.raises(ValueError, match="image must have shape"):
        plot.feature_maps(LeNet5(), torch.zeros(2, 1, 28, 28))
    with pytest.raises(TypeError, match=r"must be a torch\.nn\.Module"):
        plot.weight_histograms([LeNet5()])
    with pytest.raises(ValueError, match="same layers"):
        plot.weight_histograms({"a": LeNet5(), "b": nn.Linear(2, 2)})
    with pytest.raises(ValueError, match="Conv2d"):
        plot.feature_maps(nn.Sequential(nn.Linear(2, 2)), torch.zeros(1, 1, 2))


@pytest.mark.parametrize("shape", [(4, 6), (3, 2, 3, 3)])
def test_cut_counts_kept_and_pruned_and_stands_at_the_threshold(shape):
    torch.manual_seed(1)
    weight = torch.randn(shape)
    mask = keep_top(weight.abs(), 0.5)
    left, right = plot.cut(weight, mask).axes
    n = weight.numel()
    assert [text.get_text() for text in left.figure.legends[0].get_texts()] == [
        f"kept: {n // 2}",
        f"pruned: {n // 2}",
    ]
    assert sum(bar.get_height() for container in left.containers for bar in container) == n
    lines = sorted(line.get_xdata()[0] for line in left.lines)
    threshold = weight[~mask].abs().max().item()
    assert lines == pytest.approx([-threshold, threshold])
    assert (right.images[0].get_array() == mask.flatten(1).numpy()).all()


def test_cut_of_everything_and_of_nothing():
    weight = torch.randn(3, 4)
    assert len(plot.cut(weight, torch.ones(3, 4, dtype=torch.bool)).axes[0].lines) == 0
    assert len(plot.cut(weight, torch.zeros(3, 4, dtype=torch.bool)).axes[0].lines) == 2


def test_cut_refuses_a_mask_that_does_not_fit_and_a_vector():
    with pytest.raises(ValueError, match=r"mask must have shape \(3, 4\)"):
        plot.cut(torch.randn(3, 4), torch.ones(4, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="at least 2-D"):
        plot.cut(torch.randn(3), torch.ones(3, dtype=torch.bool))


def test_shares_are_percent_of_each_quantity():
    axis = plot.shares({"weights": {"conv1": 1, "fc1": 3}, "MACs": {"conv1": 30, "fc1": 10}}).axes[0]
    assert sorted(bar.get_width() for bar in axis.patches) == pytest.approx([25, 25, 75, 75])
    with pytest.raises(ValueError, match="add up to more than 0"):
        plot.shares({"weights": {"conv1": 0}})


def test_weight_histograms_lay_models_over_one_another_on_equal_bins():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 4))
    pruned = copy.deepcopy(model)
    with torch.no_grad():
        pruned[0].weight[:3] = 0
    axes = plot.weight_histograms({"dense": model, "pruned": pruned}, zeros=False).axes
    assert [axis.get_title() for axis in axes] == ["0.weight", "1.weight"]
    bins = [polygon.get_xy()[:, 0] for axis in axes for polygon in axis.patches]
    assert len(bins) == 4 and all(set(b) <= set(bins[0]) for b in bins)
    assert len({axis.get_xlim() for axis in axes}) == len({axis.get_ylim() for axis in axes}) == 1
    heights = [polygon.get_xy()[:, 1].sum() for polygon in axes[0].patches]
    assert heights[0] > heights[1], "the zeros are left out"


def test_pulls_draw_every_step_from_its_weight():
    weights = torch.tensor([-1.0, 0.1, 0.5])
    steps = {"L1": -0.15 * weights.sign(), "L2": -0.3 * weights}
    axis = plot.pulls(weights, steps).axes[0]
    arrows = [(text.xyann[0], text.xy[0]) for text in axis.texts]
    expected = [
        (w, w + s) for step in steps.values() for w, s in zip(weights.tolist(), step.tolist(), strict=True)
    ]
    assert torch.allclose(torch.tensor(arrows, dtype=torch.float32), torch.tensor(expected))
    assert [label.get_text() for label in axis.get_yticklabels()] == ["L1", "L2"]
    with pytest.raises(ValueError, match=r"steps\['L2'\] must have shape \(3,\)"):
        plot.pulls(weights, steps | {"L2": torch.ones(2)})

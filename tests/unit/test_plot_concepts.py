"""The figures of chapters 00 and 01: asserted on what they draw, not on their pixels."""

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
    assert [axis.get_title() for axis in axes] == ["input", "conv1: 6 maps", "conv2: 16 maps", "probability of each class"]
    assert axes[1].images[0].get_array().shape == (2 * 24 + 1, 3 * 24 + 2)  # 6 maps of 24 x 24 in 2 rows of 3, a line between them
    heights = torch.tensor([bar.get_height() for bar in axes[-1].patches], dtype=torch.float32)
    assert torch.allclose(heights, model(image[None])[0].softmax(0).detach(), atol=1e-6)


def test_feature_maps_refuse_a_batch_and_a_network_without_convolution():
    with pytest.raises(ValueError, match="image must have shape"):
        plot.feature_maps(LeNet5(), torch.zeros(2, 1, 28, 28))
    with pytest.raises(ValueError, match="Conv2d"):
        plot.feature_maps(nn.Sequential(nn.Linear(2, 2)), torch.zeros(1, 1, 2))


@pytest.mark.parametrize("shape", [(4, 6), (3, 2, 3, 3)])
def test_cut_counts_kept_and_pruned_and_stands_at_the_threshold(shape):
    torch.manual_seed(1)
    weight = torch.randn(shape)
    mask = keep_top(weight.abs(), 0.5)
    left, right = plot.cut(weight, mask).axes
    n = weight.numel()
    assert [text.get_text() for text in left.figure.legends[0].get_texts()] == [f"kept: {n // 2}", f"pruned: {n // 2}"]
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

"""Figures of what happens inside a network, of kernels in their places, and of N:M groups."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from prunelab import plot
from prunelab.semi_structured import nm_mask


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def hatched(axis) -> list[tuple[float, float]]:
    return [(patch.get_x(), patch.get_y()) for patch in axis.patches if patch.get_hatch()]


def test_pixel_map_counts_what_is_kept_and_marks_what_is_not():
    mask = torch.zeros(5, 16, dtype=torch.bool)
    mask[:3, 6] = True
    images = torch.randn(8, 1, 4, 4)
    images[:, :, 0] = 0.5
    left, right = plot.pixel_map(mask, images).axes[:2]
    counts = left.images[0].get_array()
    assert counts[1, 2] == 3 and counts.sum() == 3 and len(hatched(left)) == 15
    assert left.get_xlabel().startswith("15 pixels") and right.get_xlabel().startswith("4 pixels")
    assert np.allclose(right.images[0].get_array(), images.double().std(0)[0])
    with pytest.raises(ValueError, match=r"mask must have shape \(out, 16\)"):
        plot.pixel_map(mask[:, :9], images)


def test_filter_and_channel_of_one_number_are_hatched_together():
    left, right = plot.feeding(torch.randn(4, 2, 3, 3), torch.randn(5, 4, 3, 3), 1).axes
    assert sorted(hatched(left)) == [(3.5, -0.5), (3.5, 3.5)], "filter 1: a column of two kernels"
    assert sorted(hatched(right)) == [(4 * o - 0.5, 3.5) for o in range(5)], (
        "channel 1: a row of five kernels"
    )
    with pytest.raises(ValueError, match="second must read the 4 maps"):
        plot.feeding(torch.randn(4, 2, 3, 3), torch.randn(5, 3, 3, 3), 1)
    with pytest.raises(ValueError, match="number must be at most 3"):
        plot.feeding(torch.randn(4, 2, 3, 3), torch.randn(5, 4, 3, 3), 4)


def test_kernel_grid_hatches_kernels_and_greys_weights():
    weight = torch.randn(3, 2, 3, 3)
    mask = torch.ones(3, 2, 3, 3, dtype=torch.bool)
    mask[2, 1] = False
    mask[0, 0, 1, 2] = False
    axis = plot.kernel_grid(weight, mask).axes[0]
    assert hatched(axis) == [(7.5, 3.5)]
    shown = axis.images[0].get_array()
    assert (
        shown.mask[1, 2] and not shown.mask[0, 0] and shown[4, 5] == pytest.approx(float(weight[1, 1, 0, 1]))
    )
    with pytest.raises(ValueError, match="mask must have shape"):
        plot.kernel_grid(weight, mask[:2])


def test_nm_groups_hatch_what_the_mask_drops():
    weight = torch.randn(2, 8)
    axis = plot.nm_groups(weight, 1, 4).axes[0]
    dropped = [(j + 0.5 * (j // 4), i) for i, j in np.argwhere(~nm_mask(weight, 1, 4).numpy())]
    assert sorted(hatched(axis)) == sorted(dropped) and len(dropped) == 12
    assert [text.get_text() for text in axis.texts][-2:] == ["group 0", "group 1"]
    with pytest.raises(ValueError, match="at most 8 rows"):
        plot.nm_groups(torch.randn(9, 8), 2, 4)

"""A depthwise convolution in float64 is torch's, in fewer steps."""

import pytest
import torch
import torch.nn.functional as F

from prunelab.surgery.convolution import convolve

CASES = [
    # dimensions, channels, filters of each, kernel, stride, padding, dilation
    (1, 5, 1, 3, 1, 1, 1),
    (2, 4, 1, (3, 5), (2, 1), (0, 2), (1, 2)),
    (2, 3, 2, 3, 2, 1, 1),
    (2, 6, 1, 1, 3, 0, 1),
    (3, 2, 3, 2, 1, 1, 2),
]


def drawn(*shape) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize(("space", "channels", "many", "kernel", "stride", "padding", "dilation"), CASES)
@pytest.mark.parametrize("bias", [True, False])
def test_depthwise_is_torchs(space, channels, many, kernel, stride, padding, dilation, bias):
    kernel, stride, padding, dilation = (
        [v] * space if isinstance(v, int) else list(v) for v in (kernel, stride, padding, dilation)
    )
    x = drawn(2, channels, *(11 + d for d in range(space)))
    weight, shift = drawn(channels * many, 1, *kernel), drawn(channels * many) if bias else None
    expected = (F.conv1d, F.conv2d, F.conv3d)[space - 1](
        x, weight, shift, stride, padding, dilation, channels
    )
    found = convolve(x, weight, shift, stride, padding, dilation, False, [0] * space, channels)
    assert found.shape == expected.shape and torch.allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("groups", "dtype"), [(2, torch.float64), (4, torch.float32), (1, torch.float64)])
def test_everything_else_is_left_to_torch(groups, dtype):
    x, weight = drawn(2, 4, 9, 9).to(dtype), drawn(8, 4 // groups, 3, 3).to(dtype)
    found = convolve(x, weight, None, [1], [1], [1], False, [0], groups)
    assert torch.equal(found, F.conv2d(x, weight, None, 1, 1, 1, groups))

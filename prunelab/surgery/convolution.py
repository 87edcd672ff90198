"""Convolutions in float64, for which a CPU has no fast code of its own."""

import itertools

import torch
import torch.nn.functional as F


def convolve(x, weight, bias, stride, padding, dilation, transposed, *rest) -> torch.Tensor:
    """Compute ``aten.convolution``; a depthwise one in float64 without torch's loop over its channels."""
    depthwise = not transposed and rest[1] == x.shape[1] > 1 and x.dtype == torch.float64
    if depthwise and x.ndim == weight.ndim and x.device.type == "cpu":
        return _depthwise(x, weight, bias, stride, padding, dilation)
    return torch.ops.aten.convolution.default(x, weight, bias, stride, padding, dilation, transposed, *rest)


def _depthwise(x, weight, bias, stride, padding, dilation) -> torch.Tensor:
    """Add up what each place of the kernel sees, for all channels at once."""
    space, channels = weight.ndim - 2, x.shape[1]
    stride, padding, dilation = (list(s) * space if len(s) == 1 else s for s in (stride, padding, dilation))
    kernel = weight.shape[2:]
    x = F.pad(x, [width for width in reversed(padding) for _ in range(2)]).unsqueeze(2)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = [(size - r) // s + 1 for size, r, s in zip(x.shape[3:], reach, stride, strict=True)]
    # (channels, filters of each, ...): one filter reads one channel
    taps = weight.reshape(channels, -1, *kernel)
    result = x.new_zeros(len(x), channels, taps.shape[1], *sizes)
    for place in itertools.product(*map(range, kernel)):
        steps = zip(place, dilation, stride, sizes, strict=True)
        window = x[(..., *(slice(p * d, p * d + s * (n - 1) + 1, s) for p, d, s, n in steps))]
        result.addcmul_(window, taps[(..., *place)].reshape(1, channels, -1, *[1] * space))
    result = result.flatten(1, 2)
    return result if bias is None else result.add_(bias.view(-1, *[1] * space))

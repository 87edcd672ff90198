"""Answers to 3.7 and 3.8: right ones, written differently, and wrong ones that must be refused."""

import torch
import torch.nn.functional as F

from answers import plausible, right

# 3.7 taylor_score


@right("3.7")
def taylor_in_one_line(maps, gradients):
    return (maps * gradients).mean((2, 3)).abs().mean(0)


@right("3.7")
def taylor_by_einsum(maps, gradients):
    positions = maps.shape[2] * maps.shape[3]
    return torch.einsum("nchw,nchw->nc", maps, gradients).div(positions).abs().sum(0) / len(maps)


plausible(
    "3.7",
    lambda a, g: (a * g).abs().mean((0, 2, 3)),
    lambda a, g: (a * g).mean((0, 2, 3)).abs(),
    lambda a, g: (a * g).sum((2, 3)).abs().mean(0),
    lambda a, g: (a * g).mean((2, 3)).abs().sum(0),
    lambda a, g: (a * g).mean((2, 3)).square().mean(0),
    lambda a, g: (a * g).mean((2, 3)).abs().mean(1),
    lambda a, g: (a.mean((2, 3)) * g.mean((2, 3))).abs().mean(0),
    lambda a, g: (a * g).mean((2, 3)).abs().amax(0),
)


# 3.8 average_zeros


@right("3.8")
def zeros_of_relu(layer, images):
    with torch.no_grad():
        z = F.relu(layer(images))
    return (z == 0).float().transpose(0, 1).flatten(1).mean(1)


@right("3.8")
@torch.no_grad()
def share_not_positive(layer, images):
    y = layer(images)
    return 1 - (y > 0).float().mean([d for d in range(y.ndim) if d != 1])


def _apoz(layer, x, dims=None, after=torch.relu, what=lambda z: z == 0):
    with torch.no_grad():
        z = after(layer(x))
    return what(z).float().mean([d for d in range(z.ndim) if d != 1] if dims is None else dims)


plausible(
    "3.8",
    lambda la, x: _apoz(la, x, after=lambda z: z),
    lambda la, x: _apoz(la, x, what=lambda z: z > 0),
    lambda la, x: _apoz(la, x, what=lambda z: z < 0.1),
    lambda la, x: _apoz(la, x, dims=[0]),
    lambda la, x: _apoz(la, x, after=lambda z: z, what=lambda z: z < 0),
    lambda la, x: 100 * _apoz(la, x),
    lambda la, x: _apoz(la, x).double(),
    lambda la, x: _apoz(la, x, after=torch.sigmoid, what=lambda z: z < 0.5).mean(),
)

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

# 3.7, once more from the text alone


def _ty_3_7(m, g, pos=lambda p: p.mean((2, 3)), im=lambda s: s.abs().mean(0)):
    return im(pos(m * g))


right("3.7")(
    lambda m, g: torch.stack(
        [
            torch.stack([(m[n, c] * g[n, c]).mean().abs() for n in range(len(m))]).mean()
            for c in range(m.shape[1])
        ]
    )
)

plausible(
    "3.7",
    lambda *a: _ty_3_7(*a, im=lambda s: s.square().mean(0).sqrt()),  # root mean square over images
    lambda *a: _ty_3_7(*a, pos=lambda p: p.mean(3).abs().mean(2)),  # mean over one axis, size, then mean
    lambda *a: _ty_3_7(*a, im=lambda s: s.abs().amax(0)),  # largest image
    lambda *a: _ty_3_7(*a, im=lambda s: s.abs().median(0).values),  # median over images
    lambda m, g: (m.mean((2, 3)) * g.mean((2, 3))).abs().mean(0),  # means multiplied
    lambda m, g: (lambda s: s / s.norm().clamp(min=1e-12))(_ty_3_7(m, g)),  # normalised
)

# 3.8, once more from the text alone


def _az_3_8(la, x, f=lambda z: z == 0, dims=None, dt=torch.float32, act=torch.relu):
    with torch.no_grad():
        z = act(la(x))
    return f(z).to(dt).mean([d for d in range(z.ndim) if d != 1] if dims is None else dims(z))


right("3.8")(lambda la, x: 1 - (la(x).detach() > 0).float().transpose(0, 1).flatten(1).mean(1))

plausible(
    "3.8",
    lambda la, x: (lambda z: (z == 0).all(0).float().reshape(z.shape[1], -1).mean(1))(
        torch.relu(la(x)).detach()
    ),  # dead positions: zero in all images
    lambda la, x: (lambda z: (z == 0).reshape(len(z), z.shape[1], -1).all(2).float().mean(0))(
        torch.relu(la(x)).detach()
    ),  # images with an all-zero map
    lambda *a: _az_3_8(*a, f=lambda z: z < 0, act=lambda z: F.leaky_relu(z)),  # leaky
    lambda la, x: _az_3_8(la, x[:1]),  # first image only
    lambda la, x: _az_3_8(
        la,
        x,
        act=lambda z: torch.relu(
            z - (la.bias.detach().view(1, -1, *[1] * (z.ndim - 2)) if la.bias is not None else 0)
        ),
    ),  # bias forgotten
)


# found by readers


plausible("3.7", lambda m, g: _ty_3_7(m.relu(), g))

plausible("3.8", lambda la, x: _az_3_8(la, x, f=lambda z: z <= 1e-3))

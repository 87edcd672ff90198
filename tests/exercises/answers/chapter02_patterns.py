"""Answers to 2.3: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import plausible, right

# 2.3 pattern_mask


@right("2.3")
def patterns_by_loop(weight, patterns):
    mask = torch.zeros_like(weight, dtype=torch.bool)
    for o in range(weight.shape[0]):
        for i in range(weight.shape[1]):
            energies = [(weight[o, i] ** 2 * pattern).sum().item() for pattern in patterns]
            mask[o, i] = patterns[energies.index(max(energies))]
    return mask


@right("2.3")
def patterns_by_loss(weight, patterns):
    lost = (weight[:, :, None] * ~patterns).square().sum((3, 4))
    return patterns[lost.argmin(2)]


def _patterns(w, p, energy):
    return p[(energy(w)[:, :, None] * p).sum((3, 4)).argmax(2)]


plausible(
    "2.3",
    lambda w, p: _patterns(w, p, torch.abs),
    lambda w, p: _patterns(w, p, lambda w: w),
    lambda w, p: _patterns(w, p, lambda w: -(w**2)),
    lambda w, p: p[(w.square()[:, :, None] * p).sum((0, 1, 3, 4)).argmax()].expand_as(w),
    lambda w, p: w * _patterns(w, p, torch.square),
    lambda w, p: (w.square()[:, :, None] * p).sum((3, 4)).argmax(2),
    lambda w, p: p[torch.arange(w.shape[0] * w.shape[1]) % len(p)].view(w.shape),
    lambda w, p: _patterns(w, p, torch.square).float(),
)

# 2.3, once more from the text alone


def _pm_2_3(w, p, en=None, weigh=lambda e, p: e, arg=lambda e: e.argmax(2)):
    e = torch.einsum("oihw,phw->oip", w.square() if en is None else en(w), p.to(w.dtype))
    return p[arg(weigh(e, p))]


def _r23_2_3(w, p):
    out = torch.zeros_like(w, dtype=torch.bool)
    for o in range(w.shape[0]):
        for i in range(w.shape[1]):
            out[o, i] = max(p, key=lambda q: (w[o, i].double()[q] ** 2).sum().item())
    return out


right("2.3")(_r23_2_3)

plausible(
    "2.3",
    lambda w, p: _pm_2_3(w, p, arg=lambda e: e.shape[2] - 1 - e.flip(2).argmax(2)),  # last of equals
    lambda w, p: _pm_2_3(
        w, p, weigh=lambda e, p: e / p.flatten(1).sum(1).clamp(min=1)
    ),  # energy per kept weight
    lambda w, p: _pm_2_3(
        w, p, arg=lambda e: e.sum(0, keepdim=True).expand(e.shape).argmax(2)
    ),  # summed over filters
    lambda w, p: p[
        torch.stack([(w.abs() * q).amax((2, 3)) for q in p], 2).argmax(2)
    ],  # largest weight inside
    lambda w, p: _pm_2_3(w, p, en=lambda w: w.abs() ** 3),  # cubes
)

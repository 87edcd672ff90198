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

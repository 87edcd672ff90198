"""Answers to 3.3: right ones, written differently, and wrong ones that must be refused."""

import torch
import torch.nn.functional as F

from answers import plausible, right

# 3.3 fold_bias


@right("3.3")
def fold_by_matrix(bias, weight, beta, kept):
    constants = torch.relu(beta) * ~kept
    return bias + weight.reshape(len(bias), len(beta), -1).sum(2) @ constants


@right("3.3")
def fold_by_loop(bias, weight, beta, kept):
    new = bias.clone()
    groups = weight.flatten(1).split(weight[0].numel() // len(beta), dim=1)
    for group, shift, stays in zip(groups, beta, kept, strict=True):
        if not stays:
            new += group.sum(1) * max(shift.item(), 0.0)
    return new


plausible(
    "3.3",
    lambda b, w, beta, kept: b,
    lambda b, w, beta, kept: b + w.reshape(len(w), len(beta), -1).sum(2) @ (beta * ~kept),
    lambda b, w, beta, kept: b + w.reshape(len(w), len(beta), -1).sum(2) @ (beta.relu() * kept),
    lambda b, w, beta, kept: b - w.reshape(len(w), len(beta), -1).sum(2) @ (beta.relu() * ~kept),
    lambda b, w, beta, kept: b + w.reshape(len(w), len(beta), -1).mean(2) @ (beta.relu() * ~kept),
    lambda b, w, beta, kept: b + w.reshape(len(w), -1, len(beta)).sum(1) @ (beta.relu() * ~kept),
    lambda b, w, beta, kept: b + w.reshape(len(w), len(beta), -1).abs().sum(2) @ (beta.relu() * ~kept),
)

# 3.3, once more from the text alone


def _fb_3_3(b, w, be, k, act=torch.relu, per=lambda x: x.sum(2), who=lambda k: ~k):
    return b + per(w.reshape(len(w), len(be), -1)) @ (act(be) * who(k).to(be.dtype))


right("3.3")(
    lambda b, w, be, k: torch.stack(
        [
            b[o]
            + sum(
                w.reshape(len(w), len(be), -1)[o, c].sum() * be[c].clamp(min=0)
                for c in range(len(be))
                if not k[c]
            )
            for o in range(len(w))
        ]
    )
)

plausible(
    "3.3",
    lambda *a: _fb_3_3(*a, per=lambda x: x.mean(2)),  # mean over positions
    lambda *a: _fb_3_3(*a, per=lambda x: x[:, :, x.shape[2] // 2]),  # centre only
    lambda *a: _fb_3_3(*a, act=torch.abs),  # beta absolute
    lambda *a: _fb_3_3(*a, who=lambda k: torch.ones_like(k)),  # kept ones too
    lambda b, w, be, k: (
        _fb_3_3(b, w, be, k)
        if (~k).sum() != 1
        else b + w.reshape(len(w), len(be), -1)[:, ~k].sum((1, 2)) * be[~k]
    ),  # only if several pruned
    lambda *a: _fb_3_3(*a, act=F.gelu),  # gelu
)

"""Answers to 1.1 and 1.2: right ones, written differently, and wrong ones that must be refused."""

import numpy as np
import torch
from torch import nn

from answers import plausible, right, wrong
from prunelab.masks import keep_top

# 1.1 masked_step


@right("1.1")
def step_then_mask(weight, gradient, velocity, mask, lr, momentum):
    velocity = momentum * velocity + gradient
    return (weight - lr * velocity) * mask, velocity


@right("1.1")
def step_of_torch(weight, gradient, velocity, mask, lr, momentum):
    parameter = nn.Parameter(weight.clone())
    parameter.grad = gradient.clone()
    optimizer = torch.optim.SGD([parameter], lr=lr, momentum=momentum)
    optimizer.state[parameter]["momentum_buffer"] = velocity.clone()
    optimizer.step()
    return parameter.detach().masked_fill(~mask, 0), optimizer.state[parameter]["momentum_buffer"] * mask


@right("1.1")
def step_of_kept_weights(weight, gradient, velocity, mask, lr, momentum):
    new_weight, new_velocity = torch.zeros_like(weight), torch.zeros_like(velocity)
    new_velocity[mask] = momentum * velocity[mask] + gradient[mask]
    new_weight[mask] = weight[mask] - lr * new_velocity[mask]
    return new_weight, new_velocity


@wrong("1.1", "Work on a copy")
def step_in_place(weight, gradient, velocity, mask, lr, momentum):
    velocity.mul_(momentum).add_(gradient)
    return (weight - lr * velocity) * mask, velocity


plausible(
    "1.1",
    lambda w, g, v, m, lr, mu: (w - lr * (mu * v + g * m), mu * v + g * m),
    lambda w, g, v, m, lr, mu: ((w - lr * g) * m, mu * v + g),
    lambda w, g, v, m, lr, mu: ((w - lr * (mu * v - g)) * m, mu * v - g),
    lambda w, g, v, m, lr, mu: ((w + lr * (mu * v + g)) * m, mu * v + g),
    lambda w, g, v, m, lr, mu: ((w - lr * (mu * v + (1 - mu) * g)) * m, mu * v + (1 - mu) * g),
    lambda w, g, v, m, lr, mu: (torch.where(m, w - lr * (mu * v + g), w), mu * v + g),
    lambda w, g, v, m, lr, mu: ((w - lr * (mu * v + g))[m], (mu * v + g)[m]),
)


# 1.2 threshold_cut


@right("1.2")
def cut_by_sorting(weight, sparsity):
    k = round(sparsity * weight.numel())
    threshold = weight.abs().flatten().sort().values[k - 1].item() if k else 0.0
    return threshold, (weight.abs() <= threshold).sum().item() / weight.numel()


@right("1.2")
def cut_by_kthvalue(weight, sparsity):
    magnitude = weight.abs().flatten()
    k = round(sparsity * len(magnitude))
    threshold = magnitude.kthvalue(k).values if k > 0 else torch.tensor(0.0)
    return [threshold, 1 - (magnitude > threshold).double().mean()]


plausible(
    "1.2",
    lambda w, s: (w.abs().quantile(s).item(), s),
    lambda w, s: (w.abs().flatten().sort().values[min(int(s * w.numel()), w.numel() - 1)].item(), s),
    lambda w, s: (s * w.abs().max().item(), (w.abs() <= s * w.abs().max()).double().mean().item()),
    lambda w, s: (w.abs().flatten().sort(descending=True).values[round(s * w.numel()) - 1].item(), s),
    lambda w, s: (
        t := keep_top(w.abs(), s),
        (w.abs()[~t].max().item() if (~t).any() else 0.0, (~t).double().mean().item()),
    )[1],
    lambda w, s: (
        t := w.abs()[keep_top(w.abs(), s)].min().item() if s < 1 else 0.0,
        (w.abs() < t).double().mean().item(),
    ),
    lambda w, s: (w.std().item() * s, (w.abs() <= w.std() * s).double().mean().item()),
)

# 1.1, once more from the text alone


def _step_1_1(
    w, g, v, m, lr, mu, vel=lambda v, g, mu: mu * v + g, move=lambda w, v, g, lr, mu: w - lr * v, keep=None
):
    v = vel(v, g, mu)
    keep = m if keep is None else keep(w, m)
    return torch.where(keep, move(w, v, g, lr, mu), torch.zeros_like(w)), v


right("1.1")(lambda w, g, v, m, lr, mu: _step_1_1(w, g, v, m, lr, mu))

plausible(
    "1.1",
    lambda *a: _step_1_1(*a, move=lambda w, v, g, lr, mu: w - lr * (g + mu * v)),  # nesterov
    lambda *a: _step_1_1(*a, vel=lambda v, g, mu: mu * v + (1 - mu) * g),  # dampening
    lambda *a: _step_1_1(*a, keep=lambda w, m: w != 0),  # mask from weight != 0
    lambda *a: _step_1_1(
        *a, vel=lambda v, g, mu: mu * v + a[4] * g, move=lambda w, v, g, lr, mu: w - v
    ),  # lr inside velocity
    lambda *a: _step_1_1(*a, keep=lambda w, m: m & (w != 0)),  # mask and nonzero weight
)

# 1.2, once more from the text alone


def _cut_1_2(w, s, k=None, below=lambda m, t: m <= t, n=None):
    m = w.abs().flatten().sort().values
    n_ = len(m)
    k = round(s * n_) if k is None else k(s, n_)
    t = m[k - 1].item() if k > 0 else 0.0
    return t, below(w.abs(), t).sum().item() / n_


def _r12_1_2(w, s):
    m = np.abs(w.detach().numpy().ravel())
    k = round(s * m.size)
    t = float(np.partition(m, k - 1)[k - 1]) if k else 0.0
    return t, float(np.mean(m <= t))


right("1.2")(_r12_1_2)

plausible(
    "1.2",
    lambda w, s: _cut_1_2(w, s, below=lambda m, t: m < t),  # strictly below
    lambda w, s: _cut_1_2(w, s, k=lambda s, n: min(round(s * n), n - 1)),  # k capped at n-1
    lambda w, s: _cut_1_2(w, s, k=lambda s, n: max(1, round(s * n))),  # k at least 1
    lambda w, s: (0.0, 0.0) if round(s * w.numel()) == 0 else _cut_1_2(w, s),  # zero k reaches 0
    lambda w, s: (_cut_1_2(w, s)[0], round(s * w.numel()) / w.numel()),  # reached = counts distinct
)

"""Answers to 1.1 and 1.2: right ones, written differently, and wrong ones that must be refused."""

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

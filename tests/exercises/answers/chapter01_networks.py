"""Answers to 1.4: right ones, written differently, and wrong ones that must be refused."""

import math

import torch
from torch import nn

from answers import plausible, right, wrong
from prunelab.masks import prunable

# 1.4 sparsity_and_ratio


@right("1.4")
def ratio_of_layers(model):
    weights = [module.weight for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    elements = sum(weight.numel() for weight in weights)
    nonzeros = sum(int(weight.count_nonzero()) for weight in weights)
    return 1 - nonzeros / elements, elements / nonzeros if nonzeros else math.inf


@right("1.4")
def ratio_by_names(model):
    kinds = [name for name, part in model.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    state = dict(model.named_parameters())
    flat = torch.cat([state[f"{name}.weight".lstrip(".")].flatten().double() for name in kinds])
    sparsity = float((flat == 0).double().mean())
    return (sparsity, 1 / (1 - sparsity)) if sparsity < 1 else (1.0, float("inf"))


def _ratio(values):
    flat = torch.cat([value.detach().flatten() for value in values])
    sparsity = (flat == 0).double().mean().item()
    return sparsity, 1 / (1 - sparsity) if sparsity < 1 else math.inf


@wrong("1.4", "inside other modules")
def ratio_of_children(model):
    return _ratio(module.weight for module in model.children() if isinstance(module, nn.Linear | nn.Conv2d))


plausible(
    "1.4",
    lambda m: (
        s := sum(int((p == 0).sum()) for p in m.parameters()) / sum(p.numel() for p in m.parameters()),
        1 / max(1 - s, 1e-9),
    ),
    lambda m: (
        s := 1
        - sum(int(p.count_nonzero()) for p in m.parameters() if p.ndim > 1)
        / sum(p.numel() for p in m.parameters() if p.ndim > 1),
        1 / (1 - s) if s < 1 else math.inf,
    ),
    lambda m: (
        s := sum(int((w == 0).sum()) for w in prunable(m).values())
        / sum(w.numel() for w in prunable(m).values()),
        round(1 / (1 - s)) if s < 1 else math.inf,
    ),
    lambda m: (
        s := sum(int((w == 0).sum()) for w in prunable(m).values())
        / sum(w.numel() for w in prunable(m).values()),
        1 / (1 - s) if s < 1 else 0.0,
    ),
    lambda m: (
        s := max(float((w == 0).float().mean()) for w in prunable(m).values()),
        1 / (1 - s) if s < 1 else math.inf,
    ),
    lambda m: (
        s := sum(int((w.abs() < 0.05).sum()) for w in prunable(m).values())
        / sum(w.numel() for w in prunable(m).values()),
        1 / (1 - s) if s < 1 else math.inf,
    ),
)

# 1.4, once more from the text alone


def _sr_1_4(model, ls=None, zero=lambda w: w == 0):
    ws = [m.weight for m in model.modules() if (ls or (lambda m: isinstance(m, (nn.Linear, nn.Conv2d))))(m)]
    n = sum(w.numel() for w in ws)
    z = sum(int(zero(w).sum()) for w in ws)
    return z / n, n / (n - z) if n > z else math.inf


right("1.4")(_sr_1_4)

plausible(
    "1.4",
    lambda m: _sr_1_4(m, lambda la: type(la) in (nn.Linear, nn.Conv2d)),  # exact type
    lambda m: _sr_1_4(
        m, lambda la: isinstance(la, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d))
    ),  # conv of all dims
    lambda m: _sr_1_4(m, zero=lambda w: w <= 0),  # positive only
    lambda m: (
        _sr_1_4(m)[0],
        round(_sr_1_4(m)[1], 1) if math.isfinite(_sr_1_4(m)[1]) else math.inf,
    ),  # ratio rounded to a digit
    lambda m: (
        lambda ws: (
            sum(int((w == 0).sum()) for w in ws.values()) / sum(w.numel() for w in ws.values()),
            sum(w.numel() for w in ws.values()) / max(1e-30, sum(int((w != 0).sum()) for w in ws.values()))
            if any((w != 0).any() for w in ws.values())
            else math.inf,
        )
    )(
        {tuple(la.weight.shape): la.weight for la in m.modules() if isinstance(la, (nn.Linear, nn.Conv2d))}
    ),  # unique weights by shape
)

"""Answers to 1.6 and 1.7: right ones, written differently, and wrong ones that must be refused."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from answers import plausible, right, wrong

# 1.6 penalised


@right("1.6")
def penalised_by_softshrink(weight, gradient, lr, strength):
    return (
        nn.functional.softshrink(weight - lr * gradient, lr * strength),
        weight - lr * gradient - lr * strength * weight,
    )


@right("1.6")
def penalised_by_where(weight, gradient, lr, strength):
    step, pull = weight - lr * gradient, lr * strength
    first = torch.where(
        step > pull, step - pull, torch.where(step < -pull, step + pull, torch.zeros_like(step))
    )
    return [first, (1 - pull) * weight - lr * gradient]


plausible(
    "1.6",
    lambda w, g, lr, s: (w - lr * (g + s * w.sign()), w - lr * (g + s * w)),
    lambda w, g, lr, s: (F.softshrink(w, lr * s) - lr * g, w - lr * (g + s * w)),
    lambda w, g, lr, s: (F.softshrink(w - lr * g, s), w - lr * (g + s * w)),
    lambda w, g, lr, s: (F.hardshrink(w - lr * g, lr * s), w - lr * (g + s * w)),
    lambda w, g, lr, s: (F.softshrink(w - lr * g, lr * s), w - lr * (g + 2 * s * w)),
    lambda w, g, lr, s: (F.softshrink(w - lr * g, lr * s), w - lr * g - s * w),
    lambda w, g, lr, s: (F.softshrink(w + lr * g, lr * s), w + lr * (g - s * w)),
    lambda w, g, lr, s: (F.softshrink(w - lr * g, lr * s), w - lr * (g + s * w**2)),
)


# 1.7 weights_and_macs


@right("1.7")
def shares_by_hooks(model, image):
    rows = []
    layers = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    hooks = [
        la.register_forward_hook(
            lambda la, x, y: rows.append((la, la.weight.numel(), y[0].numel() // len(la.weight)))
        )
        for la in layers
    ]
    model(image)
    for hook in hooks:
        hook.remove()
    weights, macs = sum(n for _, n, _ in rows), sum(n * p for _, n, p in rows)
    kinds = {"conv": nn.Conv2d, "linear": nn.Linear}
    return {
        k: (
            sum(n for la, n, _ in rows if isinstance(la, t)) / weights,
            sum(n * p for la, n, p in rows if isinstance(la, t)) / macs,
        )
        for k, t in kinds.items()
    }


@right("1.7")
def shares_by_counter(model, image):
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    flops = counter.get_flop_counts()["Global"]
    conv = sum(n for op, n in flops.items() if "conv" in str(op))
    weights = [
        sum(m.weight.numel() for m in model.modules() if isinstance(m, t)) for t in (nn.Conv2d, nn.Linear)
    ]
    share, work = weights[0] / sum(weights), conv / sum(flops.values())
    return {"conv": (share, work), "linear": (1 - share, 1 - work)}


@wrong("1.7", "remove it")
def shares_with_a_hook_left(model, image):
    def count(*args):
        pass

    result = shares_by_hooks(model, image)
    next(iter(model)).register_forward_hook(count)
    return result


def _shares(model, image, positions, groups=True):
    counts, x = {"conv": [0, 0], "linear": [0, 0]}, image
    for m in model.modules():
        if isinstance(m, nn.Conv2d | nn.Linear):
            kind = "conv" if isinstance(m, nn.Conv2d) else "linear"
            counts[kind][0] += m.weight.numel()
            counts[kind][1] += m.weight.numel() * (positions(m, x) if kind == "conv" else 1)
    w, c = counts["conv"][0] + counts["linear"][0], counts["conv"][1] + counts["linear"][1]
    return {k: (a / w, b / c) for k, (a, b) in counts.items()}


plausible(
    "1.7",
    lambda m, x: _shares(m, x, lambda la, x: 1),
    lambda m, x: _shares(m, x, lambda la, x: x[0, 0].numel()),
    lambda m, x: _shares(
        m, x, lambda la, x: math.prod(s - k + 1 for s, k in zip(x.shape[2:], la.kernel_size, strict=True))
    ),
    lambda m, x: {k: v[::-1] for k, v in _shares(m, x, lambda la, x: x[0, 0].numel()).items()},
    lambda m, x: {"conv": (0.5, 0.5), "linear": (0.5, 0.5)},
)

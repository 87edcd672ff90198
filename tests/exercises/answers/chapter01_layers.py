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

# 1.6, once more from the text alone


def _pen_1_6(w, g, lr, s, l1=None, l2=None):
    u = w - lr * g
    t = lr * s
    return (l1 or (lambda w, u, t: u - u.clamp(-t, t)))(w, u, t), (l2 or (lambda w, g: w - lr * (g + s * w)))(
        w, g
    )


right("1.6")(_pen_1_6)

plausible(
    "1.6",
    lambda *a: _pen_1_6(
        *a, l1=lambda w, u, t: w.sign() * (u.abs() - t).clamp(min=0)
    ),  # sign of the old weight
    lambda *a: _pen_1_6(*a, l1=lambda w, u, t: u - u.clamp(-t / 2, t / 2)),  # threshold halved
    lambda *a: _pen_1_6(*a, l1=lambda w, u, t: torch.where(u.abs() > t, u - t * t / u, 0 * u)),  # garrote
    lambda w, g, lr, s: _pen_1_6(
        w, g, lr, s, l2=lambda w, g: w * (1 - lr * s) - lr * g * (1 - lr * s)
    ),  # strength twice in l2 bias
    lambda *a: _pen_1_6(
        *a, l2=lambda w, g: torch.where((w - a[2] * (g + a[3] * w)) * w < 0, 0 * w, w - a[2] * (g + a[3] * w))
    ),  # l2 stops at zero
)

# 1.7, once more from the text alone


def _wm_1_7(model, image, pos=None, kinds=None, w=None):
    rows = []

    def hook(la, i, o):
        rows.append((la, i[0], o))

    hs_ = [
        m.register_forward_hook(hook)
        for m in model.modules()
        if (kinds or (lambda m: isinstance(m, (nn.Conv2d, nn.Linear))))(m)
    ]
    with torch.no_grad():
        model(image)
    for h in hs_:
        h.remove()
    c = {"conv": [0, 0], "linear": [0, 0]}
    for la, i, o in rows:
        k = "conv" if isinstance(la, nn.Conv2d) else "linear"
        n = (w or (lambda la: la.weight.numel()))(la)
        c[k][0] += n
        c[k][1] += n * ((pos or (lambda la, i, o: o.shape[2] * o.shape[3]))(la, i, o) if k == "conv" else 1)
    t = [sum(c[k][j] for k in c) for j in (0, 1)]
    return {k: (v[0] / t[0], v[1] / t[1]) for k, v in c.items()}


right("1.7")(_wm_1_7)

plausible(
    "1.7",
    lambda m, x: _wm_1_7(m, x, pos=lambda la, i, o: o.shape[-1] ** 2),  # square maps
    lambda m, x: _wm_1_7(
        m,
        x,
        w=lambda la: (
            la.weight.shape[0] * la.weight.shape[1] * la.kernel_size[0] ** 2
            if isinstance(la, nn.Conv2d)
            else la.weight.numel()
        ),
    ),  # square kernels
    lambda m, x: _wm_1_7(
        m, x, pos=lambda la, i, o: (i.shape[2] - la.kernel_size[0] + 1) * (i.shape[3] - la.kernel_size[1] + 1)
    ),  # valid formula
    lambda m, x: _wm_1_7(
        m, x, pos=lambda la, i, o: (i.shape[2] // la.stride[0]) * (i.shape[3] // la.stride[1])
    ),  # input / stride
    lambda m, x: {k: (round(a, 2), round(b, 2)) for k, (a, b) in _wm_1_7(m, x).items()},  # rounded
)

"""Answers to 4.3 and 4.12: right ones, written differently, and wrong ones that must be refused."""

import copy

import torch
from torch import nn

from answers import plausible, right, wrong
from prunelab.surgery import remove_filters

# 4.3 remove_filter


@right("4.3")
def remove_by_mask(weight, bias, next_weight, next_bias, index):
    positions = next_weight.shape[1] // len(weight)
    stays = torch.arange(len(weight)) != index
    columns = stays.repeat_interleave(positions)
    folded = next_bias + next_weight[:, ~columns].sum(1) * bias[index].relu()
    return weight[stays], bias[stays], next_weight[:, columns], folded


@right("4.3")
def remove_by_view(weight, bias, next_weight, next_bias, index):
    outputs, filters = len(next_weight), len(weight)
    by_filter = next_weight.reshape(outputs, filters, -1)
    constant = max(0.0, float(bias[index]))
    keep = [o for o in range(filters) if o != index]
    return (
        weight[keep],
        bias[keep],
        by_filter[:, keep].reshape(outputs, -1),
        next_bias + constant * by_filter[:, index].sum(1),
    )


def _without(w, b, nw, nb, i, columns, constant):
    stays = [k for k in range(len(w)) if k != i]
    return w[stays], b[stays], nw[:, [c for c in range(nw.shape[1]) if c not in columns]], nb + constant


def _own(w, nw, i):
    p = nw.shape[1] // len(w)
    return list(range(i * p, (i + 1) * p))


plausible(
    "4.3",
    lambda w, b, nw, nb, i: _without(w, b, nw, nb, i, _own(w, nw, i), 0),
    lambda w, b, nw, nb, i: _without(w, b, nw, nb, i, _own(w, nw, i), nw[:, _own(w, nw, i)].sum(1) * b[i]),
    lambda w, b, nw, nb, i: _without(
        w, b, nw, nb, i, _own(w, nw, i), nw[:, _own(w, nw, i)].mean(1) * b[i].relu()
    ),
    lambda w, b, nw, nb, i: _without(w, b, nw, nb, i, _own(w, nw, i), b[i].relu()),
    lambda w, b, nw, nb, i: _without(
        w, b, nw, nb, i, range(i, nw.shape[1], len(w)), nw[:, i :: len(w)].sum(1) * b[i].relu()
    ),
    lambda w, b, nw, nb, i: _without(w, b, nw, nb, i, [i], nw[:, i] * b[i].relu()),
    lambda w, b, nw, nb, i: _without(
        w, b, nw, nb, i, _own(w, nw, i), (nw[:, _own(w, nw, i)].sum(1) * b[i]).relu()
    ),
    lambda w, b, nw, nb, i: (w * (torch.arange(len(w)) != i).view(-1, 1, 1, 1), b, nw, nb),
)


# 4.12 without_zero_filters


@right("4.12")
def zeros_by_package(model):
    convolutions = {n: m for n, m in model.named_modules() if isinstance(m, nn.Conv2d)}
    return remove_filters(
        model,
        {f"{n}.weight": (m.weight != 0).flatten(1).any(1).view(-1, 1, 1, 1) for n, m in convolutions.items()},
    )


@right("4.12")
def zeros_by_hand(model):
    parts, keep = [], None
    for layer in copy.deepcopy(model):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            weight = layer.weight.data
            if keep is not None:
                weight = weight.reshape(len(weight), len(keep), -1)[:, keep].reshape(
                    len(weight), -1, *weight.shape[2:]
                )
            keep = layer.weight.data.flatten(1).any(1) | layer.bias.data.bool()
            keep = torch.ones_like(keep) if isinstance(layer, nn.Linear) else keep
            layer.weight, layer.bias = nn.Parameter(weight[keep]), nn.Parameter(layer.bias.data[keep])
            if isinstance(layer, nn.Conv2d):
                layer.out_channels, layer.in_channels = weight[keep].shape[:2]
        parts.append(layer)
    return nn.Sequential(*parts)


@wrong("4.12", "Nothing has become smaller")
def zeros_stay(model):
    return copy.deepcopy(model)


def _cut(model, columns):
    """Remove zero filters, with other columns of the next layer than those that read them."""
    small, keep = copy.deepcopy(model), None
    for layer in small:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if keep is not None:
                layer.weight = nn.Parameter(
                    layer.weight.data[:, columns(keep, layer.weight.shape[1] // len(keep))]
                )
            keep = layer.weight.data.flatten(1).any(1) if isinstance(layer, nn.Conv2d) else keep
            if isinstance(layer, nn.Conv2d):
                layer.weight, layer.bias = (
                    nn.Parameter(layer.weight.data[keep]),
                    nn.Parameter(layer.bias.data[keep]),
                )
    return small


@wrong("4.12", "which channels or columns")
def zeros_every_so_many(model):
    return _cut(model, lambda keep, positions: keep.repeat(positions))


@wrong("4.12", "which channels or columns")
def zeros_first_columns(model):
    return _cut(
        model, lambda keep, positions: torch.arange(len(keep) * positions) < int(keep.sum()) * positions
    )


@wrong("4.12", "a filter without weights but with a bias")
def zeros_without_a_look_at_biases(model):
    return _cut(model, lambda keep, positions: keep.repeat_interleave(positions))


@wrong("4.12", "Something is left")
def zeros_first_layer_only(model):
    first = next(n for n, m in model.named_modules() if isinstance(m, nn.Conv2d))
    weight = model.get_submodule(first).weight
    return remove_filters(model, {f"{first}.weight": (weight != 0).flatten(1).any(1).view(-1, 1, 1, 1)})


def _smaller(model, keeps, next_columns):
    small, kept = copy.deepcopy(model), None
    for layer in small:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            w, b = layer.weight.data, layer.bias.data
            w = w if kept is None else next_columns(w, kept)
            kept = keeps(layer) if isinstance(layer, nn.Conv2d) else torch.ones(len(b), dtype=torch.bool)
            layer.weight, layer.bias = nn.Parameter(w[kept]), nn.Parameter(b[kept])
    return small


plausible(
    "4.12",
    copy.deepcopy,
    lambda m: _smaller(m, lambda la: la.weight.flatten(1).any(1), lambda w, k: w),
    lambda m: _smaller(
        m, lambda la: la.weight.flatten(1).any(1), lambda w, k: w[:, k.repeat(w.shape[1] // len(k))]
    ),
    lambda m: _smaller(
        m,
        lambda la: la.weight.flatten(1).all(1),
        lambda w, k: w[:, k.repeat_interleave(w.shape[1] // len(k))],
    ),
    lambda m: _smaller(
        m,
        lambda la: ~la.weight.flatten(1).any(1),
        lambda w, k: w[:, k.repeat_interleave(w.shape[1] // len(k))],
    ),
)

# 4.3, once more from the text alone


def _rf_4_3(
    w, b, nw, nb, i, c=lambda x: x.relu(), cols=lambda nw, w: nw.shape[1] // len(w), add=lambda x: x.sum(1)
):
    k = [j for j in range(len(w)) if j != i]
    v = nw.reshape(len(nw), len(w), -1)
    return w[k], b[k], v[:, k].reshape(len(nw), -1), nb + add(v[:, i]) * c(b[i])


right("4.3")(_rf_4_3)

plausible(
    "4.3",
    lambda *a: _rf_4_3(*a, add=lambda x: x.mean(1)),  # mean over positions
    lambda *a: _rf_4_3(*a, c=lambda x: x),  # bias without relu
    lambda *a: _rf_4_3(*a, add=lambda x: x.amax(1)),  # largest position: pooling
    lambda w, b, nw, nb, i: _rf_4_3(
        w, b, nw, nb, i, c=lambda x: (x + w[i].sum()).relu()
    ),  # all of the filter's input
    lambda w, b, nw, nb, i: (
        lambda o: (
            w[o],
            b[o],
            nw.reshape(len(nw), len(w), -1)[:, o].reshape(len(nw), -1),
            _rf_4_3(w, b, nw, nb, i)[3],
        )
    )([len(w) - 1 if j == i else j for j in range(len(w) - 1)]),  # swap with the last
)

# 4.12, once more from the text alone


def _wz_4_12(model, stay=lambda w, b: (w.flatten(1) != 0).any(1) | (b != 0), rep=None, last=True):
    L, r = [], None
    for i, la in enumerate(model):
        if not isinstance(la, (nn.Conv2d, nn.Linear)):
            L.append(copy.deepcopy(la))
            continue
        w, b = la.weight.detach(), la.bias.detach()
        s0 = stay(w, b)
        if r is not None:
            w = w[:, (rep or (lambda r, n: r.repeat_interleave(n)))(r, w.shape[1] // len(r))]
        s = s0 if i < len(model) - 1 or not last else torch.ones(len(b), dtype=torch.bool)
        q = (
            nn.Conv2d(w.shape[1], int(s.sum()), la.kernel_size)
            if isinstance(la, nn.Conv2d)
            else nn.Linear(w.shape[1], int(s.sum()))
        )
        q.weight, q.bias = nn.Parameter(w[s].clone()), nn.Parameter(b[s].clone())
        L.append(q)
        r = s
    return nn.Sequential(*L).train(model.training)


right("4.12")(_wz_4_12)

plausible(
    "4.12",
    lambda m: _wz_4_12(
        m,
        stay=lambda w, b: (
            (w.abs().flatten(1).sum(1) + b.abs()) > 0.05 * (w.abs().flatten(1).sum(1) + b.abs()).mean()
        ),
    ),  # dead by the sum of |w| below 1e-3 of the mean
    lambda m: _wz_4_12(
        m,
        stay=lambda w, b: (
            (w[:, 0, 0, 0] != 0) | (b != 0) if w.ndim == 4 else torch.ones(len(b), dtype=torch.bool)
        ),
    ),  # first tensor element
    lambda m: _wz_4_12(m, rep=lambda r, n: r.repeat(n)),  # columns interleaved
    lambda m: _wz_4_12(m, stay=lambda w, b: (w.flatten(1) != 0).any(1)),  # weights only decide
    lambda m: _wz_4_12(m, stay=lambda w, b: (w.flatten(1) > 0).any(1) | (b > 0)),  # bias positive keeps
    lambda m: _wz_4_12(m, last=False),  # classes too
)


# found by readers


plausible(
    "4.12",
    # small is taken for zero, if there is no bias
    lambda m: _wz_4_12(m, stay=lambda w, b: (w.abs().flatten(1) > 1e-6).any(1) | (b != 0)),
    lambda m: _wz_4_12(m, stay=lambda w, b: (w.flatten(1).norm(dim=1) + b.abs()) > 1e-6),
    lambda m: _wz_4_12(m, stay=lambda w, b: ~torch.isclose(w, 0 * w).flatten(1).all(1) | (b != 0)),
)

# without a weight above zero
plausible("4.12", lambda m: _wz_4_12(m, stay=lambda w, b: (w.flatten(1).amax(1) != 0) | (b != 0)))

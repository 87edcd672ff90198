"""Exercises of chapter 04.3: one step of prune and regrow."""

import torch

from prunelab.check.core import Case
from prunelab.check.draws import half_up
from prunelab.check.exercise import Exercise

# 4.7 prune_and_regrow(weight, mask, gradient, share)


def prune_and_regrow(
    weight,
    mask,
    gradient,
    share,
    drop_key=abs,
    grow_key=abs,
    of_all=False,
    barred=False,
    anywhere=False,
    keep_values=False,
    whole=round,
):
    w, m, g = weight.flatten().tolist(), mask.flatten().tolist(), gradient.flatten().tolist()
    count = whole(share * (len(m) if of_all else sum(m)))
    count = min(count, sum(m))
    dropped = sorted((i for i, k in enumerate(m) if k), key=lambda i: drop_key(w[i]))[:count]
    new = [k and i not in dropped for i, k in enumerate(m)]
    candidates = [i for i in range(len(m)) if anywhere or (not new[i] and not (barred and i in dropped))]
    grown = sorted(candidates, key=lambda i: -grow_key(g[i]))[:count]
    for i in grown:
        new[i] = True
    values = torch.tensor(
        [w[i] if new[i] and (m[i] or keep_values) else 0.0 for i in range(len(m))], dtype=weight.dtype
    )
    return values.view(weight.shape), torch.tensor(new).view(mask.shape)


def _edges_4_7():
    ones = torch.ones(4, dtype=torch.bool)
    some = torch.tensor([2.0, -1.0, 1.0, 1.0, 0.0, 0.0, 0.0]), torch.tensor([True] * 4 + [False] * 3)
    for about, weight, mask, gradient, share in [
        (
            "no gradient: what was dropped first is grown first",
            torch.tensor([3.0, 4.0, 1.0, 2.0]),
            ones,
            torch.zeros(4),
            0.5,
        ),
        (
            "some magnitudes equal, and some gradients",
            *some,
            torch.tensor([0.0, 1.0, 0.0, 1.0, -1.0, 1.0, 2.0]),
            0.5,
        ),
        (
            "very small numbers",
            1e-9 * torch.randn(3, 4),
            torch.rand(3, 4) < 0.5,
            1e-9 * torch.randn(3, 4),
            0.5,
        ),
        ("very large numbers", 1e9 * torch.randn(5, 2), torch.rand(5, 2) < 0.5, 1e9 * torch.randn(5, 2), 0.5),
        ("a single connection", torch.tensor([[0.5]]), torch.ones(1, 1) > 0, torch.tensor([[-1.0]]), 1.0),
    ]:
        yield Case(about, (weight, mask, gradient, share))


def _cases_4_7():
    weight = torch.tensor([[0.5, 0.25, -0.125, 0.0625], [-0.75, 0.0, 1.0, -0.5]])
    mask = torch.tensor([[True, False, True, False], [True, False, True, False]])
    gradient = torch.tensor([[0.5, 0.25, 2.0, -4.0], [8.0, 1.0, 0.125, -0.5]])
    example = (weight, mask, gradient, 0.25)
    yield Case("the example: one of four connections is exchanged", example)
    yield Case("the example, half of the connections", (weight, mask, gradient, 0.5))
    yield Case("the example, share 0", (weight, mask, gradient, 0.0))
    for shape, density, share in [
        ((6, 8), 0.25, 0.25),
        ((4, 3, 3, 3), 0.5, 0.5),
        ((40,), 0.125, 0.375),
        ((10, 10), 0.75, 1.0),
        ((9, 5), 0.0, 0.5),
        ((7, 7), 1.0, 0.25),
    ]:
        parts = torch.randn(shape), torch.rand(shape) < density, torch.randn(shape)
        yield Case(f"{shape}, {int(parts[1].sum())} present, share {share}", (*parts, share))
    living = (
        torch.tensor([0.0, 1.0, 0.0, -2.0, 0.0, 3.0]),
        torch.tensor([True, True, True, False, False, True]),
    )
    yield Case(
        "present connections that are zero", (*living, torch.tensor([0.5, 0.0, 4.0, -1.0, 2.0, 1.0]), 0.5)
    )
    five = torch.tensor([1.0, -2.0, 3.0, 4.0, -5.0, 0.0, 0.0, 0.0]), torch.arange(8) < 5
    yield Case("half of five connections: 2.5 is rounded to 2", (*five, torch.arange(1.0, 9.0), 0.5))
    parts = [t.double() if t.is_floating_point() else t for t in parts]
    yield Case("float64", (*parts, 0.5))
    yield from _edges_4_7()


ex_4_7 = Exercise(
    "4.7",
    prune_and_regrow,
    _cases_4_7,
    verified=(
        "exact counts, shares from 0 to 1, empty and full masks, weights that momentum has moved, both float"
        " types"
    ),
    hint=(
        "Count what is present; drop round(share * count) of it by magnitude; grow as many of the absent ones"
        " by |gradient|."
    ),
    mistakes=[
        (
            (
                "The mask is right. A connection that was absent must start at zero: momentum had moved its"
                " weight."
            ),
            lambda *a: prune_and_regrow(*a, keep_values=True),
        ),
        (
            "The share is a share of the connections that are present, not of all entries.",
            lambda *a: prune_and_regrow(*a, of_all=True),
        ),
        (
            "A large negative gradient is as promising as a large positive one.",
            lambda *a: prune_and_regrow(*a, grow_key=lambda g: g),
        ),
        (
            "A weight of -0.9 is large: drop by magnitude.",
            lambda *a: prune_and_regrow(*a, drop_key=lambda w: w),
        ),
        (
            "You grow connections that are there already, so the number of connections falls.",
            lambda *a: prune_and_regrow(*a, anywhere=True),
        ),
        (
            "A connection that was dropped a moment ago is absent like the others: it may be grown again.",
            lambda *a: prune_and_regrow(*a, barred=True),
        ),
        ("You grow where the loss cares least.", lambda *a: prune_and_regrow(*a, grow_key=lambda g: -abs(g))),
        ("You drop the largest weights.", lambda *a: prune_and_regrow(*a, drop_key=lambda w: -abs(w))),
        (
            "A connection that is present may be exactly zero: ask the mask what is present, not the weight.",
            lambda w, m, *a: prune_and_regrow(w, m & (w != 0), *a),
        ),
        (
            "How many are exchanged? round() takes the even neighbour of a half, and round(2.5) is 2.",
            lambda *a: prune_and_regrow(*a, whole=half_up),
        ),
        (
            "How many are exchanged? The nearest integer, not the next lower one.",
            lambda *a: prune_and_regrow(*a, whole=int),
        ),
    ],
)

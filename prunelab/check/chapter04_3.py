"""Exercises of chapter 04.3: the mask at a step of a schedule, one step of prune and regrow."""

import torch

from prunelab.check.core import Case
from prunelab.check.draws import half_up
from prunelab.check.exercise import Exercise

# 4.6 mask_at(weight, mask, step, start, end, final)


def _cubic(step, start, end, final):
    part = min(max((step - start) / (end - start), 0.0), 1.0)
    return final * (1 - (1 - part) ** 3)


def _smallest(weight, allowed, count):
    """Return a mask without the ``count`` smallest magnitudes; what is not ``allowed`` counts as the smallest
    of all.
    """
    values, live = weight.flatten().abs().tolist(), allowed.flatten().tolist()
    order = sorted(range(len(values)), key=lambda i: (live[i], values[i] if live[i] else 0.0, i))
    kept = [True] * len(values)
    for i in order[:count]:
        kept[i] = False
    return torch.tensor(kept).view(weight.shape)


def mask_at(weight, mask, step, start, end, final, sparsity=_cubic, of_left=False, respect=True, whole=round):
    s = sparsity(step, start, end, final)
    everywhere = torch.ones_like(mask)
    if of_left:
        gone = int((~mask).sum()) + whole(s * int(mask.sum()))
    else:
        gone = max(whole(s * mask.numel()), int((~mask).sum())) if respect else whole(s * mask.numel())
    return _smallest(weight, mask if respect else everywhere, gone)


def _cases_4_6():
    weight = torch.tensor([[0.5, -0.125, 0.25, 1.0], [-2.0, 0.75, -0.375, 3.0]])
    mask = torch.tensor([[True, True, True, False], [True, True, True, True]])
    example = (weight, mask, 150, 100, 200, 0.5)
    yield Case("the example: half way", example)
    for step in (0, 100, 180, 200, 900):
        args = (weight, mask, step, 100, 200, 0.75)
        yield Case(f"the example's weights at step {step}, to 75 %", args)
    for shape, step, start, end, final in [
        ((6, 8), 40, 20, 120, 0.75),
        ((5, 3, 3, 3), 70, 0, 100, 0.9),
        ((30,), 99, 10, 100, 0.5),
        ((12, 7), 11, 10, 300, 0.95),
        ((4, 4), 500, 100, 400, 1.0),
        ((9, 9), 3, 10, 400, 0.8),
    ]:
        weight = torch.randn(shape)
        mask = torch.rand(shape) > 0.5 * _cubic(step - 1, start, end, final)
        args = (weight, mask, step, start, end, final)
        yield Case(f"a {shape} tensor, step {step} of {start} to {end}, final {final}", args)
    weight = torch.tensor([0.0, 0.0, 5.0, 0.0, 1.0, -2.0, 3.0, 0.0])
    mask = torch.tensor([True, True, False, True, True, True, True, False])
    yield Case("living weights that are zero beside pruned ones", (weight, mask, 10, 0, 10, 0.5))
    yield Case(
        "halves are rounded to the even number: 2.5 of 5", (weight[:5], mask[:5] | True, 10, 0, 10, 0.5)
    )
    weight = torch.tensor([0.5, -0.5, 0.5, 0.5, -0.5, 0.5, 0.5, 0.5], dtype=torch.float64)
    args = (weight, torch.ones(8, dtype=torch.bool), 50, 0, 100, 0.5)
    yield Case("equal magnitudes, float64: the earlier position goes first", args)


ex_4_6 = Exercise(
    "4.6",
    mask_at,
    _cases_4_6,
    verified=(
        "before, between and after the ends, pruned weights that momentum has moved, ties, several shapes"
    ),
    hint=(
        "Two thoughts: how many entries must be gone in all at this step, and which of the entries still kept"
        " follow next?"
    ),
    mistakes=[
        (
            (
                "Momentum has moved the pruned weights: some are large again. What was pruned must stay"
                " pruned, whatever its value is now."
            ),
            lambda *a: mask_at(*a, respect=False),
        ),
        (
            "The schedule gives the sparsity of the whole tensor, not the share of what is left.",
            lambda *a: mask_at(*a, of_left=True),
        ),
        (
            "That sparsity grows along a straight line; the schedule is cubic.",
            lambda *a: mask_at(*a, sparsity=lambda t, a, b, f: f * min(max((t - a) / (b - a), 0.0), 1.0)),
        ),
        (
            "Upside down: your sparsity is slow first and fast at the end.",
            lambda *a: mask_at(
                *a, sparsity=lambda t, a, b, f: f * min(max((t - a) / (b - a), 0.0), 1.0) ** 3
            ),
        ),
        (
            "The schedule begins at `start`, not at step 0.",
            lambda *a: mask_at(*a, sparsity=lambda t, a, b, f: _cubic(min(t, b), 0, b, f)),
        ),
        (
            "You remove the largest of the weights that are left.",
            lambda w, m, *a: mask_at(torch.where(m, 1 / (w.abs() + 1e-9), w), m, *a),
        ),
        ("A weight of -0.9 is large: rank by magnitude.", lambda w, m, *a: mask_at(w - w.min(), m, *a)),
        (
            (
                "A living weight may be exactly zero. That does not make it a pruned one: ask the mask, not"
                " the value."
            ),
            lambda w, m, *a: mask_at(w * m, m, *a, respect=False),
        ),
        (
            "How many go? round() takes the even neighbour of a half, and round(2.5) is 2.",
            lambda *a: mask_at(*a, whole=half_up),
        ),
        ("How many go? The nearest integer, not the next lower one.", lambda *a: mask_at(*a, whole=int)),
    ],
)


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

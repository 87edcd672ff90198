"""Exercises of chapter 04.3: the mask at a step of a schedule."""

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


def _edges_4_6():
    some = torch.tensor([[2.0, -1.0, 1.0], [3.0, 1.0, -1.0]])
    kept = torch.tensor([[True, False, True], [True, True, True]])
    for about, weight, mask, args in [
        ("some magnitudes equal", some, kept, (60, 0, 100, 0.75)),
        ("very small weights", 1e-9 * torch.randn(3, 4), torch.ones(3, 4) > 0, (50, 0, 100, 0.6)),
        ("very large weights", 1e9 * torch.randn(5, 2), torch.ones(5, 2) > 0, (50, 0, 100, 0.6)),
        (
            "weights that differ in the last digits, float64",
            1 + 1e-12 * torch.randperm(6).double(),
            torch.ones(6) > 0,
            (9, 0, 9, 0.5),
        ),
        ("the old mask has pruned more than is asked for", some, some.abs() > 1.5, (9, 0, 9, 0.34)),
        ("nothing goes", some, torch.ones(2, 3) > 0, (9, 0, 9, 0.0)),
        ("a single weight", torch.tensor([[0.5]]), torch.ones(1, 1) > 0, (5, 0, 9, 1.0)),
    ]:
        yield Case(about, (weight, mask, *args))


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
    yield from _edges_4_6()


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
                "What was pruned stays pruned, and a living weight may be exactly zero: ask the mask, not"
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

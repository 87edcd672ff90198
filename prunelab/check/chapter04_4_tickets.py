"""Exercises of chapter 04.4: rewinding done right, and what was trained before."""

import torch

from prunelab.check.core import Case
from prunelab.check.draws import half_up
from prunelab.check.exercise import Exercise

# 4.8 winning_ticket(initial, trained, masks, share)


def winning_ticket(
    initial, trained, masks, share, fill=None, rank=None, of_all=False, again=True, whole=round
):
    fill, rank = initial if fill is None else fill, trained if rank is None else rank
    weights, new = {}, {}
    for name, mask in masks.items():
        values, kept = rank[name].flatten().abs().tolist(), mask.flatten().tolist()
        if not again:
            kept = [True] * len(kept)
        alive = sorted((i for i, k in enumerate(kept) if k), key=lambda i: values[i])
        count = whole(share * (len(kept) if of_all else len(alive)))
        gone = set(alive[:count])
        new[name] = torch.tensor([k and i not in gone for i, k in enumerate(kept)]).view(mask.shape)
        weights[name] = torch.where(new[name], fill[name], torch.zeros_like(fill[name]))
    return weights, new


def _global(initial, trained, masks, share):
    flat = torch.cat([torch.where(masks[n], trained[n].abs(), torch.inf).flatten() for n in masks])
    order = flat.argsort(stable=True)
    kept = torch.cat([m.flatten() for m in masks.values()]).clone()
    kept[order[: round(share * int(kept.sum()))]] = False
    new = {
        n: part.view(m.shape)
        for (n, m), part in zip(masks.items(), kept.split([m.numel() for m in masks.values()]), strict=True)
    }
    return {n: initial[n] * new[n] for n in masks}, new


def _edges_4_8():
    def layers(scale, *shape, dtype=torch.float32):
        masks = {n: torch.rand(shape) < 0.7 for n in ("z", "a")}
        return *({n: scale * torch.randn(shape, dtype=dtype) for n in masks} for _ in range(2)), masks

    one = {"fc.weight": torch.tensor([[1.0, 2.0, 3.0]])}
    moved = {"fc.weight": torch.tensor([[0.0, 5.0, 2.0]])}
    masks = {"fc.weight": torch.tensor([[True, False, True]])}
    yield Case("a pruned weight that has moved, nothing goes", (one, moved, masks, 0.0))
    tied = {"fc.weight": torch.tensor([[1.0, -2.0, 1.0, -1.0, 1.0, 3.0]])}
    yield Case(
        "equal magnitudes: the earlier go first",
        ({"fc.weight": torch.arange(1.0, 7).view(1, 6)}, tied, {"fc.weight": torch.ones(1, 6) > 0}, 0.34),
    )
    many = {"fc.weight": torch.randint(1, 4, (5, 8)).float()}
    begun = {"fc.weight": torch.arange(1.0, 41).view(5, 8)}
    yield Case("many equal magnitudes", (begun, many, {"fc.weight": torch.ones(5, 8) > 0}, 0.35))
    yield Case("pruned weights that have moved", (*layers(1.0, 3, 4), 0.4))
    yield Case("very small weights", (*layers(1e-9, 4, 2), 0.4))
    yield Case("very large weights, float64", (*layers(1e9, 2, 5, dtype=torch.float64), 0.4))
    near = {"fc.weight": 1 + 1e-12 * torch.tensor([[3.0, 0, 2, 1]], dtype=torch.float64)}
    begun = {"fc.weight": torch.tensor([[0.0, 2.0, 3.0, 4.0]], dtype=torch.float64)}
    kept = {"fc.weight": torch.ones(1, 4) > 0}
    yield Case(
        "trained weights that differ in the last digits, a start that is zero", (begun, near, kept, 0.5)
    )


def _cases_4_8():
    initial = {"fc.weight": torch.tensor([[0.5, -0.25, 0.125, 1.0]])}
    trained = {"fc.weight": torch.tensor([[2.0, -0.5, -1.0, 0.25]])}
    masks = {"fc.weight": torch.tensor([[True, True, True, True]])}
    example = (initial, trained, masks, 0.5)
    yield Case("the example: one layer, first round", example)
    masks = {"fc.weight": torch.tensor([[True, True, False, True]])}
    trained = {"fc.weight": torch.tensor([[2.0, -0.5, 0.0, 0.25]])}
    example = (initial, trained, masks, 0.34)
    yield Case("the example, second round: three weights left", example)
    for number, (shapes, density, share) in enumerate(
        [
            ([(5, 4), (3, 5)], 1.0, 0.2),
            ([(8, 6), (4, 8), (2, 4)], 0.75, 0.25),
            ([(4, 1, 3, 3), (6, 16)], 0.5, 0.5),
            ([(7, 7)], 0.25, 0.2),
            ([(1, 5), (3, 3)], 1.0, 0.5),
            ([(2, 6)], 0.5, 0.0),
            ([(2, 6)], 0.5, 1.0),
        ]
    ):
        names = [f"layer{i}.weight" for i in range(len(shapes))]
        initial = {n: torch.randn(s) for n, s in zip(names, shapes, strict=True)}
        masks = {n: torch.rand(s) < density for n, s in zip(names, shapes, strict=True)}
        scale = {
            n: 10.0**i for i, n in enumerate(names)
        }  # layers on different scales: a global ranking would be seen
        trained = {n: torch.randn(s) * masks[n] * scale[n] for n, s in zip(names, shapes, strict=True)}
        args = (initial, trained, masks, share)
        yield Case(f"random layers, number {number}, share {share}", args)

    living = {"fc.weight": torch.tensor([[0.0, 1.5, -2.0, 0.0, 4.0, 0.5]])}
    masks = {"fc.weight": torch.tensor([[True, True, True, False, True, True]])}
    yield Case(
        "a living weight that training has brought to zero",
        ({"fc.weight": torch.ones(1, 6)}, living, masks, 0.5),
    )
    yield from _edges_4_8()


ex_4_8 = Exercise(
    "4.8",
    winning_ticket,
    _cases_4_8,
    verified="first and later rounds, one to three layers on different scales, convolutions",
    hint=(
        "The old mask says who is left, the trained weights say who goes. What is left starts from where it"
        " began: no trained values, no new random values."
    ),
    mistakes=[
        (
            (
                "The masks are right, the weights are the trained ones: that is fine-tuning. Rewind to where"
                " they began."
            ),
            lambda i, t, m, s: winning_ticket(i, t, m, s, fill=t),
        ),
        (
            (
                "You rank the initial weights. Training says which weights matter, the initial values only"
                " fill the mask."
            ),
            lambda i, t, m, s: winning_ticket(i, t, m, s, rank=i),
        ),
        (
            "The share is a share of the weights that are left, not of all of them.",
            lambda i, t, m, s: winning_ticket(i, t, m, s, of_all=True),
        ),
        (
            "What an earlier round pruned came back, or was counted again. Look at `masks`.",
            lambda i, t, m, s: winning_ticket(i, t, m, s, again=False),
        ),
        ("Prune layer by layer: every layer loses the same share of what it has left.", _global),
        (
            (
                "A weight that training has brought to zero is still there: the masks say who is left, not"
                " the values."
            ),
            lambda i, t, m, s: winning_ticket(i, t, {n: m[n] & (t[n] != 0) for n in m}, s),
        ),
        (
            "How many go? round() takes the even neighbour of a half: round(2.5) is 2.",
            lambda *a: winning_ticket(*a, whole=half_up),
        ),
        (
            "How many go? The nearest integer, not the next lower one.",
            lambda *a: winning_ticket(*a, whole=int),
        ),
    ],
)


# 4.10 trainingstrainings_before(rounds, share, skips_zeros)


def trainings_before(rounds, share, skips_zeros):
    return sum(((1 - share) ** k if skips_zeros else 1.0 for k in range(rounds)), 0.0)


def _edges_4_10():
    for rounds, share, skips in [(1, 0.9, False), (30, 0.2, True), (3, 0.333, True)]:
        yield Case(f"{rounds} rounds of {share:.1%}", (rounds, share, skips))


def _cases_4_10():
    yield Case("the example: two rounds of 20 %, zeros skipped", (2, 0.2, True))
    further = [
        (12, 0.2, True),
        (12, 0.2, False),
        (1, 0.5, True),
        (0, 0.2, True),
        (5, 0.5, True),
        (3, 0.75, True),
        (7, 0.1, True),
        (5, 0.0, True),
        (4, 1.0, True),
    ]
    for rounds, share, skips in [(2, 0.2, False), *further]:
        about = f"{rounds} rounds of {100 * share:.0f} %, {'zeros skipped' if skips else 'no zero skipped'}"
        yield Case(about, (rounds, share, skips))
    yield from _edges_4_10()


ex_4_10 = Exercise(
    "4.10",
    trainings_before,
    _cases_4_10,
    verified="zero to twelve rounds, four shares, with and without hardware that skips zeros",
    hint=(
        "Write down the density of the network in each training that comes before the ticket's own, and add"
        " them up."
    ),
    mistakes=[
        (
            "The ticket's own training does not come *before* it.",
            lambda r, p, z: trainings_before(r + 1, p, z),
        ),
        (
            "The dense network's training is a training too.",
            lambda r, p, z: trainings_before(r, p, z) - (1.0 if r else 0.0),
        ),
        (
            "The first training is dense: nothing is pruned yet.",
            lambda r, p, z: sum((1 - p) ** k if z else 1.0 for k in range(1, r + 1)),
        ),
        (
            "The share is a share of what is *left*: 20 % twice is 36 %.",
            lambda r, p, z: sum(max(0.0, 1 - p * k) if z else 1.0 for k in range(r)),
        ),
        ("Hardware that skips zeros makes the later rounds cheaper.", lambda r, p, z: float(r)),
        (
            "Without skipping every training costs the same; you have it the wrong way round.",
            lambda r, p, z: trainings_before(r, p, not z),
        ),
        (
            "Does your formula hold for a share of 0? Then nothing is pruned, and every training costs 1.",
            lambda r, p, z: (1 - (1 - p) ** r) / p if z else float(r),
            lambda r, p, z: ((1 - (1 - p) ** r) / p if p else 0.0) if z else float(r),
        ),
    ],
)

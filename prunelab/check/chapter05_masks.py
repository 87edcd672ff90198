"""Exercises of chapter 05: masks of torch.nn.utils.prune."""

import torch
from torch import nn
from torch.nn.utils import prune

from prunelab.check.core import Case
from prunelab.check.draws import half_up
from prunelab.check.exercise import Exercise

# 5.1 row_mask(t, default_mask, keep)


def row_mask(t, default_mask, keep, size=abs, alive=True, rows=True):
    table = t.tolist() if rows else t.T.tolist()
    before = default_mask.tolist() if rows else default_mask.T.tolist()
    result = []
    for values, mask in zip(table, before, strict=True):
        candidates = [i for i in range(len(values)) if mask[i] or not alive]
        stay = set(sorted(candidates, key=lambda i: -size(values[i]))[:keep])
        result.append([float(i in stay) for i in range(len(values))])
    result = torch.tensor(result)
    return (result if rows else result.T).to(default_mask.dtype)


def _edges_5_1():
    tied = torch.tensor([[1.0, -2.0, 1.0, -1.0, 2.0], [0.5, 0.5, -0.5, 0.0, 0.5]])
    living = torch.tensor([[1.0, 1, 0, 1, 1], [1, 0, 1, 1, 1]])
    for about, t, mask, keep in [
        ("some magnitudes equal: the earlier stay, keep 3", tied, living, 3),
        ("some magnitudes equal, keep 1", tied, living, 1),
        ("more asked for than there are inputs", tied, living, 9),
        ("very small weights, keep 2", 1e-9 * torch.randn(3, 4), torch.ones(3, 4), 2),
        ("very large weights, keep 2", 1e9 * torch.randn(2, 5), torch.ones(2, 5), 2),
        (
            "float64, weights that differ in the last digits",
            1 + 1e-12 * torch.randperm(6).double().view(2, 3),
            torch.ones(2, 3).double(),
            1,
        ),
        ("a single weight", torch.tensor([[-0.5]]), torch.ones(1, 1), 1),
    ]:
        yield Case(about, (t, mask, keep))


def _cases_5_1():
    example = torch.tensor([[0.9, -0.8, 0.1, 0.3], [0.2, 0.6, -0.7, 0.5]])
    pruned = torch.tensor([[0.0, 1, 1, 1], [1, 1, 1, 0]])
    yield Case("the example, keep 2", (example, pruned, 2))
    for rows, columns, keep in ((3, 8, 3), (5, 6, 1), (4, 7, 7), (2, 5, 0)):
        t = torch.randn(rows, columns)
        for about, mask in (
            ("nothing pruned yet", torch.ones_like(t)),
            ("half pruned before", (torch.rand(t.shape) > 0.5).float()),
        ):
            yield Case(f"a ({rows}, {columns}) weight, {about}, keep {keep}", (t, mask, keep))
    alive = torch.rand(8, 8) > 0.5
    alive[:, 0], alive.diagonal()[:] = True, True
    t = torch.randn(8, 8) * (1 - torch.eye(8)) * alive
    yield Case(
        "a living weight in each row that is exactly zero, like the dead ones, keep 5", (t, alive.float(), 5)
    )
    yield from _edges_5_1()


ex_5_1 = Exercise(
    "5.1",
    row_mask,
    _cases_5_1,
    verified="several shapes, negative weights, rows with fewer living weights than asked for, keep 0",
    hint="In each row rank the magnitudes of the living weights and mark the largest ones with 1.",
    mistakes=[
        (
            "A weight that an earlier call pruned came back. Rank only what default_mask still allows.",
            lambda t, d, k: row_mask(t, d, k, alive=False),
        ),
        (
            (
                "Pruned weights took places that living ones should have. Set them aside before you rank, not"
                " after."
            ),
            lambda t, d, k: row_mask(t, d, k, alive=False) * d,
        ),
        (
            "A large negative weight is not small: rank magnitudes.",
            lambda t, d, k: row_mask(t, d, k, size=float),
        ),
        ("You keep the smallest ones.", lambda t, d, k: row_mask(t, d, k, size=lambda value: -abs(value))),
        (
            "A row of the weight is one output, t[o]. Yours keeps so many in each column.",
            lambda t, d, k: row_mask(t, d, k, rows=False),
        ),
        (
            "The number is per row. Yours ranks the whole tensor at once.",
            lambda t, d, k: row_mask((t * d).reshape(1, -1), d.reshape(1, -1), k * len(t)).view_as(t),
        ),
        ("1 means kept. Yours is the other way round.", lambda t, d, k: d - row_mask(t, d, k)),
    ],
)


# 5.2 zeros_after(weights, amounts)


def zeros_after(weights, amounts):
    layer = nn.Linear(weights, 1, bias=False)
    for amount in amounts:
        prune.random_unstructured(layer, "weight", amount=amount)
    return int((layer.weight_mask == 0).sum()) if amounts else 0


def _each(weights, amounts, count):
    left = weights
    for amount in amounts:
        left -= count(amount, left)
    return weights - left


def _edges_5_2():
    for weights, amounts in (
        (1, [1]),
        (1, [1.0]),
        (7, [0.5, 0.5, 0.5]),
        (7, [0.5]),
        (3, [0.5]),
        (9, [3, 0.5, 0.25, 1]),
        (200, [1.0]),
    ):
        yield Case(f"{weights} weights, amounts {amounts}", (weights, amounts))


def _cases_5_2():
    yield Case("the example, 100 weights", (100, [0.5, 10]))
    for weights, amounts in (
        (1000, [0.2, 0.2, 0.2]),
        (50, [1, 1.0]),
        (64, [7, 0.3, 1]),
        (37, [0.35]),
        (10, []),
        (20, [0.0, 1, 0]),
        (25, [0.5, 0.5]),
    ):
        yield Case(f"{weights} weights, amounts {amounts}", (weights, amounts))
    for _ in range(5):
        weights = int(torch.randint(60, 900, (1,)))
        amounts = [round(float(x), 3) for x in torch.rand(3) * 0.6] + [int(torch.randint(1, 9, (1,)))]
        yield Case(f"{weights} weights, amounts {amounts}", (weights, amounts))
    yield from _edges_5_2()


ex_5_2 = Exercise(
    "5.2",
    zeros_after,
    _cases_5_2,
    verified="against torch.nn.utils.prune itself, with fractions, counts, 1 and 1.0",
    hint="Keep track of how many weights are left; each amount is taken from those.",
    mistakes=[
        (
            "A fraction is one of what is left, not of all weights.",
            lambda n, a: min(n, sum(x if isinstance(x, int) else round(x * n) for x in a)),
        ),
        (
            "An integer amount is a count: 1 means one weight, 1.0 means all.",
            lambda n, a: _each(n, a, lambda x, left: round(x * left)),
        ),
        (
            "torch rounds to the nearest integer.",
            lambda n, a: _each(n, a, lambda x, left: x if isinstance(x, int) else int(x * left)),
        ),
        ("That is how many are left. Asked is how many are zero.", lambda n, a: n - zeros_after(n, a)),
        (
            "The mask of an earlier call stays: the layer keeps a history and adds to it.",
            lambda n, a: zeros_after(n, a[-1:]),
        ),
        (
            "Halves: round() takes the even neighbour, and round(12.5) is 12.",
            lambda n, a: _each(n, a, lambda x, left: x if isinstance(x, int) else half_up(x * left)),
        ),
    ],
)

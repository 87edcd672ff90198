"""Exercises of chapter 06: stored 2:4 weights, and columns put back."""

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 6.2 decode(values, byte)


def decode(values, byte, pairs=((0, 2), (4, 6))):
    groups = []
    for group, (low, high) in enumerate(pairs):
        row = [0.0] * 4
        row[byte >> low & 3] = float(values[2 * group])
        row[byte >> high & 3] = float(values[2 * group + 1])
        groups += row
    return torch.tensor(groups)


def _edges_6_2():
    for byte in (0b00010001, 0b01110010, 0b10110100, 0b00111011):
        yield Case(f"byte 0b{byte:08b}: a position that falls", (torch.randn(4), byte))
    yield Case("float64 values", (torch.randn(4, dtype=torch.float64), 0b11011000))
    yield Case("very small values alone", (1e-9 * torch.randn(4), 0b11100100))
    yield Case("very small, very large and equal values", (torch.tensor([1e-9, -1e9, 0.5, 0.5]), 0b11100100))


def _cases_6_2():
    yield Case("the example, byte 0b10001101", (torch.tensor([0.7, -0.2, 0.5, 0.3]), 0b10001101))
    halves = [0b0100, 0b1000, 0b1001, 0b1100, 0b1101, 0b1110]
    for first in halves:
        second = halves[int(torch.randint(0, 6, (1,)))]
        values = torch.randn(4)
        byte = first | second << 4
        yield Case(f"byte 0b{byte:08b}", (values, byte))
    yield Case("a group without nonzeros stores zeros", (torch.tensor([0.0, 0.0, 1.0, 2.0]), 0b01001110))
    yield from _edges_6_2()


ex_6_2 = Exercise(
    "6.2",
    decode,
    _cases_6_2,
    verified="all six patterns of a group, groups with stored zeros",
    hint="Take two bits at a time with & 3 and >> 2, from the lowest: four positions, one for each value.",
    mistakes=[
        (
            "The earlier group stands in the low half of the byte.",
            lambda v, b: decode(v, b, ((4, 6), (0, 2))),
        ),
        (
            "In each group the first kept position stands in the low two bits.",
            lambda v, b: decode(v, b, ((2, 0), (6, 4))),
        ),
        (
            "You read the byte from the left. The first position is in the lowest bits.",
            lambda v, b: decode(v, b, ((6, 4), (2, 0))),
        ),
        (
            "The byte is no mask with one bit per weight: it holds four 2-bit positions.",
            lambda v, b: (
                torch.tensor(
                    [
                        float(v[bin(b & (1 << i) - 1).count("1")]) if b >> i & 1 and i < 8 else 0.0
                        for i in range(8)
                    ]
                )
                if bin(b).count("1") <= 4
                else torch.zeros(8)
            ),
        ),
    ],
)


# 6.3 undo(permuted, order)


def undo(permuted, order):
    columns = permuted.T.tolist()
    original = [None] * len(columns)
    for place, source in enumerate(order.tolist()):
        original[source] = columns[place]
    return torch.tensor(original, dtype=permuted.dtype).T.contiguous()


def _edges_6_3():
    for about, weight in [
        ("float64 that float32 cannot hold", 1e300 * torch.randn(3, 4, dtype=torch.float64)),
        ("whole numbers", torch.arange(15).view(3, 5)),
        ("as many rows as columns, columns in part equal", torch.tensor([[1.0, 1, 2], [0, 0, 3], [1, 1, 2]])),
        ("very small and endless numbers", torch.tensor([[1e-9, torch.inf, -torch.inf], [0.0, 1e9, -1e-9]])),
    ]:
        order = torch.randperm(weight.shape[1])
        yield Case(about, (weight[:, order], order))


def _cases_6_3():
    weight = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    order = torch.tensor([2, 0, 3, 1])
    yield Case("the example", (weight[:, order], order))
    for rows, columns in ((3, 8), (1, 5), (6, 20), (4, 1)):
        weight, order = torch.randn(rows, columns), torch.randperm(columns)
        yield Case(f"a random order of {columns} columns", (weight[:, order], order))
    yield from _edges_6_3()


ex_6_3 = Exercise(
    "6.3",
    undo,
    _cases_6_3,
    verified="random orders of 1 to 20 columns",
    hint="Column j of the permuted weight was column order[j] of the original. Put it back there.",
    mistakes=[
        ("That permutes a second time. Where did column 0 of the original go?", lambda p, o: p[:, o]),
        ("The order is not a reversal in general.", lambda p, o: p.flip(1)),
        (
            "The sizes of the columns do not tell where they came from; the order does.",
            lambda p, o: p[:, p.abs().sum(0).argsort(stable=True)],
        ),
    ],
)

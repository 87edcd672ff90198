"""Exercises of chapter 10.2: structure and serving."""

import math

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 10.4 remove_head(query, out, heads, head)


def remove_head(query, out, heads, head, columns=True, strided=False):
    width = len(query) // heads
    gone = set(range(head, len(query), heads)) if strided else set(range(head * width, (head + 1) * width))
    stay = [i for i in range(len(query)) if i not in gone]
    return torch.stack([query[i] for i in stay]), (
        torch.stack([out[:, i] for i in stay], 1) if columns else out.clone()
    )


def _edges_10_4():
    for about, query, out, heads, head in [
        ("as many inputs as rows", torch.randn(6, 6), torch.randn(6, 6), 2, 0),
        ("very small numbers", 1e-9 * torch.randn(4, 3), 1e-9 * torch.randn(3, 4), 2, 1),
        (
            "very large, endless, equal numbers and zeros",
            torch.tensor([[1e9, torch.inf], [0.0, -1.0], [2.0, 2.0]]),
            torch.tensor([[1e9, -1.0, 0.0]]),
            3,
            1,
        ),
    ]:
        yield Case(about, (query, out, heads, head))


def _cases_10_4():
    query = torch.arange(8.0).view(4, 2)
    yield Case("the example, head 0 of 2", (query, query.T.contiguous() + 10, 2, 0))
    for width, heads, each, head in [(6, 3, 2, 1), (8, 4, 3, 3), (5, 2, 4, 0), (4, 4, 1, 2)]:
        about = f"head {head} of {heads}, {each} wide"
        yield Case(about, (torch.randn(heads * each, width), torch.randn(width, heads * each), heads, head))
    yield Case("float64", (torch.randn(6, 6).double(), torch.randn(6, 6).double(), 3, 2))
    yield from _edges_10_4()


ex_10_4 = Exercise(
    "10.4",
    remove_head,
    _cases_10_4,
    verified="first, middle and last heads of several widths",
    hint="A head is a run of neighbouring rows of query and the same run of columns of out.",
    mistakes=[
        (
            "Who reads the removed rows? out still has columns for them.",
            lambda q, o, n, h: remove_head(q, o, n, h, columns=False),
        ),
        (
            "A head's rows lie side by side, not every few rows.",
            lambda q, o, n, h: remove_head(q, o, n, h, strided=True),
        ),
        (
            "Zeros are still stored and multiplied. Make the matrices smaller.",
            lambda q, o, n, h: (q * _other(q, n, h)[:, None], o * _other(q, n, h)),
        ),
        (
            "That keeps the head and removes the others.",
            lambda q, o, n, h: (q[~_other(q, n, h)], o[:, ~_other(q, n, h)]),
        ),
        ("Heads count from 0.", lambda q, o, n, h: remove_head(q, o, n, (h - 1) % n)),
        (
            "out reads heads by its columns, not by its rows.",
            lambda q, o, n, h: (remove_head(q, o, n, h)[0], o[: len(q) - len(q) // n]),
        ),
    ],
)


def _other(query, heads, head):
    return torch.arange(len(query)) // (len(query) // heads) != head


# 10.5 block_influence(before, after)


def block_influence(before, after):
    total, count = 0.0, 0
    for x, y in zip(
        before.flatten(0, 1).double().tolist(), after.flatten(0, 1).double().tolist(), strict=True
    ):
        dot = sum(a * b for a, b in zip(x, y, strict=True))
        total += dot / math.sqrt(sum(a * a for a in x) * sum(b * b for b in y))
        count += 1
    return 1 - total / count


def _cosine(x, y):
    return torch.nn.functional.cosine_similarity(x.double(), y.double(), dim=-1)


def _edges_10_5():
    for about, before, after in [
        ("very small vectors", 1e-6 * torch.randn(2, 3, 4), 1e-6 * torch.randn(2, 3, 4)),
        ("very large vectors", 1e9 * torch.randn(2, 3, 4), 1e9 * torch.randn(2, 3, 4)),
        (
            "places of very different length",
            torch.randn(2, 4, 3) * torch.tensor([1.0, 10, 100, 1000]).view(1, 4, 1),
            torch.randn(2, 4, 3),
        ),
        (
            "numbers instead of vectors",
            torch.tensor([[[2.0], [-1.0], [1.0], [0.5]]]),
            torch.tensor([[[1.0], [1.0], [1.0], [-2.0]]]),
        ),
        (
            "float64, entries that are zero and equal",
            torch.eye(3).double().view(1, 3, 3),
            torch.ones(1, 3, 3).double(),
        ),
    ]:
        yield Case(about, (before, after))


def _cases_10_5():
    before = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
    after = torch.tensor([[[3.0, 0.0], [2.0, 0.0]]])
    yield Case("the example, two places", (before, after))
    for texts, places, width in [(2, 3, 4), (1, 5, 8), (4, 1, 3)]:
        x = torch.randn(texts, places, width)
        yield Case(
            f"{texts} texts of {places} places, width {width}",
            (x, x + torch.rand(texts, places, 1) * torch.randn_like(x)),
        )
    x = torch.randn(2, 2, 4)
    yield Case("a block that turns everything round", (x, -x))
    yield Case("a block that only stretches", (x, 5 * x))
    yield from _edges_10_5()


ex_10_5 = Exercise(
    "10.5",
    block_influence,
    _cases_10_5,
    verified="several shapes, a block that stretches, one that turns round",
    hint="One cosine for each place of each text, along the last axis; the mean of them, and 1 minus that.",
    mistakes=[
        (
            "That is the similarity. A block with influence changes what passes by.",
            lambda x, y: _cosine(x, y).mean().item(),
        ),
        (
            "Each place has an angle of its own: no cosine of everything at once.",
            lambda x, y: 1 - _cosine(x.flatten(), y.flatten()).item(),
        ),
        (
            "A product of vectors grows with their lengths; a cosine does not.",
            lambda x, y: 1 - (x * y).sum(-1).double().mean().item(),
        ),
        (
            "The angle is between a place's vectors, so the width is the axis, not the places.",
            lambda x, y: (
                1 - torch.nn.functional.cosine_similarity(x.double(), y.double(), dim=1).mean().item()
            ),
        ),
        (
            "How far a vector moves is another question than how far it turns.",
            lambda x, y: (y - x).double().norm(dim=-1).mean().item(),
            lambda x, y: ((y - x).double().norm(dim=-1) / x.double().norm(dim=-1)).mean().item(),
        ),
        ("A mean over the places, not a sum.", lambda x, y: (1 - _cosine(x, y)).sum().item()),
        (
            "An angle of more than a right angle counts, too: no absolute value.",
            lambda x, y: 1 - _cosine(x, y).abs().mean().item(),
        ),
    ],
)


# 10.6 sparsity_for_bytes(value_bits, dense_bits)


def sparsity_for_bytes(value_bits, dense_bits, index=1):
    """The sparsity s at which value_bits (1 - s) + 1 bits, a bitmap's, are dense_bits: solved by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if value_bits * (1 - middle) + index > dense_bits else (low, middle)
    return (low + high) / 2


def _edges_10_6():
    for value_bits, dense_bits in [(16, 17), (1, 1), (64, 5), (4, 3), (2, 2), (5, 2)]:
        yield Case(f"values of {value_bits} bits against {dense_bits} bits dense", (value_bits, dense_bits))


def _cases_10_6():
    yield Case("the example, float16 against 8 bit", (16, 8))
    for value_bits, dense_bits in [(16, 4), (16, 2), (32, 8), (8, 4), (16, 1), (32, 31), (8, 7)]:
        yield Case(f"values of {value_bits} bits against {dense_bits} bits dense", (value_bits, dense_bits))
    yield from _edges_10_6()


ex_10_6 = Exercise(
    "10.6",
    sparsity_for_bytes,
    _cases_10_6,
    verified="values of 1 to 64 bits against 1 to 31 bits",
    hint=(
        "Write the bits per weight of the sparse form: those of the values that stay, and the bitmap's one,"
        " which all pay."
    ),
    mistakes=[
        (
            "The bitmap has a bit for every weight, also for those that go.",
            lambda v, d: 1 - d / v,
            lambda v, d: 1 - d / (v + 1),
        ),
        ("That is the density: the share that stays.", lambda v, d: (d - 1) / v),
        ("The bitmap costs one bit; it does not save one.", lambda v, d: 1 - (d + 1) / v),
        ("A percentage is a hundred times the answer.", lambda v, d: 100 * (1 - (d - 1) / v)),
    ],
)

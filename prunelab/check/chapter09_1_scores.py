"""Exercises of chapter 09.1: a score for a group."""

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 9.2 group_score(members, channels, reduction)


def group_score(
    members, channels, reduction, size=abs, divide=lambda members: len(members), in_a_row=True, other=False
):
    scores = [0.0] * channels
    for weight, dim in members:
        dim = 1 - dim if other and weight.shape[1 - dim] % channels == 0 else dim
        lines = weight.transpose(0, dim).flatten(1)
        positions = len(lines) // channels
        for line, values in enumerate(lines.double().tolist()):
            channel = line // positions if in_a_row else line % channels
            scores[channel] += sum(map(size, values))
    count = divide(members) if reduction == "mean" else 1
    return torch.tensor([score / count for score in scores], dtype=members[0][0].dtype)


def _weights_of(members):
    return sum(weight.numel() for weight, _ in members)


def _members(channels, dtype=torch.float32):
    """A group as in a residual network: two makers, a depthwise filter, a reader, and a linear layer behind a
    flatten.
    """
    shapes = [
        ((channels, 3, 3, 3), 0),
        ((channels, 5, 1, 1), 0),
        ((channels, 1, 3, 3), 0),
        ((6, channels, 3, 3), 1),
        ((4, channels * 4), 1),
    ]
    return [(torch.randint(-16, 17, shape).to(dtype) / 4, dim) for shape, dim in shapes]


def _edges_9_2():
    for about, members, channels, reduction in [
        (
            "float64 that float32 cannot hold",
            [(1e300 * torch.randn(2, 3).double(), 0), (1e300 * torch.randn(4, 2).double(), 1)],
            2,
            "mean",
        ),
        (
            "kernels that are not square",
            [(torch.randn(3, 2, 1, 5), 0), (torch.randn(4, 3, 2, 3), 1)],
            3,
            "mean",
        ),
        (
            "as many outputs as channels",
            [(torch.randn(4, 4), 0), (torch.randn(4, 4), 1), (torch.randn(4, 8), 1)],
            4,
            "sum",
        ),
        ("very small weights", [(1e-9 * torch.randn(2, 3), 0), (1e-9 * torch.randn(3, 4), 1)], 2, "mean"),
        ("very large weights", [(1e9 * torch.randn(2, 3), 0), (1e9 * torch.randn(3, 4), 1)], 2, "sum"),
    ]:
        yield Case(about, (members, channels, reduction))


def _cases_9_2():
    example = [(torch.tensor([[1.0, -2.0], [0.5, 0.0]]), 0), (torch.tensor([[4.0, 1.0]]), 1)]
    for reduction in ("sum", "mean"):
        yield Case(f"the example, {reduction}", (example, 2, reduction))
    for channels in (2, 3, 8):
        for reduction in ("sum", "mean"):
            yield Case(
                f"{channels} channels, five members, {reduction}", (_members(channels), channels, reduction)
            )
    yield Case("one member", (_members(4)[:1], 4, "mean"))
    yield Case("a reader behind a flatten alone", (_members(4)[-1:], 4, "sum"))
    yield Case("one channel, float64", (_members(1, torch.float64), 1, "mean"))
    yield from _edges_9_2()


ex_9_2 = Exercise(
    "9.2",
    group_score,
    _cases_9_2,
    verified="makers and readers, depthwise filters, inputs behind a flatten, sum and mean, both float types",
    hint=(
        "weight.movedim(dim, 0) puts the entries of the channels first; reshape(channels, -1) collects what"
        " belongs to each."
    ),
    mistakes=[
        ("Without magnitudes, positive and negative weights cancel.", lambda *a: group_score(*a, size=float)),
        (
            "The score is a sum of magnitudes, not of squares.",
            lambda *a: group_score(*a, size=lambda w: w * w),
        ),
        (
            "The mean is over the members, not over their weights: divide by the number of members.",
            lambda *a: group_score(*a, divide=_weights_of),
        ),
        (
            "Behind a flatten a channel owns several inputs, and they stand side by side.",
            lambda *a: group_score(*a, in_a_row=False),
        ),
        (
            "`reduction` is not looked at: a sum is asked for as well as a mean.",
            lambda m, c, r: group_score(m, c, "sum"),
            lambda m, c, r: group_score(m, c, "mean"),
        ),
        (
            "`dim` says where the channels are: 0 in a layer that makes them, 1 in one that reads them.",
            lambda *a: group_score(*a, other=True),
        ),
    ],
)

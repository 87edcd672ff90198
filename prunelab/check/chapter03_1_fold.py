"""Exercises of chapter 03.1: what a constant channel leaves behind."""

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 3.3 fold_bias(bias, weight, beta, kept)


def fold_bias(bias, weight, beta, kept):
    channels = len(beta)
    new = bias.tolist()
    for o, row in enumerate(weight.flatten(1).tolist()):
        each = len(row) // channels
        for c in range(channels):
            if not kept[c]:
                new[o] += max(0.0, beta[c].item()) * sum(row[c * each : (c + 1) * each])
    return torch.tensor(new, dtype=bias.dtype)


def _sums(weight, beta):
    return weight.reshape(len(weight), len(beta), -1).sum(2)


def _edges_3_3():
    for about, weight, beta, kept in [
        (
            "one pruned channel, whose beta is below zero",
            torch.randn(3, 4, 2, 1),
            torch.tensor([0.5, -0.75, 0.25, 1.0]),
            torch.tensor([True, False, True, True]),
        ),
        (
            "as many outputs as channels",
            torch.randn(3, 3),
            torch.tensor([0.5, 0.5, -0.5]),
            torch.tensor([False, True, False]),
        ),
        (
            "betas that are zero and very small",
            1e-4 * torch.randn(2, 6),
            torch.tensor([0.0, 1e-4, -1e-4]),
            torch.zeros(3) > 0,
        ),
        (
            "very large betas",
            1e4 * torch.randn(2, 6),
            torch.tensor([1e4, 2e4, -3e4]),
            torch.tensor([False, True, False]),
        ),
        ("a single channel", torch.randn(4, 5), torch.tensor([0.75]), torch.tensor([False])),
    ]:
        yield Case(
            about, ((0.0 if weight.abs().max() < 1 else 1.0) * torch.randn(len(weight)), weight, beta, kept)
        )


def _cases_3_3():

    def draw(*shape, dtype=torch.float32):
        return torch.randn(shape, dtype=dtype)

    example = (
        torch.tensor([0.5, 0.0]),
        torch.tensor(
            [[[[1.0, 2.0]], [[1.0, 1.0]], [[3.0, -1.0]]], [[[0.0, 1.0]], [[2.0, 2.0]], [[1.0, 1.0]]]]
        ),
        torch.tensor([0.7, 0.3, -0.4]),
        torch.tensor([False, True, False]),
    )
    yield Case("the example, channels 0 and 2 are pruned", example)
    for about, shape, channels, dtype in [
        ("a convolution behind, (5, 4, 3, 3)", (5, 4, 3, 3), 4, torch.float32),
        ("a linear layer behind flatten, 6 channels of 4 pixels", (7, 24), 6, torch.float32),
        ("a linear layer, one pixel per channel, float64", (3, 8), 8, torch.float64),
    ]:
        kept = torch.rand(channels) < 0.5
        kept[:2] = torch.tensor([True, False])
        args = draw(shape[0], dtype=dtype), draw(*shape, dtype=dtype), draw(channels, dtype=dtype), kept
        args[2][:2] = args[2][:2].abs() + 0.1  # one kept and one pruned channel that really send something
        yield Case(about, args)
    args = draw(2), draw(2, 3, 2, 2), draw(3).abs(), torch.ones(3, dtype=torch.bool)
    everything = draw(2), draw(2, 3, 2, 2), draw(3), torch.zeros(3, dtype=torch.bool)
    yield Case("everything is pruned", everything)
    yield Case("nothing is pruned", args, args[0].clone())
    yield from _edges_3_3()


ex_3_3 = Exercise(
    "3.3",
    fold_bias,
    _cases_3_3,
    verified="convolutions, linear layers behind flatten, betas of both signs, nothing pruned",
    hint=(
        "Follow the constant of one pruned channel: through the ReLU, then through every weight that reads"
        " this channel."
    ),
    mistakes=[
        (
            "The bias is as before. What does a channel with gamma = 0 send, and where does it arrive?",
            lambda b, w, beta, kept: b.clone(),
        ),
        (
            (
                "Something stands between the BatchNorm and the next layer. What does a negative beta become"
                " there?"
            ),
            lambda b, w, beta, kept: b + _sums(w, beta)[:, ~kept] @ beta[~kept],
        ),
        (
            (
                "Channels that stay still send their own signal. Only what the pruned ones sent has to be"
                " replaced."
            ),
            lambda b, w, beta, kept: b + _sums(w, beta) @ beta.relu(),
        ),
        (
            "True means kept: you fold the channels that stay.",
            lambda b, w, beta, kept: b + _sums(w, beta)[:, kept] @ beta[kept].relu(),
        ),
        (
            "The constant arrived before the pruning, so it must still arrive after it. Check the sign.",
            lambda b, w, beta, kept: b - _sums(w, beta)[:, ~kept] @ beta[~kept].relu(),
        ),
        (
            "The layer's own bias is lost: the constant comes on top of it.",
            lambda b, w, beta, kept: _sums(w, beta)[:, ~kept] @ beta[~kept].relu(),
        ),
        (
            "Every position of the kernel sees the constant. They add up.",
            lambda b, w, beta, kept: (
                b + w.reshape(len(w), len(beta), -1).mean(2)[:, ~kept] @ beta[~kept].relu()
            ),
        ),
        (
            "The ReLU works on what each channel sends, before the weights, not on the sum that arrives.",
            lambda b, w, beta, kept: b + (_sums(w, beta)[:, ~kept] @ beta[~kept]).relu(),
        ),
        (
            "The constant meets the weights of the next layer, other ones for each output.",
            lambda b, w, beta, kept: b + beta[~kept].relu().sum(),
        ),
    ],
)

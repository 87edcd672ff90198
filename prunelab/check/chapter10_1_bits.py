"""Exercises of chapter 10.1: bits per character."""

import math

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 10.1 bits(logits, numbers)


def bits(logits, numbers):
    total = 0.0
    for row, number in zip(logits.double().tolist(), numbers.tolist()[1:], strict=True):
        highest = max(row)
        total += math.log2(sum(math.exp(v - highest) for v in row)) - (row[number] - highest) / math.log(2)
    return total / len(logits)


def _log_p(logits):
    return logits.double().log_softmax(1)


def _picked(logits, numbers):
    return _log_p(logits)[torch.arange(len(logits)), numbers]


def _edges_10_1():
    yield Case(
        "the right character is all but excluded", (torch.tensor([[200.0, 0.0]]), torch.tensor([0, 1]))
    )
    yield Case("characters of equal probability", (torch.zeros(3, 4), torch.tensor([3, 0, 2, 2])))
    yield Case("nearly equal logits", (torch.tensor([[1e-9, 0.0, -1e-9]]), torch.tensor([1, 2])))
    yield Case("very large logits", (torch.tensor([[1e5, 0.0, -1e5]]), torch.tensor([1, 0])))
    yield Case("a character that cannot come", (torch.tensor([[0.0, -torch.inf, 1.0]]), torch.tensor([1, 2])))


def _cases_10_1():
    logits = torch.log(
        torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75], [0.25, 0.5, 0.25]], dtype=torch.float64)
    )
    yield Case("the example, three predictions", (logits, torch.tensor([2, 0, 0, 1])))
    for about, places, characters, dtype in [
        ("7 places, 5 characters", 7, 5, torch.float32),
        ("40 places, 85 characters, float64", 40, 85, torch.float64),
        ("a single prediction", 1, 4, torch.float32),
        ("two characters", 9, 2, torch.float32),
    ]:
        yield Case(
            about,
            (3 * torch.randn(places, characters, dtype=dtype), torch.randint(characters, (places + 1,))),
        )
    yield Case("large logits", (torch.tensor([[1000.0, 990.0], [-1000.0, -1001.0]]), torch.tensor([0, 1, 0])))
    yield from _edges_10_1()


ex_10_1 = Exercise(
    "10.1",
    bits,
    _cases_10_1,
    verified="several alphabets, a single prediction, logits of a thousand",
    hint=(
        "The prediction at place t is about the character at place t + 1; its surprise is minus the logarithm"
        " of its probability."
    ),
    mistakes=[
        (
            "Natural logarithms give nats. A bit is a factor of two.",
            lambda logits, n: -_picked(logits, n[1:]).mean().item(),
        ),
        (
            "Which character does the prediction at place 0 speak about? Not the one that was just read.",
            lambda logits, n: -_picked(logits, n[:-1]).mean().item() / math.log(2),
        ),
        (
            "A mean over the characters, not a sum.",
            lambda logits, n: -_picked(logits, n[1:]).sum().item() / math.log(2),
        ),
        (
            "The surprise of something possible is never negative.",
            lambda logits, n: _picked(logits, n[1:]).mean().item() / math.log(2),
        ),
        (
            "Take the logarithm of each probability first, and the mean then.",
            lambda logits, n: -math.log2(max(_picked(logits, n[1:]).exp().mean().item(), 1e-300)),
        ),
        ("That is perplexity: two to the power of the answer.", lambda logits, n: 2 ** bits(logits, n)),
    ],
)

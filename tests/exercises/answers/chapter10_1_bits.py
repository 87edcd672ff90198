"""Answers to 10.1: right ones, written differently, and wrong ones that must be refused."""

import math

import torch
import torch.nn.functional as F

from answers import plausible, right, wrong

# 10.1 bits


@right("10.1")
def by_cross_entropy(logits, numbers):
    return F.cross_entropy(logits.double(), numbers[1:]).item() / math.log(2)


@right("10.1")
def by_gather(logits, numbers):
    log_p = logits.double().log_softmax(1).gather(1, numbers[1:, None])
    return -(log_p / math.log(2)).mean().item()


@wrong("10.1", "nats")
def in_nats(logits, numbers):
    return F.cross_entropy(logits, numbers[1:]).item()


@wrong("10.1", "Which character does the prediction")
def about_the_past(logits, numbers):
    return F.cross_entropy(logits.double(), numbers[:-1]).item() / math.log(2)


# 10.1, once more from the text alone


def _bi_10_1(la, n, sel=None, red=lambda x: x.mean()):
    lp = la.double().log_softmax(1)
    y = n[1:] if sel is None else sel(n)
    return float(red(-lp[torch.arange(len(la)), y])) / math.log(2)


right("10.1")(lambda la, n: F.cross_entropy(la.double(), n[1:]).item() / math.log(2))

plausible(
    "10.1",
    lambda la, n: _bi_10_1(la, n, sel=lambda n: n[:-1]),  # this character
    lambda la, n: _bi_10_1(la, n, red=lambda x: x.median()),  # median
    lambda la, n: _bi_10_1(la, n, red=lambda x: x.clamp(max=30).mean()),  # capped
    lambda la, n: (
        -math.log2(max(1e-300, la.double().softmax(1)[torch.arange(len(la)), n[1:]].mean().item()))
    ),  # mean probability
    lambda la, n: (
        float(-(la.double().softmax(1) * la.double().log_softmax(1)).sum(1).mean()) / math.log(2)
    ),  # entropy of the prediction
    lambda la, n: _bi_10_1(
        la, n, red=lambda x: x[1:].mean() if len(x) > 1 else x.mean()
    ),  # first place left out
)


# found by readers


plausible(
    "10.1",
    lambda z, n: -z.softmax(1).log2()[torch.arange(len(z)), n[1:]].mean().item(),
    lambda z, n: -(z.double().softmax(1) + 1e-9).log2()[torch.arange(len(z)), n[1:]].mean().item(),
)

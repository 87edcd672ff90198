"""Answers to 10.1: right ones, written differently, and wrong ones that must be refused."""

import math

import torch.nn.functional as F

from answers import right, wrong

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

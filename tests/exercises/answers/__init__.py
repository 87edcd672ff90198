"""Marks the answers in ``chapter*.py``, right ones and wrong ones, with the exercise they belong to."""

from collections import defaultdict

RIGHT = defaultdict(list)  # exercise -> functions
WRONG = defaultdict(list)  # exercise -> (function, piece of the hint it must get)


def right(number):
    """Mark a right answer to exercise ``number``, for example ``"2.1"``."""

    def mark(function):
        RIGHT[number].append(function)
        return function

    return mark


def wrong(number, hint):
    """Mark a wrong answer that the checker does not know literally, with a piece of the hint that it must
    get.
    """

    def mark(function):
        WRONG[number].append((function, hint))
        return function

    return mark


def plausible(number, *functions):
    """Mark wrong answers for which any hint will do."""
    for function in functions:
        wrong(number, "")(function)

"""Exercises of chapter 09.1: what can go from a network that somebody else wrote."""

import random

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise
from prunelab.surgery.explanation import Row

# 9.8 room(rows)

OUTPUT = "makes the model's output, so its outputs cannot be removed"


def room(rows, amount=lambda row: row.removable, stuck=lambda row: not row.removable):
    share = sum(map(amount, rows)) / sum(row.channels for row in rows)
    coarse = {row.layer: row.removable // row.units for row in rows if row.removable > row.units}
    return share, sorted(row.layer for row in rows if stuck(row)), coarse


def _row(layer, channels, removable, units=None, reason="", kind="Conv2d"):
    """A row as ``explain`` gives it; each channel is a unit of its own unless ``units`` says otherwise."""
    units = removable if units is None else units
    reason = reason or ("" if removable == channels else "cat has no channel for it")
    return Row(layer, kind, channels, removable, units, ("read",) if removable else (), reason, "")


def _last(layer, channels):
    return _row(layer, channels, 0, reason=OUTPUT, kind="Linear")


# stem, inner and outer of a residual block, and the layer that reads it
EXAMPLE_9_8 = (_row("stem", 6, 6), _row("inner", 4, 4), _row("outer", 6, 6), _last("read", 5))


def _edges_9_8():
    for about, rows in [
        ("the layer of the answers only", (_last("0", 3),)),
        ("a layer can lose a part of its channels", (_row("a", 8, 6), _row("b", 4, 4), _last("c", 2))),
        ("names that do not stand in order", (_row("z", 4, 0), _row("b", 3, 3), _last("a", 2))),
        (
            "layers inside others, with equal last names",
            (_row("body.proj", 4, 0), _row("head.proj", 4, 0), _row("tail.proj", 2, 2), _last("end.proj", 9)),
        ),
        ("a convolution in groups", (_row("0", 8, 8, 4), _row("2", 12, 12, 4), _last("5", 2))),
        (
            "heads of two widths, and a part of the heads",
            (_row("0.attention", 48, 48, 4), _row("1.attention", 48, 24, 2), _row("1.up", 64, 64)),
        ),
        ("all channels in one unit", (_row("a", 6, 6, 1), _row("b", 6, 6), _last("c", 1))),
        ("every layer can go", (_row("a", 3, 3), _row("b", 5, 5))),
        ("no layer can go", (_row("b", 3, 0), _last("a", 5))),
        ("a single channel", (_row("a", 1, 1), _last("b", 1))),
        ("a wide network", (_row("wide", 4096, 4096), _row("narrow", 1, 1), _last("head", 1000))),
    ]:
        yield Case(about, (rows,))


def _cases_9_8():
    yield Case("the example: a residual block", (EXAMPLE_9_8,), (16 / 21, ["read"], {}))
    yield from _edges_9_8()
    draw = random.Random(8)
    for count in range(2, 10):
        rows = []
        for name in draw.sample(range(100), count):
            size, units = draw.choice((1, 1, 2, 3, 8)), draw.randint(1, 6)
            gone = draw.randint(0, units)
            rows.append(_row(f"block.{name}", size * units, size * gone, gone))
        yield Case(f"{count} layers at random", ((*rows, _last("classifier", 10)),))


def _mean_of_shares(rows):
    return sum(row.removable / row.channels for row in rows) / len(rows), *room(rows)[1:]


ex_9_8 = Exercise(
    "9.8",
    room,
    _cases_9_8,
    verified="a residual block, groups, heads, parts of a layer, nothing and everything, layers at random",
    hint="Look at each row's channels, removable and units.",
    mistakes=[
        (
            "Layers differ in width: no share of layers, and no mean of their shares, is one of channels.",
            _mean_of_shares,
        ),
        (
            "A unit of several channels is counted as one. The share is one of channels.",
            lambda rows: room(rows, amount=lambda row: row.units),
        ),
        (
            "A layer that can lose a part of its channels is not stuck.",
            lambda rows: room(rows, stuck=lambda row: row.removable < row.channels),
        ),
        (
            "The output layer cannot lose anything either: it is one of the stuck layers.",
            lambda rows: room(rows, stuck=lambda row: not row.removable and row.reason != OUTPUT),
        ),
        (
            "Layers whose units have one channel do not belong into the dict.",
            lambda rows: (
                *room(rows)[:2],
                {row.layer: row.removable // row.units for row in rows if row.removable},
            ),
        ),
        (
            "The dict holds numbers of units. It should hold the channels of one.",
            lambda rows: (
                *room(rows)[:2],
                {row.layer: row.units for row in rows if row.removable > row.units},
            ),
        ),
    ],
)

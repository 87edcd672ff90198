"""Exercises of chapter 09.1: what can go from a network that somebody else wrote."""

import torch
from torch import nn

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise
from prunelab.surgery import explain

# 9.8 room(model, example_input)


class Residual(nn.Module):
    """A sum couples two convolutions; between them a narrower one is free."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.inner = nn.Conv2d(channels, inner, 3, padding=1)
        self.outer = nn.Conv2d(inner, channels, 3, padding=1)
        self.read = nn.Linear(channels, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        x = torch.relu(x + self.outer(torch.relu(self.inner(x))))
        return self.read(x.mean((2, 3)))


class Sized(nn.Module):
    """The forward pass names the number of channels: they must stay."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 6, 3)
        self.read = nn.Linear(96, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.read(torch.relu(self.second(torch.relu(self.first(x)))).view(-1, 6 * 16))


class Headed(nn.Module):
    """A network inside another, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Residual(4, 2)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))


def room(model, example_input, amount=lambda row: row.removable, stuck=lambda row: not row.removable):
    rows = explain(model, example_input).rows
    share = sum(map(amount, rows)) / sum(row.channels for row in rows)
    coarse = {row.layer: row.removable // row.units for row in rows if row.removable > row.units}
    return share, sorted(row.layer for row in rows if stuck(row)), coarse


def _mean_of_shares(model, example_input):
    rows = explain(model, example_input).rows
    mean = sum(row.removable / row.channels for row in rows) / len(rows)
    return mean, *room(model, example_input)[1:]


def _cases_9_8():
    def grouped(*layers):
        return nn.Sequential(nn.Conv2d(3, 8, 3), *layers, nn.ReLU(), nn.Flatten(), nn.Linear(432, 2)).eval()

    for about, model, example_input, expected in [
        ("the example", Residual(6, 4), torch.randn(2, 3, 8, 8), (16 / 21, ["read"], {})),
        (
            "a chain of Linear layers",
            nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)),
            torch.randn(2, 4),
            (6 / 9, ["2"], {}),
        ),
        (
            "a size that is named in the code",
            Sized(),
            torch.randn(2, 1, 8, 8),
            (4 / 13, ["read", "second"], {}),
        ),
        ("a network inside another", Headed(), torch.randn(2, 3, 8, 8), (22 / 24, ["head.3"], {})),
        (
            "a convolution in four groups",
            grouped(nn.Conv2d(8, 12, 1, groups=4)),
            torch.randn(2, 3, 8, 8),
            (20 / 22, ["5"], {"0": 2, "2": 3}),
        ),
        (
            "heads of attention, float64",
            nn.TransformerEncoderLayer(16, 4, 24, dropout=0.0, batch_first=True).double().eval(),
            torch.randn(2, 5, 16).double(),
            (72 / 136, ["linear2", "norm1", "norm2", "self_attn.out_proj"], {"self_attn": 12}),
        ),
    ]:
        yield Case(about, (model, example_input), expected)


ex_9_8 = Exercise(
    "9.8",
    room,
    _cases_9_8,
    verified="a chain, a sum, a size in the code, a network inside another, groups, heads",
    hint="Look at the rows of explain: channels, removable and units of each layer.",
    mistakes=[
        ("Sum the channels of all layers first, then divide: layers differ in width.", _mean_of_shares),
        (
            "A unit of several channels is counted as one. The share is one of channels.",
            lambda m, x: room(m, x, amount=lambda row: row.units),
        ),
        (
            "A layer that can lose a part of its channels is not stuck.",
            lambda m, x: room(m, x, stuck=lambda row: row.removable < row.channels),
        ),
        (
            "The output layer cannot lose anything either: it is one of the stuck layers.",
            lambda m, x: room(m, x, stuck=lambda row: not row.removable and "output" not in row.reason),
        ),
        (
            "Only layers whose units have more than one channel belong into the dict.",
            lambda m, x: (
                *room(m, x)[:2],
                {r.layer: r.removable // r.units for r in explain(m, x).rows if r.removable},
            ),
        ),
        (
            "The dict holds the channels of one unit, not the number of units.",
            lambda m, x: (
                *room(m, x)[:2],
                {r.layer: r.units for r in explain(m, x).rows if r.removable > r.units},
            ),
        ),
    ],
)

"""Integers that know where they come from, so that a size in a forward pass can follow the channels."""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from prunelab.surgery.tracks import counted

Place = tuple[str, str, int | None]  # module, attribute, position in a tuple or None


class Count(int):
    """An int with the formula that it comes from: what it would be if channels were gone."""

    formula: Callable[["Trial"], int]
    places: dict[Place, int]  # the attributes in the formula, and their values
    tracks: list[torch.Tensor]  # the channels in the formula

    def __new__(cls, value: int, formula: Callable[["Trial"], int], *others: int):
        count = super().__new__(cls, value)
        count.formula, count.places, count.tracks = formula, {}, []
        for other in others:
            if isinstance(other, Count):
                count.places |= other.places
                count.tracks += other.tracks
        return count

    def __reduce__(self):  # a copy of a module holds plain integers
        return int, (int(self),)


def _arithmetic(name: str) -> None:
    """Teach Count one operator of int, and its mirror image."""
    apply = getattr(operator, name)

    def forward(self, other):
        value = getattr(int, f"__{name}__")(self, other)
        if not isinstance(other, int) or not isinstance(value, int):
            return value
        return Count(value, lambda t: apply(now(self, t), now(other, t)), self, other)

    def mirrored(self, other):
        value = getattr(int, f"__r{name}__")(self, other)
        if not isinstance(other, int) or not isinstance(value, int):
            return value
        return Count(value, lambda t: apply(now(other, t), now(self, t)), self, other)

    setattr(Count, f"__{name}__", forward)
    setattr(Count, f"__r{name}__", mirrored)


for _name in ("add", "sub", "mul", "floordiv", "mod"):
    _arithmetic(_name)


@dataclass
class Trial:
    """One removal that is tried: which numbers stay, and which attributes change for it."""

    kept: torch.Tensor
    attributes: dict[Place, int] = field(default_factory=dict)


def now(value: int, trial: Trial) -> int:
    """Return what ``value`` is under the trial."""
    return value.formula(trial) if isinstance(value, Count) else value


def places(value: int) -> dict[Place, int]:
    return value.places if isinstance(value, Count) else {}


def of_size(value: int, track: torch.Tensor, dim: int) -> Count:
    """Return the size of a dimension that a track runs along, as a Count."""
    count = Count(value, lambda trial: counted(track, dim, trial.kept))
    count.tracks = [track]
    return count


def of_attribute(value: int, place: Place) -> Count:
    """Return an attribute of a module as a Count."""
    count = Count(value, lambda trial: trial.attributes.get(place, value))
    count.places = {place: value}
    return count


@dataclass
class Equation:
    """A size that the forward pass names, and the track that says what it must be."""

    size: int
    track: torch.Tensor
    dim: int
    where: str
    sign: int = 1

    @property
    def tracks(self) -> list[torch.Tensor]:
        """All channels that it depends on."""
        return [self.track, *(self.size.tracks if isinstance(self.size, Count) else [])]

    def required(self, trial: Trial) -> int:
        return self.sign * counted(self.track, self.dim, trial.kept)

    def holds(self, trial: Trial) -> bool:
        """Tell whether the size fits, and change an attribute of the trial where that makes it fit."""
        wanted, given = self.required(trial), self._given(trial)
        if given == wanted:
            return True
        for place, old in places(self.size).items():
            if place not in trial.attributes and given and (old * wanted) % given == 0:
                trial.attributes[place] = old * wanted // given
                if self._given(trial) == wanted:
                    return True
                del trial.attributes[place]
        return False

    def _given(self, trial: Trial) -> int:
        try:
            return now(self.size, trial)
        except ZeroDivisionError:
            return -1

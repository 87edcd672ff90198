"""Tracks: beside a tensor travel tensors of its shape that say, for each element, which channel it belongs
to.

A track takes no memory where it repeats itself: along such a dimension its stride is 0.
"""

import weakref
from dataclasses import dataclass, field

import torch

NOTHING = 0  # the number of what is no channel: an input, the zeros of a padding


@dataclass
class Carried:
    """What travels beside one tensor: its tracks, whether only parameters made it, and who made it."""

    tracks: list[torch.Tensor] = field(default_factory=list)
    weight: bool = False
    by: str = ""
    name: str = ""  # of the parameter or buffer that it is


class Beside:
    """What travels beside each tensor, by the tensor itself and not by its values; it keeps none alive."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref, Carried]] = {}

    def get(self, tensor: torch.Tensor) -> Carried | None:
        entry = self._entries.get(id(tensor))
        # another tensor may have this number by now
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def __setitem__(self, tensor: torch.Tensor, carried: Carried) -> None:
        self._entries[id(tensor)] = weakref.ref(tensor), carried


def varying(track: torch.Tensor) -> list[int]:
    """Return the dimensions along which the numbers differ."""
    return [d for d in range(track.ndim) if track.shape[d] > 1 and track.stride(d) != 0]


def compact(track: torch.Tensor) -> torch.Tensor:
    """Return the track with size 1 along every dimension in which it repeats itself."""
    for d in range(track.ndim):
        if track.shape[d] > 1 and track.stride(d) == 0:
            track = track.narrow(d, 0, 1)
    return track


def spread(track: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Return the track repeated to ``shape``, in stride 0 wherever its numbers do not differ."""
    track = compact(track)
    for d in range(track.ndim):
        if track.shape[d] > 1 and (track == track.narrow(d, 0, 1)).all():
            track = track.narrow(d, 0, 1)
    return track.expand(shape)


def along(numbers: torch.Tensor, dim: int, shape: torch.Size) -> torch.Tensor:
    """Return a track of ``shape`` with ``numbers`` along ``dim``."""
    return numbers.view([-1 if d == dim % len(shape) else 1 for d in range(len(shape))]).expand(shape)


def lifted(track: torch.Tensor, ndim: int) -> torch.Tensor:
    """Return the compact track with dimensions of size 1 in front, as broadcasting adds them."""
    return compact(track).reshape([1] * (ndim - track.ndim) + list(compact(track).shape))


def counted(track: torch.Tensor, dim: int, kept: torch.Tensor) -> int:
    """Return how many entries along ``dim`` are left when only the numbers in ``kept`` (bool by number)
    are.
    """
    return int(entries(track, dim, kept).sum())


def entries(track: torch.Tensor, dim: int, kept: torch.Tensor) -> torch.Tensor:
    """Return which entries along ``dim`` are left, ``(track.shape[dim],)`` bool."""
    small = compact(track)
    left = kept[small.movedim(dim, 0).reshape(small.shape[dim], -1)].any(1)
    return left.expand(track.shape[dim]) if len(left) == 1 else left


def living(mask: torch.Tensor, dim: int) -> torch.Tensor:
    """Return for each entry along ``dim`` whether the mask keeps anything of it."""
    small = compact(mask)
    return small.movedim(dim, 0).reshape(small.shape[dim], -1).any(1).expand(mask.shape[dim])

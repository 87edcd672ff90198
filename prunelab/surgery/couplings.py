"""What must stay or go together: numbers of channels, what couples them, and the groups that follow."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from prunelab.surgery.sizes import Equation, Place, Trial, places
from prunelab.surgery.tracks import NOTHING, along, compact, varying


@dataclass
class Grid:
    """A channel dimension that a reshape laid out in several: channels go by whole rows along one of them."""

    track: torch.Tensor  # compact, without the dimensions along which it repeats itself
    equations: list[Equation]  # the sizes that the reshape names
    where: str


class Said(NamedTuple):
    """What one operation says: ``left[i]`` and ``right[i]`` go together. Settled at the end, all at once."""

    left: torch.Tensor
    right: torch.Tensor | None  # nothing: the numbers on the left stay, or (without a ``why``) have a hint
    why: str | None
    hint: str


class Choice(NamedTuple):
    """A grouped convolution: channels go by whole groups, or by the same place of every group."""

    channels: torch.Tensor  # that come in, (groups, channels of one)
    read: torch.Tensor  # the weight's entries that read them, (channels of one,)
    filters: torch.Tensor  # (groups, filters of one)
    who: str
    where: str

    def whole(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return the numbers that go together if groups go."""
        return [(self.channels, self.channels[:, :1]), (self.filters, self.channels[:, :1])]

    def places(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return the numbers that go together if a place of every group goes."""
        return [(self.channels, self.read), (self.filters, self.filters[:1])]

    def asks(self, asked: torch.Tensor, places: bool) -> bool:
        """Tell whether the numbers that shall go are whole groups, or (``places``) of all groups."""
        rows = [asked[numbers] for numbers in (self.filters, self.channels)]
        wanted = next((r for r in rows if r.any()), rows[0])
        return bool((wanted.all(1 - places) == wanted.any(1 - places)).all())


@dataclass
class Couplings:
    """Every entry of every dimension of every parameter and buffer has a number; 0 is what cannot be
    removed.
    """

    tensors: Mapping[str, torch.Tensor]
    first: dict[tuple[str, int], int] = field(default_factory=dict)
    count: int = NOTHING + 1
    said: list[Said] = field(default_factory=list)
    fixed: list[tuple[torch.Tensor, str]] = field(default_factory=list)
    hints: list[tuple[torch.Tensor, str]] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    wholes: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)
    equations: list[Equation] = field(default_factory=list)
    reads: set[tuple[str, int]] = field(default_factory=set)  # dimensions that read channels
    makes: set[tuple[str, int]] = field(default_factory=set)  # and those that make or scale them

    def __post_init__(self) -> None:
        for name, tensor in self.tensors.items():
            for dim, size in enumerate(tensor.shape):
                self.first[name, dim] = self.count
                self.count += size
        self.own = self.count  # numbers from here on belong to no parameter
        self._places, self._firsts = list(self.first), list(self.first.values())
        self._starts = torch.tensor(self._firsts)

    def numbers(self, name: str, dim: int) -> torch.Tensor:
        """Return the numbers of the entries along one dimension of a parameter or buffer."""
        first = self.first[name, dim]
        return torch.arange(first, first + self.tensors[name].shape[dim])

    def tracks(self, name: str) -> list[torch.Tensor]:
        """Return a parameter's own tracks, one for each dimension longer than 1."""
        shape = self.tensors[name].shape
        return [along(self.numbers(name, d), d, shape) for d in range(len(shape)) if shape[d] > 1]

    def places_of(self, track: torch.Tensor) -> set[tuple[str, int]]:
        """Return the (parameter, dimension) whose entries these numbers are."""
        numbers = compact(track).flatten()
        if len(numbers):  # mostly they are all of one place: then so are the least and the largest
            least, largest = map(int, numbers.aminmax())
            place = bisect_right(self._firsts, least) - 1
            if place >= 0 and largest < self.own and bisect_right(self._firsts, largest) - 1 == place:
                return {self._places[place]}
        numbers = numbers[(numbers != NOTHING) & (numbers < self.own)]
        found = (torch.searchsorted(self._starts, numbers, right=True) - 1).unique()
        return {self._places[i] for i in found.tolist()}

    def new(self, count: int) -> torch.Tensor:
        """Return numbers that nobody has."""
        self.count += count
        return torch.arange(self.count - count, self.count)

    def couple(self, a: torch.Tensor, b: torch.Tensor, why: str, hint: str = "") -> None:
        """Put ``a[i]`` and ``b[i]`` into one group; what is coupled to nothing stays, and ``why`` says so."""
        a, b = (a, b) if a.shape == b.shape else torch.broadcast_tensors(a, b)
        self.said.append(Said(a.reshape(-1), b.reshape(-1), why, hint))

    def hint(self, numbers: torch.Tensor, text: str, first: bool = False) -> None:
        """Say what couples these numbers, if somebody asks; ``first`` before everything else."""
        self.said.insert(0 if first else len(self.said), Said(numbers.reshape(-1), None, None, text))

    def mix(self, track: torch.Tensor, dims: list[int], why: str, strict: bool = True) -> torch.Tensor:
        """Couple all numbers along ``dims`` and return one of each, of size 1 there."""
        small = compact(track)
        one = small.amax(dims, keepdim=True) if dims else small
        if one.shape != small.shape:
            both = torch.broadcast_tensors(small, one)
            known = both[0] != NOTHING
            if strict:
                self.couple(both[0], both[1], why, why)
            else:
                self.couple(both[0][known], both[1][known], why, why)
        return one

    def fix(self, numbers: torch.Tensor, why: str) -> None:
        """Say why these numbers cannot be removed."""
        self.said.append(Said(compact(numbers).reshape(-1), None, why, ""))

    def settle(self) -> torch.Tensor:
        """Return the numbers that go together, (2, pairs); write down which stay, why, and the hints."""
        sizes = torch.tensor([len(said.left) for said in self.said], dtype=torch.long)
        none = torch.full((1,), NOTHING)
        left = torch.cat([none[:0], *(said.left for said in self.said)])
        right = torch.cat(
            [none[:0], *(none.expand_as(s.left) if s.right is None else s.right for s in self.said)]
        )
        pairs = (left != NOTHING) & (right != NOTHING) & (left != right)
        alone = (left != NOTHING) ^ (right != NOTHING)
        which = torch.arange(len(sizes)).repeat_interleave(sizes)
        parts = []  # of every saying: what met, and what stood alone
        for numbers, where in ((left, pairs), (torch.maximum(left, right), alone)):
            parts.append(numbers[where].split(which[where].bincount(minlength=len(sizes)).tolist()))
        for said, met, lonely in zip(self.said, *parts, strict=True):
            if said.why is not None and len(lonely):
                self.fixed.append((lonely, said.why))
            if said.hint and len(met if said.why is not None else lonely):
                self.hints.append((met if said.why is not None else lonely, said.hint))
        self.said = []
        return torch.stack([left[pairs], right[pairs]])

    def grid(self, track: torch.Tensor, equations: list[Equation], where: str) -> None:
        """Note that ``track`` runs along several dimensions at once."""
        self.grids.append(Grid(compact(track), equations, where))


class Groups:
    """The outcome: ``labels[number]`` is the group of a number, ``reasons`` says why a group stays."""

    def __init__(self, couplings: Couplings, asked: torch.Tensor):
        self.couplings = couplings
        self.labels = torch.arange(couplings.count)
        self.labels = self.merged(couplings.settle())
        self.fixed = torch.cat([torch.tensor([NOTHING]), *(numbers for numbers, _ in couplings.fixed)])
        for choice in couplings.choices:
            self._choose(choice, asked)
        for grid in couplings.grids:
            self._settle(grid)
        self._tie()
        self._settle_wholes()

    def merge(self, pairs: torch.Tensor) -> None:
        """Make one group of every two labels in ``pairs`` (2, n)."""
        self.labels = self.merged(pairs)

    def merged(self, pairs: torch.Tensor) -> torch.Tensor:
        """Return the labels if every two in ``pairs`` (2, n) were one."""
        from scipy.sparse import coo_array  # here, because most who import this module never get here
        from scipy.sparse.csgraph import connected_components

        met = torch.zeros(len(self.labels), dtype=torch.bool)
        met[pairs] = True
        nodes = met.nonzero().flatten()
        place = torch.empty(len(self.labels), dtype=torch.long)
        place[nodes] = torch.arange(len(nodes))
        left, right = place[pairs].numpy()
        links = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(len(nodes), len(nodes)))
        parts = torch.from_numpy(connected_components(links, directed=False)[1]).long()
        # a group is called by the smallest of its labels
        smallest = torch.full((len(nodes),), len(self.labels)).scatter_reduce(0, parts, nodes, "amin")
        renamed = torch.arange(len(self.labels))
        renamed[nodes] = smallest[parts]
        return renamed[self.labels]

    def _choose(self, choice: Choice, asked: torch.Tensor) -> None:
        """Let a grouped convolution lose what is asked for, or else what can go in more parts."""
        ways = []
        for together in (choice.whole(), choice.places()):
            pairs = torch.cat([torch.stack(torch.broadcast_tensors(*p)).flatten(1) for p in together], 1)
            alone = (pairs == NOTHING).any(0)
            labels = self.merged(self.labels[pairs[:, ~alone]])
            stays = torch.zeros(len(labels), dtype=torch.bool)
            stays[labels[torch.cat([self.fixed, pairs[:, alone].amax(0)])]] = True
            parts = labels[choice.filters].unique()
            ways.append((int((~stays[parts]).sum()), together))
        places = ways[1][0] > ways[0][0]
        if choice.asks(asked, not places) and not choice.asks(asked, places):
            places = not places
        if places:
            text = f"filters go only at the same place of all {len(choice.filters)} groups"
        else:
            text = f"filters go only as whole groups of {choice.filters.shape[1]}"
        for left, right in ways[places][1]:
            self.couplings.couple(left, right, f"{choice.where} is a grouped convolution: {text}")
        before = len(self.couplings.fixed)
        self.merge(self.labels[self.couplings.settle()])
        self.fixed = torch.cat([self.fixed, *(numbers for numbers, _ in self.couplings.fixed[before:])])
        self.couplings.hints.insert(
            0, (choice.filters.flatten(), f"{choice.who} is a grouped convolution: {text}")
        )

    def _stay(self, numbers: torch.Tensor, why: str) -> None:
        """Say of more numbers that they cannot be removed."""
        numbers = compact(numbers).flatten()
        self.couplings.fixed.append((numbers, why))
        self.fixed = torch.cat([self.fixed, numbers])

    def stays(self) -> torch.Tensor:
        """Return for each label whether it holds a number that cannot be removed, ``(labels,)`` bool."""
        stays = torch.zeros(len(self.labels), dtype=torch.bool)
        stays[self.labels[self.fixed]] = True
        return stays

    def _settle(self, grid: Grid) -> None:
        """Choose the dimension along which a grid gets shorter, and couple whole rows."""
        axes = [d for d in varying(grid.track)]
        if len(axes) < 2:
            return
        stays = self.stays()
        for attributes in (False, True):
            for axis in axes:
                if self._fits(grid, axis, attributes, stays):
                    rows = self.labels[grid.track].movedim(axis, 0).flatten(1)
                    self.merge(torch.stack([rows[:, :1].expand_as(rows).flatten(), rows.flatten()]))
                    return
        if len(self.labels[grid.track].unique()) > 1:  # else what made them one is the reason
            self._stay(grid.track, f"{grid.where} lays channels out in a shape that cannot get smaller")
        else:
            self.fixed = torch.cat([self.fixed, grid.track.flatten()])

    def _fits(self, grid: Grid, axis: int, attributes: bool, stays: torch.Tensor) -> bool:
        """Tell whether one row along ``axis`` can go while the others stay."""
        rows = self.labels[grid.track].movedim(axis, 0).flatten(1)
        for row in rows[~stays[rows].any(1)]:
            gone = torch.isin(rows, row).any(1)
            if gone.all():
                continue
            kept = ~torch.isin(self.labels, self.labels.new_tensor(rows[gone].unique().tolist()))
            trial = Trial(kept)
            return all(e.holds(trial) for e in grid.equations) and (attributes or not trial.attributes)
        return False

    def _tie(self) -> None:
        """Couple what one attribute names the size of: it can have one value only."""
        named: dict[Place, list[torch.Tensor]] = defaultdict(list)
        for equation in self.couplings.equations:
            for place, value in places(equation.size).items():
                rows = self.labels[compact(equation.track)].movedim(equation.dim, 0)
                rows = rows.reshape(len(rows), -1)
                if len(rows) == value == equation.size and (rows == rows[:, :1]).all():
                    named[place].append(rows[:, 0])
        pairs = [torch.stack([first, other]) for first, *others in named.values() for other in others]
        if pairs:
            self.merge(torch.cat(pairs, 1))

    def _settle_wholes(self) -> None:
        """What was broadcast goes with all that it met, if that is one group; if it is several, it stays."""
        for parts, whole in self.couplings.wholes:
            labels = self.labels[parts]
            one = (labels == labels[:, :1]).all(1) & (parts[:, 0] != NOTHING)
            self.merge(torch.stack([labels[one, 0], self.labels[whole[one]]]))
            if not one.all():
                self._stay(whole[~one], "it is shared by channels that do not go together")

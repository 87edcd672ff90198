"""What a followed run has shown: which channels go together, which can go, and why the others stay."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from prunelab.surgery.couplings import Couplings, Groups
from prunelab.surgery.examples import Example, arguments_of, fitting, guesses, working_copy
from prunelab.surgery.following import Following, count_attributes, running
from prunelab.surgery.lock import Output, recording, taken
from prunelab.surgery.sizes import Trial
from prunelab.surgery.tracks import compact, living


class Group(dict[tuple[str, int], torch.Tensor]):
    """``{(parameter name, dimension): indices (channels, entries)}``, and which of these members read."""

    def __init__(self, members: Mapping[tuple[str, int], torch.Tensor], reads: set[tuple[str, int]]):
        super().__init__(members)
        self.reads = {member for member in members if member in reads}

    def renamed(self, prefix: str) -> "Group":
        """Return the group with ``prefix`` before every parameter's name."""
        return Group(
            {(prefix + n, d): i for (n, d), i in self.items()}, {(prefix + n, d) for n, d in self.reads}
        )


@dataclass
class Followed:
    """One run: the couplings found, the groups they make, and what it ran on."""

    following: Following
    groups: Groups
    args: tuple
    kwargs: dict[str, Any]
    model: nn.Module  # the copy that ran
    outputs: list[Output]
    asked: torch.Tensor  # which numbers the masks drop, (numbers,) bool

    def __post_init__(self) -> None:
        self.couplings = self.following.couplings
        self.stays = self.groups.stays()
        self.refused: dict[int, str] = {}  # label -> the equation that its removal breaks
        self._touched: dict[int, list[int]] = defaultdict(list)
        for number, equation in enumerate(self.couplings.equations):
            numbers = torch.cat([compact(track).flatten() for track in equation.tracks]).unique()
            for label in self.groups.labels[numbers].unique().tolist():
                self._touched[label].append(number)
        self._verdicts: dict[tuple, str] = {}
        # of every entry along every dimension of every parameter: its label, and the number of that place
        sizes = [self.following.parameters[name].shape[dim] for name, dim in self.places]
        self._own = self.groups.labels[1 : 1 + sum(sizes)]
        self._place = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes, dtype=torch.long))

    @cached_property
    def reads(self) -> set[tuple[str, int]]:
        """The dimensions that only read channels."""
        return self.couplings.reads - self.couplings.makes

    def labels(self, name: str, dim: int) -> torch.Tensor:
        """Return the group's label of each entry along one dimension of a parameter or buffer."""
        return self.groups.labels[self.couplings.numbers(name, dim)]

    def broken(self, label: int) -> str:
        """Return why a group of channels cannot go by itself, or nothing."""
        touched = tuple(self._touched[label])
        if touched and touched not in self._verdicts:
            trial = Trial(self.groups.labels != label)
            bad = [e for e in (self.couplings.equations[i] for i in touched) if not e.holds(trial)]
            self._verdicts[touched] = (
                f"{bad[0].where} names the size {int(bad[0].size)} for it" if bad else ""
            )
        return self._verdicts.get(touched, "")

    def owners(self, label: int) -> str:
        """Return the modules that make the channels of a group."""
        return self._modules(label, reads=False)

    def readers(self, label: int) -> str:
        """Return the modules that read the channels of a group."""
        return self._modules(label, reads=True)

    def _modules(self, label: int, reads: bool) -> str:
        places = [self.places[i] for i in self._place[self._own == label].unique().tolist()]
        found = [
            name.rpartition(".")[0] or name for name, dim in places if ((name, dim) in self.reads) == reads
        ]
        return ", ".join(dict.fromkeys(found))

    def free(self) -> torch.Tensor:
        """Return for each label whether ``removable`` finds it, ``(labels,)`` bool."""
        free = torch.zeros(len(self.stays), dtype=torch.bool)
        for group in self.removable().values():
            for (name, dim), indices in group.items():
                free[self.labels(name, dim)[indices.flatten()]] = True
        return free

    def removable(self) -> dict[str, Group]:
        """Return the groups of at least two channels with the same members, by their first weight's name."""
        made = torch.zeros(len(self.stays), dtype=torch.bool)
        makes = torch.tensor([place in self.couplings.makes for place in self.places], dtype=torch.bool)
        made[self._own[makes[self._place]]] = True
        channels = (made & ~self.stays).nonzero().flatten()
        channels = channels[[not (c in self._touched and self.broken(c)) for c in channels.tolist()]]
        groups: dict[str, Group] = {}
        for members in self._alike(channels):
            if len(next(iter(members.values()))) > 1:
                name = next(
                    parameter for parameter, dim in members if (parameter, dim) in self.couplings.makes
                )
                same = sum(other.split(" (")[0] == name for other in groups)
                groups[f"{name} ({same + 1})" if same else name] = Group(members, self.reads)
        order = {name: i for i, name in enumerate(self.following.parameters)}
        return dict(sorted(groups.items(), key=lambda item: order[item[0].split(" (")[0]]))

    @cached_property
    def places(self) -> list[tuple[str, int]]:
        """The dimensions of the parameters."""
        return [place for place in self.couplings.first if place[0] in self.following.parameters]

    def _alike(self, channels: torch.Tensor) -> list[dict[tuple[str, int], torch.Tensor]]:
        """Return for each kind of these channels where their entries are, ``(channels, entries)`` for each
        dimension; channels are of one kind if they have as many entries everywhere.
        """
        free = torch.zeros(len(self.stays), dtype=torch.bool)
        free[channels] = True
        numbers = free[self._own].nonzero().flatten()
        numbers = numbers[self._own[numbers].argsort(stable=True)]  # by channel, then by place
        place = self._place[numbers]
        entries = numbers + 1 - torch.tensor([self.couplings.first[p] for p in self.places])[place]
        counts = self._own[numbers].unique_consecutive(return_counts=True)[1]
        starts, code = (counts.cumsum(0) - counts).tolist(), place.numpy()
        kinds: dict[bytes, list[int]] = defaultdict(list)
        for start, count in zip(starts, counts.tolist(), strict=True):
            kinds[code[start : start + count].tobytes()].append(start)
        members = []
        for of_one, alike in kinds.items():
            where, widths = torch.frombuffer(bytearray(of_one), dtype=torch.long).unique_consecutive(
                return_counts=True
            )
            table = entries[torch.tensor(alike)[:, None] + torch.arange(int(widths.sum()))]
            parts = [part.contiguous() for part in table.split(widths.tolist(), 1)]
            members.append({self.places[i]: part for i, part in zip(where.tolist(), parts, strict=True)})
        return members

    def reason(self, numbers: torch.Tensor) -> str:
        """Return why the groups of these numbers stay, or what couples them, or nothing."""
        labels = self.groups.labels[numbers].unique()
        for found, why in self.couplings.fixed:
            if torch.isin(self.groups.labels[found], labels).any():
                return why
        broken = next((b for b in map(self.broken, labels.tolist()) if b), "")
        return broken or self.coupled_by(numbers)

    def coupled_by(self, numbers: torch.Tensor) -> str:
        """Return what couples the groups of these numbers, or nothing."""
        labels = self.groups.labels[numbers].unique()
        texts = [
            w for found, w in self.couplings.hints if torch.isin(self.groups.labels[found], labels).any()
        ]
        best = [w for w in texts if " joins " in w or "mixes" in w or "grouped" in w or "divides" in w]
        return next(iter(best or texts), "")

    def summary(self) -> str:
        """Return the reasons of the layers that make channels, each once."""
        reasons = []
        for name, dim in sorted(self.couplings.makes, key=lambda place: self.couplings.first[place]):
            why = self.reason(self.couplings.numbers(name, dim))
            if why and why not in reasons:
                reasons.append(why)
        return "; ".join(reasons[:4]) or "it has no layer that makes channels"


def follow(
    model: nn.Module,
    example: Example,
    masks: Mapping[str, torch.Tensor] | None = None,
    double: bool = False,
) -> Followed:
    """Run a copy of ``model`` (its tensors are shared, its own attributes untouched) and follow its channels.

    Raises TypeError or ValueError if there is no example that the model runs on."""
    error: Exception = ValueError("it has no Conv2d or Linear layer")
    for candidate in guesses(model) if example is None else (example,):
        args, kwargs = fitting(model, arguments_of(candidate))
        copied = working_copy(model)
        following = Following(copied, masks, double)
        count_attributes(copied)
        outputs: list[Output] = []
        try:
            with ExitStack() as stack:
                if double:
                    stack.enter_context(
                        recording(copied, lambda _, leaf, f=following: f.carried(leaf).tracks, outputs.append)
                    )
                stack.enter_context(running(following, copied))
                result = copied(*tree_map(clone, args), **tree_map(clone, kwargs))
        except Exception as problem:  # the user's code runs
            error = problem
            continue
        for leaf in (leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)):
            carried = following.carried(leaf)
            for track in carried.tracks:
                why = f"{carried.by} makes the model's output, so its outputs cannot be removed"
                following.couplings.fix(track, why)
            outputs.append(taken("the model's output", leaf, []))
        asked = asked_for(following.couplings, masks or {})
        return Followed(following, Groups(following.couplings, asked), args, kwargs, copied, outputs, asked)
    raise ValueError(f"example_input must be an input that the model runs on, but: {error}") from error


def asked_for(couplings: Couplings, masks: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return which numbers of what makes channels the masks drop, ``(numbers,)`` bool."""
    asked = torch.zeros(couplings.count, dtype=torch.bool)
    for name, mask in masks.items():
        for dim in range(mask.ndim):
            if (name, dim) in couplings.makes:
                asked[couplings.numbers(name, dim)] = ~living(mask, dim).cpu()
    return asked


def clone(value: Any) -> Any:
    """Return a copy of a tensor, because a forward pass may write; anything else as it is."""
    return value.clone() if isinstance(value, torch.Tensor) else value

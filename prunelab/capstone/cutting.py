"""Which channels go: one group at a time, then all together, as far as the price allows."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from prunelab import arguments
from prunelab.capstone.task import Task, checked
from prunelab.masks import apply_masks, keep_top
from prunelab.measure import macs, parameters
from prunelab.progress import progress
from prunelab.schedules import guard_masks
from prunelab.surgery import coupled_masks, reestimate_batchnorm, remove_filters
from prunelab.surgery.followed import Group

MULTIPLE, WIDE = 8, 32  # groups of so many channels or more keep a multiple of 8, as processors like it
Groups = Mapping[str, Group]
Scores = Mapping[str, torch.Tensor]


def kept_channels(scores: Scores, shares: Mapping[str, float]) -> dict[str, torch.Tensor]:
    """Return which channels stay, group -> ``(channels,)`` bool, if of each group the ``shares`` with the
    lowest ``scores`` go. At least one stays; of 32 channels or more a multiple of 8, rounded to the nearest.

    >>> {name: int(mask.sum()) for name, mask in kept_channels({"a": torch.arange(64)}, {"a": 0.3}).items()}
    {'a': 48}

    Raises TypeError or ValueError for bad scores, an unknown group, or a share outside [0, 1]. Source:
    notebook capstone."""
    arguments.mapping("scores", scores), arguments.mapping("shares", shares, at_least=0)
    kept = {}
    for name, share in shares.items():
        score = arguments.tensor(
            f"scores[{arguments.one_of('a name in shares', name, scores)!r}]", scores[name]
        )
        score = score.flatten()
        n, share = len(score), arguments.fraction(f"shares[{name!r}]", share)
        if n >= WIDE and n % MULTIPLE == 0:
            share = 1 - max(MULTIPLE, MULTIPLE * round((1 - share) * n / MULTIPLE)) / n
        kept[name] = keep_top(score, share)
    return guard_masks(kept, {name: scores[name].flatten() for name in kept}) if kept else {}


def removed_share(kept: torch.Tensor) -> float:
    """Return the share of channels that a mask ``kept`` drops. Raises TypeError or ValueError for no mask.

    Source: notebook capstone."""
    return float((~arguments.mask("kept", kept)).double().mean())


def cut(task: Task, groups: Groups, kept: Mapping[str, torch.Tensor]) -> nn.Module:
    """Return the network of ``task`` without the channels that ``kept`` drops, its BatchNorm statistics
    fitted to what is left. Raises as ``surgery.remove_filters``.

    Source: notebook capstone."""
    masks = coupled_masks(checked(task).model, groups, kept)
    return _fitted(
        task, remove_filters(task.model, masks, task.example) if masks else copy.deepcopy(task.model)
    )


def scan(
    task: Task,
    groups: Groups,
    scores: Scores,
    dense: float,
    shares: tuple = (0.25, 0.5, 0.75),
    label: str = "scan",
) -> dict[str, dict[float, float]]:
    """Return for each group what ``validate`` says when the channels with the lowest ``scores`` are silenced
    in that group alone: {group: {share that went: number}}, with ``dense`` at 0.

    The share is what really went, after rounding; one that removes nothing, or the same as another, is left
    out. Silenced channels compute what removed ones would (``remove_filters`` makes sure of that).

    Raises TypeError or ValueError for bad arguments. Source: notebook capstone."""
    checked(task), arguments.mapping("groups", groups), arguments.text("label", label)
    curves: dict[str, dict[float, float]] = {}
    with progress(len(groups) * len(shares), label) as bar:
        for name in groups:
            curves[name] = {0.0: dense}
            for share in shares:
                kept = kept_channels(scores, {name: share})
                went = removed_share(kept[name])
                if went not in curves[name]:
                    silent = copy.deepcopy(task.model)
                    apply_masks(silent, coupled_masks(task.model, groups, kept))
                    curves[name][went] = task.quality(_fitted(task, silent))
                bar.update()
    return curves


@dataclass(frozen=True)
class Choice:
    """The result of ``choose``: ``model``, the smaller network, trained; ``shape``, the same before the
    training; ``kept``, which channels stay, by group; ``shares``, what went of each group; ``damaged`` and
    ``repaired``, what ``validate`` says before and after; ``tried``, one dict per joint cut that was tried
    (``shares``, ``damaged``, ``repaired``, ``cost``, ``parameters``); ``refused``, the groups that could not
    be cut, and why. Source: notebook capstone.
    """

    model: nn.Module
    shape: nn.Module
    kept: dict[str, torch.Tensor]
    shares: dict[str, float]
    damaged: float
    repaired: float
    tried: list[dict]
    refused: dict[str, str]


def choose(task: Task, groups: Groups, scores: Scores, curves: Mapping, passes: int) -> Choice:
    """Return the largest joint cut that, trained for ``passes``, costs at most the price on validation data.

    A joint cut takes of each group the largest scanned share that costs at most a tolerance alone. Together
    they cost more than alone, so the tolerance is not the price: it is found by bisection, and each step
    cuts, trains and validates. Groups that cannot be removed as the masks ask are named in ``refused`` and
    stay.

    Raises TypeError or ValueError for bad arguments, and ValueError if no cut at all stays within the price.
    Source: notebook capstone."""
    checked(task), arguments.mapping("curves", curves)
    dense = next(iter(curves.values()))[0.0]
    costs = {name: {s: task.lost(dense, q) for s, q in curve.items() if s} for name, curve in curves.items()}
    plans = _plans(costs)
    tried: list[dict] = []
    refused: dict[str, str] = {}
    best: Choice | None = None
    low, high = 0, len(plans)  # plans[:low] are within the price, as far as known
    with progress(max(1, math.ceil(math.log2(len(plans) + 1))), "joint cuts") as bar:
        while low < high:
            number = (low + high) // 2
            shares = {name: share for name, share in plans[number].items() if name not in refused}
            kept = kept_channels(scores, shares)
            small = _cut_what_goes(task, groups, kept, refused)
            shape, damaged = copy.deepcopy(small), task.quality(small)
            repaired = task.quality(task.trained(small, passes))
            cost = task.lost(dense, repaired)
            went = {name: removed_share(mask) for name, mask in kept.items()}
            tried.append(
                {"shares": went, "damaged": damaged, "repaired": repaired, "cost": cost}
                | {"parameters": parameters(small)}
            )
            if cost <= task.price:
                best, low = Choice(small, shape, kept, went, damaged, repaired, tried, refused), number + 1
            else:
                high = number
            bar.update()
    if best is None:
        worst = min(step["cost"] for step in tried) if tried else math.inf
        raise ValueError(
            f"no cut costs at most the price of {task.price:g}: the least of {len(tried)} tried costs"
            f" {worst:g} after {passes} passes. Train longer, allow more, or scan smaller shares"
        )
    return best


def uniform(task: Task, groups: Groups, scores: Scores, target: int, passes: int) -> tuple[nn.Module, float]:
    """Return a network of at most ``target`` multiply-accumulates on the example that loses the same share of
    every group, trained for ``passes``, and that share: the control for a choice group by group.

    Raises TypeError or ValueError for bad arguments, or if no share gets there. Source: notebook capstone."""
    checked(task), arguments.count("target", target), arguments.mapping("groups", groups)
    low, high, found = 0.0, 1.0, None
    with progress(6, "uniform cut") as bar:
        for _ in range(6):
            share = (low + high) / 2
            kept = kept_channels(scores, dict.fromkeys(groups, share))
            small = _cut_what_goes(task, groups, kept, {})
            if macs(small, task.example) <= target:
                high, found = share, (small, share)
            else:
                low = share
            bar.update()
    if found is None:
        raise ValueError(f"no uniform cut has at most {target:,} multiply-accumulates")
    return task.trained(found[0], passes), found[1]


def _plans(costs: Mapping[str, Mapping[float, float]]) -> list[dict[str, float]]:
    """Return joint cuts, each with more than the one before: what every tolerance lets go of each group."""
    plans: list[dict[str, float]] = []
    for tolerance in sorted({cost for group in costs.values() for cost in group.values()}):
        allowed = {
            name: max((share for share, cost in group.items() if cost <= tolerance), default=0.0)
            for name, group in costs.items()
        }
        plan = {name: share for name, share in allowed.items() if share}
        if not plans or plan != plans[-1]:
            plans.append(plan)
    if not plans:
        raise ValueError("curves must hold a share that went of some group, got none: scan larger shares")
    return plans


def _cut_what_goes(
    task: Task, groups: Groups, kept: dict[str, torch.Tensor], refused: dict[str, str]
) -> nn.Module:
    """Return ``cut`` of ``kept``; a group that cannot go as asked is taken out of ``kept``, and its reason
    kept.
    """
    try:
        return cut(task, groups, kept)
    except ValueError:
        for name in list(kept):  # which of them?
            try:
                remove_filters(
                    task.model, coupled_masks(task.model, groups, {name: kept[name]}), task.example
                )
            except ValueError as reason:
                refused[name] = str(reason)
                del kept[name]
        return cut(task, groups, kept)


def _fitted(task: Task, model: nn.Module) -> nn.Module:
    normed = any(
        isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats for m in model.modules()
    )
    if normed and task.inputs is not None:
        reestimate_batchnorm(model, task.inputs)
    return model.eval()

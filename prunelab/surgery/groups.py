"""Coupled groups: what one channel consists of throughout a network, its score, and masks that drop it as a
whole.
"""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from prunelab import arguments
from prunelab.surgery.examples import Example, unwrapped
from prunelab.surgery.followed import Group, follow

REDUCTIONS = ("sum", "mean")


@torch.inference_mode(False)
def coupled_groups(model: nn.Module, example_input: Example) -> dict[str, Group]:
    """Return the coupled groups of ``model`` that ``remove_filters`` can remove channels from, by the name of
    their first weight.

    A group has the same members for each of its channels: ``{(parameter name, dimension): indices}``, where
    row c of ``indices`` (channels, entries) holds the entries of that dimension that belong to channel c.
    ``group.reads`` are the members that read the channel: the next layers' inputs, several in a row behind a
    flatten. The others make it: filters, biases, a norm's scale and shift. A sum, a multiplication by gates
    and a depthwise convolution couple what they connect; the filters of one group of a grouped convolution
    count as one channel, or those at one place of all its groups, whichever makes more channels; so does all
    that one attention head consists of. Channels that cannot be removed are
    left out; ``explain`` says why.

    ``example_input`` is what the model is called with: a tensor (N, ...), a tuple of arguments, or a dict of
    named ones. Raises TypeError or ValueError if the model does not run on it, and ValueError with the
    reasons if nothing can be removed. Source: Fang et al., "DepGraph: Towards Any Structural Pruning" (arXiv
    2301.12900); notebook 09.1."""
    inner, prefix = unwrapped(model)
    if example_input is None:
        raise TypeError("example_input must be a tensor (N, ...), a tuple or a dict, got None")
    followed = follow(inner, example_input)
    groups = followed.removable()
    if not groups:
        raise ValueError(f"model must have channels that can be removed, but: {followed.summary()}")
    return {prefix + name: group.renamed(prefix) for name, group in groups.items()} if prefix else groups


def coupled_scores(
    groups: Mapping[str, Group], scores: Mapping[str, torch.Tensor], reduction: str = "sum"
) -> dict[str, torch.Tensor]:
    """Return one score per channel of each group ``(channels,)``, from ``scores`` of single weights by
    parameter name.

    A member's score of a channel is the sum of ``scores`` over its entries; ``reduction`` "sum" adds the
    members up, "mean" divides by their number. Members that ``scores`` does not name do not count: the
    magnitudes of the weights alone leave out biases and BatchNorm. The two reductions rank the channels of
    one group alike; under ``scope="global"`` the sum favours groups with many members. The result goes to
    ``mask_model``.

    Raises TypeError or ValueError for bad groups or scores, a group of which no member is scored, or an
    unknown reduction. Source: Fang et al. (arXiv 2301.12900); notebook 09.1."""
    _check_groups(groups)
    arguments.one_of("reduction", reduction, REDUCTIONS)
    if not isinstance(scores, Mapping):
        raise TypeError(f"scores must be a dict of parameter name -> tensor, got {type(scores).__name__}")
    sums = _sums(groups, scores)
    result = {}
    for name, group in groups.items():
        parts = [sums[member][indices].sum(1) for member, indices in group.items() if member in sums]
        if not parts:
            raise ValueError(f"scores must name a member of group {name!r}, such as {next(iter(group))[0]!r}")
        total = torch.stack(parts).sum(0)
        result[name] = total if reduction == "sum" else total / len(parts)
    return result


def _sums(groups: Mapping[str, Group], scores: Mapping[str, torch.Tensor]) -> dict:
    """Return for every member that is scored the sum over all dimensions but its own; each tensor of
    ``scores`` is asked for once.
    """
    longest: dict[str, dict[int, int]] = defaultdict(dict)  # parameter -> dimension -> entries
    for group in groups.values():
        for (parameter, dim), indices in group.items():
            if parameter in scores:
                longest[parameter][dim] = max(int(indices.max()) + 1, longest[parameter].get(dim, 0))
    sums: dict[tuple[str, int], torch.Tensor] = {}
    for parameter, dims in longest.items():
        values = arguments.tensor(f"scores[{parameter!r}]", scores[parameter]).detach()
        if any(values.ndim <= dim or values.shape[dim] < entries for dim, entries in dims.items()):
            raise ValueError(
                f"scores[{parameter!r}] must hold one score per weight, got shape {tuple(values.shape)}"
            )
        sums |= {(parameter, dim): _sum_of_others(values, dim) for dim in dims}
    return sums


def _sum_of_others(values: torch.Tensor, dim: int) -> torch.Tensor:
    """Return the sum over all dimensions but one, in float64. NumPy adds up without a copy in float64, which
    torch makes first.
    """
    values = values.cpu() if values.element_size() >= 4 else values.cpu().float()  # it has no bfloat16
    array = values.numpy()
    if dim:
        array = array.sum(tuple(range(dim)), dtype=np.float64)
    return torch.from_numpy(array.reshape(len(array), -1).sum(1, dtype=np.float64))


def coupled_masks(
    model: nn.Module, groups: Mapping[str, Group], kept: Mapping[str, torch.Tensor], silent: bool = True
) -> dict[str, torch.Tensor]:
    """Return masks by parameter name that drop whole channels of ``groups``: those that ``kept`` (group ->
    (channels,) bool) drops.

    Every filter that makes a dropped channel is masked. ``silent`` masks biases and BatchNorm's scale and
    shift, too, so that a dropped channel sends 0 instead of a constant: then zero padding is no obstacle for
    ``remove_filters``, and ``reestimate_batchnorm`` fits the statistics of what is left. Groups that ``kept``
    does not name stay.

    Raises TypeError or ValueError for bad arguments: an unknown group, or a mask of another length than its
    group. Source: notebook 09.1."""
    arguments.module("model", model)
    _check_groups(groups)
    if not isinstance(kept, Mapping):
        raise TypeError(f"kept must be a dict of group -> bool tensor, got {type(kept).__name__}")
    parameters = dict(model.named_parameters())
    masks: dict[str, torch.Tensor] = {}
    for name, keep in kept.items():
        arguments.one_of("a name in kept", name, groups)
        channels = len(next(iter(groups[name].values())))
        if not isinstance(keep, torch.Tensor) or keep.dtype != torch.bool or keep.shape != (channels,):
            raise ValueError(f"kept[{name!r}] must be a bool tensor of shape ({channels},), got {keep!r:.80}")
        reads = _reads(groups[name])
        for (parameter, dim), indices in groups[name].items():
            arguments.one_of(f"a parameter of group {name!r}", parameter, parameters)
            weight = parameters[parameter]
            if (parameter, dim) not in reads and (silent or weight.ndim > 1):
                shape = [size if d == dim else 1 for d, size in enumerate(weight.shape)]
                mask = torch.ones(shape, dtype=torch.bool).index_fill(
                    dim, indices[~keep.cpu()].flatten(), False
                )
                masks[parameter] = masks[parameter] & mask if parameter in masks else mask
    return masks


def _reads(group: Mapping) -> set[tuple[str, int]]:
    """Return the members that read the channel; of a plain dict, those of dimension 1."""
    return getattr(group, "reads", {member for member in group if member[1] == 1})


def _check_groups(groups: object) -> None:
    def fits(group: object) -> bool:
        return (
            isinstance(group, Mapping)
            and bool(group)
            and all(
                isinstance(member, tuple)
                and len(member) == 2
                and isinstance(indices, torch.Tensor)
                and indices.dtype == torch.long
                and indices.ndim == 2
                for member, indices in group.items()
            )
        )

    if not isinstance(groups, Mapping) or not all(map(fits, groups.values())):
        raise TypeError(f"groups must be what coupled_groups returns, got {groups!r:.80}")

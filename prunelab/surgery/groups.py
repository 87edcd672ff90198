"""Coupled groups: what one channel consists of throughout a network, its score, and masks that drop it as a
whole.
"""

import copy
from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import nn

from prunelab import arguments
from prunelab.surgery.removal import follow

REDUCTIONS = ("sum", "mean")
Group = dict[tuple[str, int], torch.Tensor]


def coupled_groups(model: nn.Module, example_input: torch.Tensor) -> dict[str, Group]:
    """Return the coupled groups of ``model`` that ``remove_filters`` can remove channels from, by the name of
    their first weight.

    A group has the same members for each of its channels: ``{(parameter name, dimension): indices}``, where
    row c of ``indices`` (channels, entries) holds the entries of that dimension that belong to channel c.
    Dimension 0 makes the channel: filters, biases, BatchNorm's scale and shift; dimension 1 reads it: the
    next layers' inputs, several in a row behind a flatten. A sum, a multiplication by gates and a depthwise
    convolution couple what they connect; the filters of one group of a grouped convolution count as one
    channel. Channels that cannot be removed are left out: the model's inputs and outputs, and those that
    reach an operation which mixes channels or is not understood, such as LayerNorm, attention or a channel
    shuffle.

    ``example_input`` (N, ...) shows the shape of the input. Raises TypeError or ValueError if the model does
    not run on it or if ``torch.fx`` cannot trace it. Source: Fang et al., "DepGraph: Towards Any Structural
    Pruning" (arXiv 2301.12900); notebook 09.1."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    if example_input is None:
        raise TypeError("example_input must be a tensor (N, ...), got None")
    coupling, _ = follow(copy.deepcopy(model).cpu().double().eval(), example_input)
    units = coupling.groups()
    fixed = {int(units[number]) for number in (0, *coupling.fixed)}
    members: dict[int, dict[tuple[str, int], list[int]]] = defaultdict(lambda: defaultdict(list))
    parameters = dict(model.named_parameters())
    for name, layer in coupling.layers.items():
        tensors = (
            (f"{name}.weight", 0, layer.rows),
            (f"{name}.bias", 0, layer.rows),
            (f"{name}.weight", 1, layer.columns),
        )
        for parameter, dim, numbers in tensors:
            if numbers is not None and parameter.lstrip(".") in parameters:
                for index, unit in enumerate(units[numbers].tolist()):
                    members[unit][parameter.lstrip("."), dim].append(index)
    alike = defaultdict(list)  # channels with the same members
    for unit, entries in members.items():
        if unit not in fixed:
            alike[tuple((member, len(indices)) for member, indices in entries.items())].append(entries)
    groups: dict[str, Group] = {}
    for key, channels in alike.items():
        name = next(parameter for (parameter, dim), _ in key if dim == 0)
        name = (
            name if name not in groups else f"{name} ({sum(other.startswith(name) for other in groups) + 1})"
        )
        groups[name] = {member: torch.tensor([entries[member] for entries in channels]) for member, _ in key}
    return {
        name: group for name, group in groups.items() if all(len(indices) > 1 for indices in group.values())
    }


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
    result = {}
    for name, group in groups.items():
        parts = []
        for (parameter, dim), indices in group.items():
            if parameter in scores:
                values = arguments.tensor(f"scores[{parameter!r}]", scores[parameter]).detach()
                if values.ndim <= dim or values.shape[dim] <= indices.max():
                    raise ValueError(
                        f"scores[{parameter!r}] must hold one score per weight, got shape"
                        f" {tuple(values.shape)}"
                    )
                parts.append(values.double().movedim(dim, 0).flatten(1).sum(1)[indices].sum(1))
        if not parts:
            raise ValueError(f"scores must name a member of group {name!r}, such as {next(iter(group))[0]!r}")
        total = torch.stack(parts).sum(0)
        result[name] = total if reduction == "sum" else total / len(parts)
    return result


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
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
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
        for (parameter, dim), indices in groups[name].items():
            arguments.one_of(f"a parameter of group {name!r}", parameter, parameters)
            weight = parameters[parameter]
            if dim == 0 and (silent or weight.ndim > 1):
                mask = masks.setdefault(
                    parameter, torch.ones(len(weight), *[1] * (weight.ndim - 1), dtype=torch.bool)
                )
                mask[indices[~keep.cpu()].flatten()] = False
    return masks


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

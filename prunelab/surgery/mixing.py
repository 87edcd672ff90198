"""Rules for operations in which channels see each other: sums, comparisons, norms."""

import re

import torch

from prunelab.surgery.elementwise import meet
from prunelab.surgery.movement import stay_or_pass
from prunelab.surgery.operation import Operation
from prunelab.surgery.tracks import compact, varying


def reduce(op: Operation) -> None:
    """Channels along the dimensions that are summed up, compared or normalised go together or not at all."""
    tensor, result = op.tensors()[0], op.results()[0]
    dims = _dims(op, tensor)
    tracks = []
    for track in op.carried(tensor).tracks:
        mixed = [d for d in varying(track) if d in dims]
        one = op.couplings.mix(track, mixed, f"{op.where} mixes its channels") if mixed else compact(track)
        if result.shape == tensor.shape:
            tracks.append(track)
        elif varying(one):
            shape = [1 if d in dims else s for d, s in enumerate(tensor.shape)]
            wide = one.expand(shape)
            tracks.append(wide if result.ndim == tensor.ndim else wide.squeeze(sorted(dims)))
    for output in op.results():
        if output.shape == result.shape:
            fitting = [compact(t).expand(result.shape) for t in tracks if t.ndim == result.ndim]
            op.carry(output, fitting, weight=op.carried(tensor).weight)


def _dims(op: Operation, tensor: torch.Tensor) -> set[int]:
    """Return the dimensions that a reduction names, or all of them."""
    names = [a.name for a in op.schema.arguments]
    position = names.index("dim") if "dim" in names else len(names)
    dims = op.argument(position, "dim")
    if dims is None or dims == []:
        return set(range(tensor.ndim))
    return {d % max(tensor.ndim, 1) for d in ([dims] if isinstance(dims, int) else dims)}


def spatial(op: Operation) -> None:
    """A pooling, resampling or padding of the last dimensions, as many as the name says."""
    tensor, digits = op.args[0], re.search(r"(\d)d", op.name)
    last = int(digits.group(1)) if digits else 2
    stay_or_pass(
        op, set(range(tensor.ndim - last, tensor.ndim)), f"{op.where} works in space along its channels"
    )


# ---- normalisation


def scales(op: Operation, parameter: torch.Tensor) -> None:
    """Note that masking this parameter silences its channels."""
    op.couplings.makes.update(*(op.couplings.places_of(track) for track in op.carried(parameter).tracks))


def batch_norm(op: Operation) -> None:
    """Scale, shift and statistics belong to the channel (dimension 1); in training, all else is averaged
    over.
    """
    x = op.args[0]
    tracks = list(op.carried(x).tracks)
    if next(a for a in op.args if isinstance(a, bool)):
        for track in tracks:
            mixed = [d for d in varying(track) if d != 1]
            if mixed:
                op.couplings.mix(track, mixed, f"{op.where} takes a mean and a spread over its channels")
    for position, parameter in enumerate(op.args[1:5]):
        if isinstance(parameter, torch.Tensor):
            if position == 0:
                scales(op, parameter)
            tracks = _per_channel(op, x, tracks, parameter, 1)
    op.carry(op.results()[0], tracks)


def _per_channel(op, x, tracks, parameter, dim):
    """Let a vector meet the tracks of x along one dimension."""
    shape = [1] * x.ndim
    shape[dim] = -1
    view = op.derive(parameter, lambda t: t.view(shape))
    whole = op.derive(x, lambda t: t)
    op.carry(whole, tracks, by=op.carried(x).by)
    return meet(op, [whole, view], x.shape, False)


def group_norm(op: Operation) -> None:
    """The channels of one group share a mean and a spread: whole groups go."""
    x, groups = op.args[0], op.args[6]
    tracks = list(op.carried(x).tracks)
    for track in tracks:
        if 1 in varying(track):
            small = compact(track)
            rows = small.unflatten(1, (groups, -1)) if small.shape[1] > 1 else small
            op.couplings.mix(rows, [2], f"{op.where} takes one mean and spread of each of {groups} groups")
    for position, parameter in enumerate(op.args[1:3]):
        if isinstance(parameter, torch.Tensor):
            if position == 0:
                scales(op, parameter)
            tracks = _per_channel(op, x, tracks, parameter, 1)
    op.carry(op.results()[0], tracks)


def layer_norm(op: Operation) -> None:
    """All normalised dimensions share a mean and a spread: their channels go together or not at all."""
    x, last = op.args[0], len(op.args[1])
    dims = list(range(x.ndim - last, x.ndim))
    tracks = list(op.carried(x).tracks)
    for track in tracks:
        mixed = [d for d in varying(track) if d in dims]
        if mixed:
            op.couplings.mix(
                track,
                mixed,
                f"{op.where} divides by the spread of all its channels: without one, the others change",
            )
    whole = op.derive(x, lambda t: t)
    op.carry(whole, tracks, by=op.carried(x).by)
    parameters = [p for p in op.args[2:4] if isinstance(p, torch.Tensor)]
    for parameter in parameters[:1]:
        scales(op, parameter)
    op.carry(op.results()[0], meet(op, [whole, *parameters], x.shape, False))

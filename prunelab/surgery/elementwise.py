"""Rules for operations that leave every element in its place: what meets in one element is coupled."""

import re

import torch

from prunelab.surgery.operation import Operation
from prunelab.surgery.tracks import compact, lifted, varying


def unknown(op: Operation) -> None:
    """Nobody knows what becomes of the channels: they stay."""
    for tensor in op.tensors():
        for track in op.carried(tensor).tracks:
            op.couplings.fix(track, f"what {op.where} does to channels ({op.name}) is not known")


def blank(op: Operation) -> None:
    """A new tensor that takes nothing from its argument but the dtype and the device."""


def keep(op: Operation) -> None:
    """A copy or another name of the same tensor."""
    carried = op.carried(op.args[0])
    tracks = [compact(t).expand(op.result.shape) for t in carried.tracks]
    op.carry(op.result, tracks, weight=carried.weight, name=carried.name, by=carried.by)


def pointwise(op: Operation) -> None:
    """Elements stay where they are; what meets in one element is coupled."""
    results = op.results()
    if results:
        tensors = [t for t in op.tensors() if not t.is_sparse]
        multiplies = re.search(r"\b(mul|div|addcmul|lerp)", op.name) is not None
        tracks = meet(op, tensors, results[0].shape, multiplies)
        for result in results:
            if result.shape == results[0].shape:
                op.carry(result, tracks)


def written(op: Operation) -> None:
    """``copy_``: a tensor that carries nothing takes over what is written into it."""
    target, source = op.args[:2]
    if op.carried(target).tracks or op.carried(target).weight or source.shape != target.shape:
        pointwise(op)
    else:
        op.carry(target, op.carried(source).tracks)


def meet(op: Operation, tensors: list[torch.Tensor], shape: torch.Size, multiplies: bool) -> list:
    """Couple what the tensors carry, broadcast to ``shape``, and return the tracks of the outcome."""
    couplings, ndim = op.couplings, len(shape)
    found: list = []
    names = [op.carried(t).by for t in tensors if op.carried(t).tracks and not op.carried(t).weight]
    why = f"{op.verb} joins {', '.join(names)}, so their channels are coupled" if len(names) > 1 else ""
    for tensor in tensors:
        carried = op.carried(tensor)
        if carried.weight and multiplies:
            couplings.makes.update(*(couplings.places_of(track) for track in carried.tracks))
        for track in carried.tracks:
            if track.ndim <= ndim and tuple(track.shape) == tuple(tensor.shape):
                add(op, found, lifted(track, ndim), why)
    kept = []
    for track in found:
        dims = varying(track)
        blank = [t for t in tensors if is_blank(op, t, dims, ndim)]
        if blank:
            couplings.fix(track, f"{op.where} adds or multiplies it with something that is no channel")
        else:
            if any(t.numel() > 1 and not op.carried(t).tracks for t in tensors):
                couplings.hint(track, f"{op.verb} joins it with one map for all channels")
            kept.append(track.expand(shape))
    return kept


def add(op: Operation, found: list[torch.Tensor], track: torch.Tensor, why: str) -> None:
    """Add a compact track to those found before: couple it with the one along the same dimensions."""
    dims = set(varying(track))
    for i, other in enumerate(found):
        others = set(varying(other))
        if dims == others:
            op.couplings.couple(track, other, why, why)
            return
        if dims & others:
            small, large = (track, other) if dims < others else (other, track)
            if not set(varying(small)) <= set(varying(large)):
                shared = dims & others
                small, large = (
                    op.couplings.mix(t, sorted(set(varying(t)) - shared), why) for t in (small, large)
                )
                op.couplings.couple(small, large, why, why)
                found[i] = large
                return
            order = varying(small)
            parts = (
                large.movedim(order, list(range(len(order)))).flatten(len(order)).flatten(0, len(order) - 1)
            )
            op.couplings.wholes.append((parts, small.flatten()))
            found[i] = large
            return
    if dims:
        found.append(track)


def is_blank(op: Operation, tensor: torch.Tensor, dims: list[int], ndim: int) -> bool:
    """Tell whether a tensor is long where a track runs, and carries nothing there."""
    offset = ndim - tensor.ndim
    here = {d + offset for track in op.carried(tensor).tracks for d in varying(track)}
    return any(d >= offset and tensor.shape[d - offset] > 1 and d not in here for d in dims)

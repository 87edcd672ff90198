"""Rules for operations that only move elements: they are applied to the tracks themselves."""

import torch
from torch.utils._pytree import tree_leaves

from prunelab.surgery.elementwise import add, is_blank, unknown
from prunelab.surgery.operation import Operation
from prunelab.surgery.tracks import NOTHING, compact, spread, varying


def move(op: Operation) -> None:
    """Elements only change places: apply the operation to the tracks."""
    (tensor, *_), carried = op.tensors(), op.carried(op.tensors()[0])
    outcomes: list[list[torch.Tensor]] = [[] for _ in op.results()]
    for track in carried.tracks:
        moved = op.call(lambda t, track=track: track if t is tensor else t)
        for tracks, result, new in zip(outcomes, op.results(), tree_leaves(moved), strict=True):
            new = spread(new, result.shape)
            if varying(new):
                tracks.append(new)
                _grid(op, track, new)
            elif varying(track):
                op.couplings.fix(track, f"{op.where} picks one of its channels by its place")
    for result, tracks in zip(op.results(), outcomes, strict=True):
        op.carry(result, tracks, weight=carried.weight, name=carried.name)


def move_in_place(op: Operation) -> None:
    """``transpose_`` and its like: the tensor has moved already, its tracks have not."""
    carried, name = op.carried(op.args[0]), op.name.split(".")[1].removesuffix("_")
    moved = [getattr(torch.ops.aten, name)(track, *op.args[1:], **op.kwargs) for track in carried.tracks]
    op.carry(op.result, [spread(t, op.result.shape) for t in moved], name=carried.name)


def restride(op: Operation) -> None:
    """``as_strided_`` to the same sizes in the same order: a pooling to 1 x 1 only writes its layout so."""
    tensor = op.args[0]
    if tuple(op.args[1]) != tuple(tensor.shape) or not tensor.squeeze().is_contiguous():
        unknown(op)


def view(op: Operation) -> None:
    """A view keeps the order of the elements, so its track is the reshaped one, a view or not."""
    carried, tracks = op.carried(op.args[0]), []
    for track in carried.tracks:
        new = spread(track.reshape(op.result.shape), op.result.shape)
        if varying(new):
            tracks.append(new)
            _grid(op, track, new)
    op.carry(op.result, tracks, weight=carried.weight, name=carried.name)


def _grid(op: Operation, before: torch.Tensor, after: torch.Tensor) -> None:
    if (
        len(varying(after)) > 1
        and after.shape != before.shape
        and len(varying(after)) != len(varying(before))
    ):
        op.couplings.grid(after, op.run.sizes(after), op.where)


def pick(op: Operation) -> None:
    """Elements are picked by a tensor of places: channels cannot be, their places would change."""
    tensor, result = op.tensors()[0], op.results()[0]
    if op.name == "aten.index":
        picked = [d for d, index in enumerate(op.args[1]) if index is not None]
    else:
        picked = [op.args[1] % max(tensor.ndim, 1)]
    tracks = []
    for track in op.carried(tensor).tracks:
        if set(varying(track)) & set(picked):
            op.couplings.fix(track, f"{op.where} picks channels by their places")
        else:
            tracks.append(spread(op.call(lambda t, track=track: track if t is tensor else t), result.shape))
    op.carry(result, [t for t in tracks if varying(t)], weight=op.carried(tensor).weight)


def pixel_shuffle(op: Operation) -> None:
    """``factor ** 2`` channels in a row become one: they go together."""
    many, dim = op.args[1] ** 2, op.args[0].ndim - 3
    tracks = []
    for track in op.carried(op.args[0]).tracks:
        if varying(track) == [dim]:
            rows = compact(track).unflatten(dim, (-1, many))
            why = f"{op.where} makes one channel of {many}"
            tracks.append(op.couplings.mix(rows, [dim + 1], why).squeeze(dim + 1).expand(op.result.shape))
        else:
            op.couplings.fix(track, f"{op.where} moves what is no channel into space")
    op.carry(op.result, tracks)


def channel_shuffle(op: Operation) -> None:
    """A shuffle of the pieces of the channels: the same places of each go."""
    for track in op.carried(op.args[0]).tracks:
        if 1 in varying(track):
            halve(op, track, 1, op.args[1])
    move(op)


def roll(op: Operation) -> None:
    """A shift along a dimension without channels changes nothing."""
    track_dims = set(op.argument(2, "dims") or range(op.args[0].ndim))
    stay_or_pass(op, {d % op.args[0].ndim for d in track_dims}, f"{op.where} shifts its channels")


def stay_or_pass(op: Operation, dims: set[int], why: str) -> None:
    """Fix the tracks that run along ``dims``, let the others pass to a result of as many dimensions."""
    tracks = []
    for track in op.carried(op.tensors()[0]).tracks:
        if set(varying(track)) & dims:
            op.couplings.fix(track, why)
        else:
            tracks.append(track)
    for result in op.results():
        op.carry(
            result,
            [compact(t).expand(result.shape) for t in tracks if t.ndim == result.ndim],
            weight=op.carried(op.tensors()[0]).weight,
        )


def pad(op: Operation) -> None:
    """A padding in space changes nothing; one of channels adds zeros that are none."""
    tensor, widths = op.args[0], op.args[1]
    padded = {tensor.ndim - 1 - i // 2 for i, width in enumerate(widths) if width}
    tracks = []
    for track in op.carried(tensor).tracks:
        if set(varying(track)) & padded:
            tracks.append(spread(torch.constant_pad_nd(track, widths, NOTHING), op.result.shape))
        else:
            tracks.append(compact(track).expand(op.result.shape))
    op.carry(op.result, tracks)


def concatenate(op: Operation) -> None:
    """Tracks along the dimension follow each other; those along the others meet."""
    tensors = [t for t in op.args[0] if t.numel()]
    dim = op.argument(1, "dim", 0) % op.result.ndim
    if op.name.startswith("aten.stack"):
        tensors = [op.derive(t, lambda s: s.unsqueeze(dim)) for t in tensors]
    across: list[torch.Tensor] = []
    chains: list[torch.Tensor] = []
    why = f"{op.where} puts it beside {', '.join(op.carried(t).by for t in tensors)}"
    for tensor in tensors:
        tracks = op.carried(tensor).tracks
        ahead = [t for t in tracks if dim in varying(t)]
        for track in tracks:
            if dim not in varying(track):
                add(op, across, compact(track), why)
        zero = torch.zeros(1, dtype=torch.long).expand(tensor.shape)
        chains.append(ahead[0] if ahead else zero)
        for extra in ahead[1:]:
            op.couplings.fix(extra, why)
    kept = []
    for track in across:
        if any(is_blank(op, t, varying(track), op.result.ndim) for t in tensors):
            op.couplings.fix(track, f"{op.where} puts it beside something that is no channel")
        else:
            kept.append(track.expand(op.result.shape))
    if any(varying(c) for c in chains):
        kept.append(_chain(chains, dim, op.result.shape))
    op.carry(op.result, kept, weight=all(op.carried(t).weight for t in tensors))


def _chain(chains: list[torch.Tensor], dim: int, shape: torch.Size) -> torch.Tensor:
    """Concatenate tracks, each as small as the others allow."""
    wide = {d for c in chains for d in varying(c)} | {dim}
    small = [c[tuple(slice(None) if d in wide else slice(0, 1) for d in range(c.ndim))] for c in chains]
    return spread(torch.cat(small, dim).expand(shape), shape)


def split(op: Operation) -> None:
    """A split moves; one into a number of pieces takes the same channels from each."""
    tensor, dim = op.args[0], op.argument(2, "dim", 0) % op.args[0].ndim
    if op.run.cuts_evenly:
        pieces = len(op.results())
        for track in op.carried(tensor).tracks:
            if dim in varying(track):
                halve(op, track, dim, pieces)
    move(op)


def halve(op: Operation, track: torch.Tensor, dim: int, pieces: int) -> None:
    """Couple the same places of equal pieces along ``dim``."""
    if track.shape[dim] % pieces:
        op.couplings.fix(track, f"{op.where} cuts it into unequal pieces")
        return
    rows = compact(track).unflatten(dim, (pieces, -1))
    op.couplings.couple(rows, rows.narrow(dim, 0, 1), f"{op.where} cuts it into {pieces} equal pieces")

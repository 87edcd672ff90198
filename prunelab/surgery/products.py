"""Where channels end and new ones begin: products of matrices and convolutions.

A product sums over one dimension. What runs along it on one side goes with what runs along it on the other:
the channels that come in, and the columns of the weight that read them. What runs along the other dimensions
leaves with the result: the rows of the weight are the new channels.
"""

from dataclasses import dataclass

import torch

from prunelab.surgery.couplings import Choice
from prunelab.surgery.elementwise import meet
from prunelab.surgery.operation import Operation
from prunelab.surgery.tracks import along, compact, spread, varying


@dataclass
class Read:
    """A weight that sums over channels: which ones, and what it saw of each on the example."""

    order: int  # of this product among all products of the run
    position: int  # of the argument that holds the channels
    axis: int
    channels: torch.Tensor  # their numbers
    columns: torch.Tensor  # the numbers of the weight's entries that read them
    rows: torch.Tensor  # and of those that it makes
    where: str
    padded: bool
    made: int = 1  # the dimension of the result along which the rows lie
    groups: int = 1  # of a convolution: one filter reads the channels of its own group
    low: torch.Tensor | None = None
    high: torch.Tensor | None = None

    def gone(self, kept: torch.Tensor) -> torch.Tensor:
        """Return which of the channels go while something that reads them stays."""
        gone = ~kept[self.channels]
        if self.groups > 1:
            reading = kept[self.rows.view(self.groups, -1)].any(1)
            gone &= reading.repeat_interleave(len(gone) // self.groups)
        return gone


def extent(x: torch.Tensor, axis: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the smallest and the largest value of every channel."""
    flat = x.detach().movedim(axis, 0).flatten(1)
    return flat.amin(1), flat.amax(1)


def product(op: Operation) -> None:
    """``mm``, ``bmm``, ``mv``, ``dot`` and those that add something: (batch, rows, inner) @ (batch, inner,
    columns).
    """
    name = op.name.split(".")[1]
    added = name.startswith(("add", "badd"))
    left, right = op.args[1:3] if added else op.args[:2]
    tracks = contract(op, left, right, 1 if added else 0)
    tracks = [_like(track, op.result, left.ndim < 2, right.ndim < 2) for track in tracks]
    weight = op.carried(left).weight and op.carried(right).weight
    op.carry(op.result, tracks, weight=weight)
    if added:
        whole = op.derive(op.result, lambda t: t)
        op.carry(whole, tracks, by=op.where)
        op.carry(op.result, meet(op, [whole, op.args[0]], op.result.shape, False), weight=weight)


def _like(track: torch.Tensor, result: torch.Tensor, vector_left: bool, vector_right: bool) -> torch.Tensor:
    """Bring a track of (batch, rows, columns) to the result's dimensions."""
    if vector_right:
        track = track.squeeze(2)
    if vector_left:
        track = track.squeeze(1)
    while track.ndim > result.ndim:
        track = track.squeeze(0)
    return track.expand(result.shape)


def contract(op: Operation, left: torch.Tensor, right: torch.Tensor, first: int) -> list[torch.Tensor]:
    """Couple what a product sums over, and return the tracks of (batch, rows, columns)."""
    sides = []
    for tensor, inner in ((left, 2), (right, 1)):
        matrices = [_three(t, tensor.ndim, inner) for t in op.carried(tensor).tracks]
        sides.append(_sorted(op, matrices, inner))
    (batch_a, inner_a, outer_a), (batch_b, inner_b, outer_b) = sides
    weights = op.carried(left).weight, op.carried(right).weight
    long = left.shape[-1] > 1
    _sum_over(op, inner_a, inner_b, long)
    for tensor, weight, other, axis in (
        (left, weights[0], weights[1], -1),
        (right, weights[1], weights[0], -2),
    ):
        if weight:
            _roles(op, tensor, axis, reads=not other or tensor is left)
    if weights[0] != weights[1] and inner_a and inner_b:
        _note(op, (left, right), (inner_a[0], inner_b[0]), (outer_a, outer_b), weights[0], first)
    n = left.shape[0] if left.ndim == 3 else 1
    shape = torch.Size([n, left.shape[-2] if left.ndim > 1 else 1, right.shape[-1] if right.ndim > 1 else 1])
    batch = _batches(op, batch_a, batch_b, n)
    return [spread(t.expand(shape), shape) for t in (*batch, *outer_a, *outer_b)]


def _three(track: torch.Tensor, ndim: int, inner: int) -> torch.Tensor:
    if ndim == 1:
        return track.unsqueeze(0).unsqueeze(3 - inner)
    return track.unsqueeze(0) if ndim == 2 else track


def _sorted(op: Operation, tracks: list, inner: int) -> tuple[list, list, list]:
    """Sort tracks by where they run: along the batch (as heads do), the summed dimension, the other one."""
    batch, summed, outer = [], [], []
    for track in tracks:
        dims = varying(track)
        if 0 in dims:  # one matrix for each head: the head goes as a whole
            one = op.couplings.mix(
                track, [d for d in dims if d], f"{op.where} works head by head", strict=False
            )
            batch.append(one)
        elif dims == [inner]:
            summed.append(compact(track))
        elif dims == [3 - inner]:
            outer.append(compact(track))
        elif dims:
            op.couplings.fix(track, f"{op.where} reads a tensor whose channels run along rows and columns")
    return batch, summed, outer


def _sum_over(op: Operation, left: list, right: list, long: bool) -> None:
    for side, other in ((left, right), (right, left)):
        for track in side:
            if not other and long:
                op.couplings.fix(track, f"{op.where} multiplies it with something that is no channel")
    flat = [t.flatten() for t in (*left, *right)]
    if left and right:
        for numbers in flat[1:]:
            op.couplings.couple(flat[0], numbers, f"{op.where} sums over it")


def _note(op, tensors, inner, outer, weight_left: bool, first: int) -> None:
    """Note what a weight reads."""
    x = int(weight_left)
    axis = -1 if tensors[x] is tensors[0] else (-2 if tensors[x].ndim > 1 else -1)
    made = [t.flatten() for t in outer[1 - x]]
    rows = made[0] if made else torch.zeros(1, dtype=torch.long)
    op.run.read(
        tensors[x],
        first + x,
        axis,
        inner[x].flatten(),
        inner[1 - x].flatten(),
        rows,
        False,
        -2 if weight_left else -1,
    )


def _batches(op: Operation, left: list, right: list, n: int) -> list[torch.Tensor]:
    if left and right:
        for track in (*left[1:], *right):
            op.couplings.couple(left[0], track, f"{op.where} works head by head")
        return left[:1]
    for track in (*left, *right):
        op.couplings.fix(track, f"{op.where} multiplies each of its parts with something that is no channel")
    return []


def _roles(op: Operation, weight: torch.Tensor, axis: int, reads: bool) -> None:
    """Note which dimension of a parameter reads channels and which makes them."""
    carried = op.carried(weight)
    for track in carried.tracks:
        for d in varying(track):
            inner = d == (axis % weight.ndim)
            for place in op.couplings.places_of(track):
                (op.couplings.reads if inner and reads else op.couplings.makes).add(place)


def convolution(op: Operation) -> None:
    """``aten.convolution``: channels are dimension 1; the weight is (out, in / groups, ...), or the
    reverse.
    """
    x, weight, bias = op.args[:3]
    transposed, groups = op.args[6], op.args[8]
    tracks = _weight_tracks(op, weight, (0, 1))
    made, read = (tracks[1], tracks[0]) if transposed else tracks
    incoming = [t for t in op.carried(x).tracks if varying(t) == [1]]
    for track in op.carried(x).tracks:
        if varying(track) and varying(track) != [1]:
            op.couplings.fix(track, f"{op.where} reads a tensor whose channels run along several dimensions")
    channels = compact(incoming[0]).flatten() if incoming else torch.zeros(x.shape[1], dtype=torch.long)
    if groups == 1:
        if len(channels) > 1:
            op.couplings.couple(channels, read, f"{op.where} reads what is no channel")
            op.run.read(x, 0, 1, channels, read, made, transposed or any(op.args[4]), 1)
    else:
        made = _grouped(op, channels, made, read, groups, transposed)
    if op.carried(weight).weight:
        for numbers, roles in ((read, op.couplings.reads), (made, op.couplings.makes)):
            if groups == 1 or numbers is made or not transposed:
                roles |= op.couplings.places_of(numbers)
    out = [along(made, 1, op.result.shape)] if op.result.shape[1] > 1 else []
    if isinstance(bias, torch.Tensor):
        whole = op.derive(op.result, lambda t: t)
        op.carry(whole, out, by=op.where)
        view = op.derive(bias, lambda t: t.view([1, -1] + [1] * (op.result.ndim - 2)))
        out = meet(op, [whole, view], op.result.shape, False)
    op.carry(op.result, out)


def _weight_tracks(op: Operation, weight: torch.Tensor, dims: tuple[int, int]) -> list[torch.Tensor]:
    """Return the numbers along two dimensions of a weight, zeros where it carries none; others stay."""
    found = {d: torch.zeros(weight.shape[d], dtype=torch.long) for d in dims}
    for track in op.carried(weight).tracks:
        where = varying(track)
        if len(where) == 1 and where[0] in found:
            found[where[0]] = compact(track).flatten()
        elif where:
            op.couplings.fix(track, f"it is a place within the kernels of {op.where}")
    return [found[d] for d in dims]


def _grouped(op, channels, made, read, groups, transposed):
    """One group of a grouped convolution stays or goes as a whole; return the numbers that it makes."""
    why = f"{op.where} is a grouped convolution over channels that cannot be removed"
    first = channels.view(groups, -1)[:, 0]
    if transposed:  # weight (in, out / groups): the result's channels have no entries of their own
        op.couplings.couple(channels, read, why)
        op.couplings.couple(channels, first.repeat_interleave(len(channels) // groups), why)
        if len(made) > 1:
            op.couplings.fix(made, f"{op.where} is a transposed convolution in groups")
        return first.repeat_interleave(op.result.shape[1] // groups)
    padded, filters = any(op.args[4]), made.view(groups, -1)
    if len(read) > 1:
        op.run.read(op.args[0], 0, 1, channels, read, made, padded, 1, groups)
        rows = channels.view(groups, -1)
        op.couplings.choices.append(Choice(rows, read, filters, op.run.who(), op.where))
    else:
        op.couplings.couple(filters, first.unsqueeze(1), why)
    if padded:
        text = "pads with zeros, so a constant before it is none behind it: mask the biases before it, too"
        op.couplings.hint(made, f"{op.run.who()} {text}", first=True)
    return made


def embedding(op: Operation) -> None:
    """Rows of a table by their numbers: the features are channels, the rows stay."""
    where = op.carried(op.args[0])
    tracks = []
    for track in where.tracks:
        if varying(track) == [1]:
            tracks.append(along(compact(track).flatten(), op.result.ndim - 1, op.result.shape))
            op.couplings.makes |= op.couplings.places_of(track)
        else:
            op.couplings.fix(track, f"{op.where} looks its rows up by number")
    op.carry(op.result, tracks)

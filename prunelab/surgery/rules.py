"""What each operation does to the channels that reach it: a table from torch's name of the operation to a rule.

A rule is a function of an ``Operation``. It couples what must go together, and says with ``op.carry`` which
tracks leave with the result. An operation without a rule keeps its channels: they get a reason and stay.

To teach one more operation, for example a library's own activation::

    from prunelab.surgery.rules import RULES, pointwise

    RULES["mylib.fast_relu"] = pointwise
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._pytree import tree_leaves, tree_map

from prunelab.surgery.tracks import NOTHING, Carried, compact, lifted, spread, varying

if TYPE_CHECKING:
    from prunelab.surgery.following import Following


class Operation:
    """One operation that runs: its arguments, what travels beside them, and its result."""

    def __init__(self, run: "Following", func: Any, args: tuple, kwargs: dict[str, Any], result: Any):
        self.run, self.func, self.args, self.kwargs, self.result = run, func, args, kwargs, result
        self.schema, self.couplings = func._schema, run.couplings
        self.name = func._schema.name.replace("::", ".")  # as in "aten.relu"
        self.verb, self.where = run.short, run.where  # in words, for reasons
        self.carried, self.carry = run.carried, run.carry

    def derive(self, tensor: torch.Tensor, change: Callable) -> torch.Tensor:
        """Return another view of a tensor that carries the same, changed alike."""
        view, carried = change(tensor.detach()), self.carried(tensor)
        tracks = [t for t in map(change, carried.tracks) if varying(t)]
        self.run.known[view] = Carried(tracks, carried.weight, carried.by, carried.name)
        return view

    def call(self, change: Callable) -> Any:
        """Run the operation on changed arguments."""
        return self.func(*tree_map(change, self.args), **tree_map(change, self.kwargs))

    def tensors(self) -> list[torch.Tensor]:
        """Return the tensors among the arguments, in order."""
        return [a for a in tree_leaves((self.args, self.kwargs)) if isinstance(a, torch.Tensor)]

    def results(self) -> list[torch.Tensor]:
        """Return the tensors of the result."""
        return [r for r in tree_leaves(self.result) if isinstance(r, torch.Tensor)]

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """Return an argument that may be given by position or by name."""
        return self.args[position] if len(self.args) > position else self.kwargs.get(name, default)


def unknown(op: Operation) -> None:
    """Nobody knows what becomes of the channels: they stay."""
    for tensor in op.tensors():
        for track in op.carried(tensor).tracks:
            op.couplings.fix(track, f"what {op.where} does to channels is not known")


def blank(op: Operation) -> None:
    """A new tensor that takes nothing from its argument but the dtype and the device."""


# ---- elementwise: what meets is coupled


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
    couplings, ndim, found = op.couplings, len(shape), []
    names = [op.carried(t).by for t in tensors if op.carried(t).tracks and not op.carried(t).weight]
    why = f"{op.verb} joins {', '.join(names)}, so their channels are coupled" if len(names) > 1 else ""
    for tensor in tensors:
        carried = op.carried(tensor)
        if carried.weight and multiplies and carried.name:
            couplings.makes |= {(carried.name, d) for d in range(tensor.ndim)}
        for track in carried.tracks:
            if track.ndim <= ndim and tuple(track.shape) == tuple(tensor.shape):
                _add(op, found, lifted(track, ndim), why)
    kept = []
    for track in found:
        dims = varying(track)
        blank = [t for t in tensors if _blank(op, t, dims, ndim)]
        if blank:
            couplings.fix(track, f"{op.where} adds or multiplies it with something that is no channel")
        else:
            if any(t.numel() > 1 and not op.carried(t).tracks for t in tensors):
                couplings.hints.append((track.flatten(), f"{op.verb} joins it with one map for all channels"))
            kept.append(track.expand(shape))
    return kept


def _add(op: Operation, found: list[torch.Tensor], track: torch.Tensor, why: str) -> None:
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


def _blank(op: Operation, tensor: torch.Tensor, dims: list[int], ndim: int) -> bool:
    """Tell whether a tensor is long where a track runs, and carries nothing there."""
    offset = ndim - tensor.ndim
    here = {d + offset for track in op.carried(tensor).tracks for d in varying(track)}
    return any(d >= offset and tensor.shape[d - offset] > 1 and d not in here for d in dims)


def keep(op: Operation) -> None:
    """A copy or another name of the same tensor."""
    carried = op.carried(op.args[0])
    tracks = [compact(t).expand(op.result.shape) for t in carried.tracks]
    op.carry(op.result, tracks, weight=carried.weight, name=carried.name, by=carried.by)


# ---- movement: the operation is applied to the tracks themselves


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
    if op.name.startswith("aten.index."):
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
                _add(op, across, compact(track), why)
        zero = torch.zeros(1, dtype=torch.long).expand(tensor.shape)
        chains.append(ahead[0] if ahead else zero)
        for extra in ahead[1:]:
            op.couplings.fix(extra, why)
    kept = []
    for track in across:
        if any(_blank(op, t, varying(track), op.result.ndim) for t in tensors):
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


# ---- reductions and what mixes


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


def batch_norm(op: Operation) -> None:
    """Scale, shift and statistics belong to the channel (dimension 1)."""
    x = op.args[0]
    tracks = list(op.carried(x).tracks)
    for position, parameter in enumerate(op.args[1:5]):
        if isinstance(parameter, torch.Tensor):
            if position == 0 and op.carried(parameter).name:
                op.couplings.makes.add((op.carried(parameter).name, 0))
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
            if position == 0 and op.carried(parameter).name:
                op.couplings.makes.add((op.carried(parameter).name, 0))
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
        if op.carried(parameter).name:
            op.couplings.makes |= {(op.carried(parameter).name, d) for d in range(parameter.ndim)}
    op.carry(op.results()[0], meet(op, [whole, *parameters], x.shape, False))


RULES: dict[str, Callable[[Operation], None]] = {}
POINTWISE = (
    "masked_fill masked_fill_ fill_ zero_ native_dropout zeros_like ones_like full_like empty_like rand_like"
    " randn_like bernoulli bernoulli_ dropout _prelu_kernel where isnan nan_to_num rrelu_with_noise clamp threshold"
    " hardswish hardswish_ hardsigmoid hardsigmoid_ hardtanh hardtanh_ silu mish softplus relu6 leaky_relu elu celu"
    " selu gelu log_sigmoid_forward alpha_dropout uniform_ normal_ glu_jvp"
).split()
MOVES = (
    "permute transpose t unsqueeze squeeze slice select expand unbind"
    " repeat flip split_with_sizes narrow diagonal movedim swapaxes pixel_shuffle pixel_unshuffle numpy_T mT"
    " view_as_real unfold channel_shuffle"
).split()
PICKS = "index index_select gather take_along_dim".split()
REDUCTIONS = (
    "mean sum amax amin max min std var var_mean std_mean norm linalg_vector_norm prod logsumexp any all argmax"
    " argmin cumsum cumprod _softmax softmax _log_softmax log_softmax _safe_softmax sort topk median nansum"
    " count_nonzero logcumsumexp aminmax"
).split()
COPIES = "clone _to_copy lift_fresh lift alias detach detach_ contiguous _conj".split()
VIEWS = "view _unsafe_view reshape _reshape_alias".split()

"""Calls that name sizes: what each size must be once channels are gone."""

from collections.abc import Callable

import torch

from prunelab.surgery.sizes import Count, Equation
from prunelab.surgery.tracks import along, compact, varying


def _flat(sizes: tuple) -> list:
    return list(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else list(sizes)


def sizes_named(call: tuple, track: torch.Tensor, where: str) -> list[Equation]:
    """Return one equation for each size that a view, reshape or unflatten names along ``track``."""
    name, args, kwargs = call
    if name in ("view", "reshape", "expand"):
        sizes = _flat(args[1:]) if len(args) > 1 else list(next(iter(kwargs.values()), []))
        first = track.ndim - len(sizes)
    elif name == "unflatten":
        dim = args[1] if len(args) > 1 else kwargs["dim"]
        sizes = list(args[2] if len(args) > 2 else kwargs["sizes"])
        first = dim % (args[0].ndim)
    else:
        return []
    return [
        Equation(size, track, first + i, where)
        for i, size in enumerate(sizes)
        if isinstance(size, int) and size != -1 and 0 <= first + i < track.ndim
    ]


def shaped(following, args, kwargs, result) -> None:
    """``view``, ``reshape``, ``unflatten``: the sizes written must be the sizes left."""
    tracks, equations = following.carried(result).tracks, following.couplings.equations
    for track in tracks:
        found = sizes_named(following.call, track, following.where)
        equations += [e for e in found if e.dim in varying(track)]
    if following.call[0] == "expand":
        return
    # a size that follows channels, for what carries none: it has to stay as it is
    nothing = torch.zeros(1, dtype=torch.long).expand(result.shape)
    for equation in sizes_named(following.call, nothing, following.where):
        alone = not any(equation.dim in varying(track) for track in tracks)
        if alone and isinstance(equation.size, Count) and equation.size.tracks and equation.size > 1:
            equations.append(equation)


def indexed(following, args, kwargs, result) -> None:
    """``x[..., a:b]``: the bounds must be what is left before them."""
    tensor, index = args[0], args[1] if isinstance(args[1], tuple) else (args[1],)
    if any(isinstance(i, torch.Tensor) and i.dtype == torch.bool for i in index):
        return
    ahead = index[: index.index(...)] if _has_ellipsis(index) else index
    after = index[len(ahead) + 1 :]
    dims = [(d, i) for d, i in enumerate(i for i in ahead if i is not None)]
    solid = [i for i in after if i is not None]
    dims += [(tensor.ndim - len(solid) + d, i) for d, i in enumerate(solid)]
    for track in following.carried(tensor).tracks:
        for dim, part in dims:
            if dim in varying(track) and isinstance(part, slice):
                _bounds(following, track, dim, part)


def _has_ellipsis(index: tuple) -> bool:
    return any(i is Ellipsis for i in index)


def _bounds(following, track: torch.Tensor, dim: int, part: slice) -> None:
    size = track.shape[dim]
    if part.step not in (None, 1):
        following.couplings.fix(track, f"{following.where} takes every {part.step}th of its channels")
    for bound in (part.start, part.stop):
        if bound is None or bound == 0 or bound >= size:
            continue
        cut = bound if bound > 0 else size + bound
        ahead = track.narrow(dim, 0, cut) if bound > 0 else track.narrow(dim, cut, size - cut)
        sign = 1 if bound > 0 else -1
        following.couplings.equations.append(Equation(bound, ahead, dim, following.where, sign))
        pieces = size // min(cut, size - cut)
        if (
            isinstance(bound, Count)
            and not bound.places
            and size % pieces == 0
            and cut % (size // pieces) == 0
        ):
            _alike(following, track, dim, pieces)


def _alike(following, track: torch.Tensor, dim: int, pieces: int) -> None:
    """A bound computed from the size, such as the half: the same places of each piece go."""
    rows = compact(track).unflatten(dim, (pieces, -1))
    following.couplings.couple(
        rows, rows.narrow(dim, 0, 1), f"{following.where} cuts it at a part of its size"
    )


def parted(following, args, kwargs, result) -> None:
    """``split(sizes)``: each piece must be as long as was written."""
    sizes = args[1] if len(args) > 1 else next(iter(kwargs.values()))
    dim = args[2] if len(args) > 2 else kwargs.get("dim", 0)
    if isinstance(sizes, int):
        pieces = [piece for piece in result if piece.shape[dim] == sizes]
        named = [sizes] * len(pieces)
    else:
        pieces, named = list(result), list(sizes)
    for piece, size in zip(pieces, named, strict=True):
        for track in following.carried(piece).tracks:
            if dim % piece.ndim in varying(track):
                following.couplings.equations.append(Equation(size, track, dim % piece.ndim, following.where))


def narrowed(following, args, kwargs, result) -> None:
    """``narrow(dim, start, length)``."""
    tensor, dim, start, length = args[:4]
    for track in following.carried(tensor).tracks:
        if dim % tensor.ndim in varying(track):
            _bounds(following, track, dim % tensor.ndim, slice(start, start + length))


def created(following, args, kwargs, result) -> None:
    """``zeros`` and their like: a size that depends on channels gets numbers of its own."""
    sizes = _flat(tuple(a for a in args if not isinstance(a, torch.Tensor))) or list(kwargs.get("size", ()))
    tracks = []
    for dim, size in enumerate(sizes[: result.ndim]):
        if isinstance(size, Count) and size > 1:
            track = along(following.couplings.new(int(size)), dim, result.shape)
            tracks.append(track)
            following.couplings.equations.append(Equation(size, track, dim, following.where))
    if tracks:
        following.carry(result, tracks)


def attended(following, args, kwargs, result) -> None:
    """The scale of attention is 1 / sqrt(head dimensions) unless it is given: they stay together."""
    if kwargs.get("scale") is None:
        for track in following.carried(args[0]).tracks:
            if varying(track):
                why = f"{following.where} scales by the number of its head dimensions"
                following.couplings.mix(track, [track.ndim - 1], why)


def in_groups(position: int) -> Callable:
    """Return a rule for a call that names a number of groups of the channels."""

    def rule(following, args, kwargs, result) -> None:
        keyword = "num_groups" if position == 1 else "groups"
        groups = args[position] if len(args) > position else kwargs.get(keyword, 1)
        tensor = args[0] if args else kwargs["input"]
        for track in following.carried(tensor).tracks:
            if groups > 1 and varying(track) == [1]:
                rows = compact(track).flatten().view(groups, -1)
                following.couplings.equations.append(Equation(groups, rows, 0, following.where))

    return rule


CALLS: dict[str, Callable] = {
    **dict.fromkeys(("view", "reshape", "unflatten", "expand"), shaped),
    "__getitem__": indexed,
    **dict.fromkeys(("split", "split_with_sizes"), parted),
    "narrow": narrowed,
    **dict.fromkeys(
        ("zeros", "new_zeros", "ones", "new_ones", "full", "new_full", "empty", "new_empty"), created
    ),
    "scaled_dot_product_attention": attended,
    "group_norm": in_groups(1),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), in_groups(6)),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), in_groups(6)),
}

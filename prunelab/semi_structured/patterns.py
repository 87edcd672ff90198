"""N:M masks: found, checked, judged."""

import numpy as np
import torch

from prunelab import arguments
from prunelab.storage._positions import nonzero

BLOCK = 1 << 16  # elements at a time: a block and its ranks stay in the cache
MOST_RANKED = 8  # members of a group; in larger groups a partial sort is faster than comparing all pairs
REMAINDERS = ("error", "pad")


def nm_mask(weight: torch.Tensor, n: int, m: int, remainder: str = "error") -> torch.Tensor:
    """Return the bool mask of ``weight``'s shape that keeps the ``n`` largest magnitudes in every group of
    ``m`` input neighbours.

    ``weight`` is ``(out, in)`` or ``(out, in, kh, kw)``; groups run along the input dimension, at one output
    and one kernel position. Exactly ``n`` of each group are kept: among equal magnitudes the earlier position
    goes first, as in ``keep_top``. Where ``m`` does not divide the number of inputs, ``remainder="error"``
    refuses and ``"pad"`` treats the missing neighbours as smaller than any weight, so that a last group of r
    weights keeps min(n, r).

    Raises TypeError or ValueError for a weight that is not 2-D or 4-D, empty or not finite, n outside 0..m,
    an unknown remainder, or an indivisible input dimension. Source: Mishra et al., arXiv 2104.08378; notebook
    06."""
    if arguments.tensor("weight", weight).ndim not in (2, 4):
        raise ValueError(f"weight must be (out, in) or (out, in, kh, kw), got shape {tuple(weight.shape)}")
    arguments.count("m", m)
    if arguments.count("n", n, at_least=0) > m:
        raise ValueError(f"n must be at most m = {m}, got {n}")
    arguments.one_of("remainder", remainder, REMAINDERS)
    inputs = weight.shape[1]
    if inputs % m and remainder == "error":
        raise ValueError(
            f"weight must have a number of inputs that m = {m} divides, got {inputs}; remainder='pad'"
            " allows it"
        )
    whole, rest = weight.detach().cpu().split([inputs - inputs % m, inputs % m], dim=1)
    parts = [_keep(whole, n, m)] if whole.numel() else []
    if rest.numel():  # one smaller group
        parts.append(_keep(rest, min(n, inputs % m), inputs % m))
    return (torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]).to(weight.device)


def _keep(weight: torch.Tensor, n: int, m: int) -> torch.Tensor:
    """Return the mask of ``nm_mask`` for whole groups.

    NumPy does the work: torch's comparisons that return bool are not vectorised (7 times slower), its topk
    even less."""
    if weight.dtype in (torch.float16, torch.bfloat16):
        weight = weight.contiguous().view(torch.int16)  # integers compare fast; see _magnitude
    elif not weight.is_floating_point():
        weight = weight.long()
    elif weight.dtype != torch.float64:
        weight = weight.float()  # exact
    if m > MOST_RANKED:
        rows = weight.movedim(1, -1)
        groups = rows.reshape(-1, m).numpy()
        step = max(1, BLOCK // m)
        kept = [_best(_magnitude(groups[start : start + step]), n) for start in range(0, len(groups), step)]
        return torch.from_numpy(np.concatenate(kept)).view(rows.shape).movedim(-1, 1).contiguous()
    mask = torch.empty(weight.shape, dtype=torch.bool)
    _rank(weight.contiguous().view(-1).numpy(), mask.view(-1).numpy(), n, m, apart=weight[0, 0].numel())
    return mask


def _magnitude(values: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Return what rises with the magnitudes of ``values``; int16 are the bits of half precision, which do so
    without their sign.
    """
    return np.bitwise_and(values, 0x7FFF, out=out) if values.dtype == np.int16 else np.abs(values, out=out)


def _best(groups: np.ndarray, n: int) -> np.ndarray:
    """Return which entries of each row are among its ``n`` largest; of those that equal the last one, the
    later ones stay.
    """
    m = groups.shape[1]
    if n == 0:
        return np.zeros(groups.shape, bool)
    last = np.partition(groups, m - n, axis=1)[:, m - n, None]
    kept = groups >= last
    tied = np.count_nonzero(kept, axis=1) > n
    if tied.any():
        above, equal = groups[tied] > last[tied], groups[tied] == last[tied]
        room = n - np.count_nonzero(above, axis=1)[:, None]
        kept[tied] = above | equal & (equal[:, ::-1].cumsum(axis=1)[:, ::-1] <= room)
    return kept


def _rank(values: np.ndarray, kept: np.ndarray, n: int, m: int, apart: int) -> None:
    """Write into ``kept`` which entries have fewer than ``n`` of their group above them; neighbours are
    ``apart`` entries apart.

    Every entry is compared with the one 1, 2, ... m - 1 neighbours later, whole blocks at a time: contiguous
    comparisons run at the full width of the vector unit, and the pairs that belong to two groups are masked
    out."""
    # the place of each entry of a block in its group, and whether the one k later is of the same group
    step = max(1, BLOCK // (m * apart)) * m * apart
    position = (np.arange(min(step, len(values))) // apart % m).astype(np.int8)
    same_group = [(position < m - k).view(np.int8) for k in range(m)]
    # buffers of one block, written again and again
    magnitude, ranks = np.empty(len(position), values.dtype), np.empty_like(position)
    won = np.empty_like(position)
    for start in range(0, len(values), step):
        size = min(step, len(values) - start)
        _magnitude(values[start : start + size], out=magnitude[:size])
        # as if every earlier neighbour were larger
        ranks[:] = position
        for k in range(1, m):
            # 1 where the later entry of a pair is at least as large, and of the same group
            pairs = size - k * apart
            later_wins = won[:pairs]
            np.greater_equal(magnitude[k * apart : size], magnitude[:pairs], out=later_wins.view(bool))
            later_wins &= same_group[k][:pairs]
            # the earlier one falls back, the later one moves up
            ranks[:pairs] += later_wins
            ranks[k * apart : size] -= later_wins
        np.less(ranks[:size], n, out=kept[start : start + size])


def is_nm(weight: torch.Tensor, n: int, m: int) -> bool:
    """Return whether every group of ``m`` input neighbours of ``weight`` has at most ``n`` nonzeros
    (NaN is one). Source: arXiv 2104.08378.

    Raises ValueError if ``m`` does not divide the number of inputs.
    """
    arguments.count("n", n, at_least=0)
    if not isinstance(weight, torch.Tensor) or weight.is_complex():
        raise TypeError(f"weight must be a tensor of real numbers, got {type(weight).__name__}")
    if weight.ndim < 2 or weight.numel() == 0:
        raise ValueError(f"weight must be at least 2-D and not empty, got shape {tuple(weight.shape)}")
    if weight.shape[1] % arguments.count("m", m):
        raise ValueError(f"weight must have a number of inputs that m = {m} divides, got {weight.shape[1]}")
    flat = weight.detach().cpu().contiguous().view(-1)
    inside = weight[0, 0].numel()
    step = 2 * BLOCK // (m * inside) * m * inside or m * inside  # a block and its flags stay in the cache
    blocks = (nonzero(flat[start : start + step]) for start in range(0, len(flat), step))
    return all(_most(used, m, inside) <= n for used in blocks)


def _most(used: np.ndarray, m: int, inside: int) -> int:
    """Return the largest number of True in a group of ``m``; neighbours are ``inside`` entries apart."""
    if inside == 1 and m in (2, 4, 8):
        # a group is one integer; times 0x0101..., its highest byte is the sum of all of its bytes
        groups, ones = used.view(f"u{m}"), int.from_bytes(bytes([1] * m), "big")
        return int((groups * groups.dtype.type(ones)).max()) >> 8 * (m - 1)
    members = used.view(np.uint8).reshape(-1, m, inside)
    return int(sum((members[:, i] for i in range(m)), start=np.zeros(1, np.int32)).max())


def kept_magnitude(weight: torch.Tensor, n: int = 2, m: int = 4) -> float:
    """Return the share of ``weight``'s total magnitude that its N:M mask keeps, in [0, 1].

    Raises TypeError or ValueError as ``nm_mask`` does, and for a weight of zeros. Source: notebook 06.
    """
    magnitude = nm_mask(weight, n, m) * weight.detach().abs()
    if not magnitude.any():
        raise ValueError("weight must have an entry that is not zero, got zeros only")
    return float(magnitude.sum() / weight.detach().abs().sum())

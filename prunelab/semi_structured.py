"""N:M sparsity: at most N nonzeros in every group of M neighbours, the pattern that sparse tensor cores can
use.
"""

from itertools import combinations

import numpy as np
import torch

from prunelab import arguments

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
    if not weight.is_floating_point():
        weight = weight.long()
    elif weight.dtype != torch.float64:
        weight = weight.float()  # exact, and half precision has no fast comparison
    if m > MOST_RANKED:
        rows = weight.movedim(1, -1)
        groups = rows.reshape(-1, m).numpy()
        step = max(1, BLOCK // m)
        kept = [_best(np.abs(groups[start : start + step]), n) for start in range(0, len(groups), step)]
        return torch.from_numpy(np.concatenate(kept)).view(rows.shape).movedim(-1, 1).contiguous()
    mask = torch.empty(weight.shape, dtype=torch.bool)
    _rank(weight.contiguous().view(-1).numpy(), mask.view(-1).numpy(), n, m, apart=weight[0, 0].numel())
    return mask


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
        np.abs(values[start : start + size], out=magnitude[:size])
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
    """Return whether every group of ``m`` input neighbours of ``weight`` has at most ``n`` nonzeros. Source:
    arXiv 2104.08378.

    Raises ValueError if ``m`` does not divide the number of inputs.
    """
    arguments.count("n", n, at_least=0)
    if arguments.tensor("weight", weight).ndim < 2:
        raise ValueError(f"weight must be at least 2-D, got shape {tuple(weight.shape)}")
    if weight.shape[1] % arguments.count("m", m):
        raise ValueError(f"weight must have a number of inputs that m = {m} divides, got {weight.shape[1]}")
    groups = weight.detach().movedim(1, -1).reshape(-1, m)
    return bool((groups.count_nonzero(dim=1) <= n).all())


def compress_24(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pack a 2:4-sparse matrix ``(out, in)`` into its values ``(out, in / 2)`` and metadata ``(out, ceil(in /
    8))`` uint8.

    Every group of four inputs becomes two values and four bits: two 2-bit positions, the first kept one in
    the low bits. A byte holds two groups, the earlier one in its low half; an odd last group leaves the high
    half empty. A group with fewer than two nonzeros stores zeros at positions the hardware convention
    prescribes. Read as little-endian int16 (float16) or int32 (int8) words this is the metadata of NVIDIA's
    sparse tensor cores before their reordering.

    Raises ValueError if ``weight`` is not 2-D, 4 does not divide its inputs, or a group has more than two
    nonzeros. Source: arXiv 2104.08378; notebook 06."""
    if arguments.tensor("weight", weight).ndim != 2 or weight.shape[1] % 4:
        raise ValueError(f"weight must be (out, in) with 4 dividing in, got shape {tuple(weight.shape)}")
    groups = weight.detach().reshape(len(weight), -1, 4)
    used = groups != 0
    crowded = (used.sum(2) > 2).nonzero()
    if len(crowded):
        row, group = crowded[0].tolist()
        raise ValueError(
            f"weight must have at most 2 nonzeros in every 4, got {int(used[row, group].sum())} in row {row},"
            f" columns {4 * group} to {4 * group + 3}; apply nm_mask(weight, 2, 4) first"
        )
    first = torch.where(used[..., 0], 0, torch.where(used[..., 1], 1, 2))
    second = torch.where(used[..., 0] & used[..., 1], 1, torch.where(used[..., 3] | (first == 2), 3, 2))
    values = groups.gather(2, torch.stack([first, second], dim=2)).reshape(len(weight), -1)
    nibbles = torch.nn.functional.pad((first | second << 2).to(torch.uint8), (0, first.shape[1] % 2))
    return values, nibbles[:, 0::2] | nibbles[:, 1::2] << 4


def decompress_24(values: torch.Tensor, metadata: torch.Tensor) -> torch.Tensor:
    """Undo ``compress_24``: return the matrix ``(out, in)`` of values ``(out, in / 2)`` and metadata ``(out,
    ceil(in / 8))``.

    Raises ValueError if the shapes do not fit, the metadata is not uint8, or a group names one position
    twice. Source: notebook 06."""
    if arguments.tensor("values", values).ndim != 2 or values.shape[1] % 2:
        raise ValueError(
            f"values must be (out, in / 2) with an even number of columns, got shape {tuple(values.shape)}"
        )
    groups = values.shape[1] // 2
    if arguments.tensor("metadata", metadata).dtype != torch.uint8 or metadata.shape != (
        len(values),
        (groups + 1) // 2,
    ):
        raise ValueError(
            f"metadata must be uint8 of shape {(len(values), (groups + 1) // 2)}, "
            f"got {metadata.dtype} of shape {tuple(metadata.shape)}"
        )
    nibbles = torch.stack([metadata & 15, metadata >> 4], dim=2).reshape(len(values), -1)[:, :groups].long()
    positions = torch.stack([nibbles & 3, nibbles >> 2], dim=2)
    if (positions[..., 0] >= positions[..., 1]).any():
        raise ValueError(
            "metadata must name two different positions in rising order in every group; these bytes are"
            " damaged"
        )
    dense = values.new_zeros(len(values), groups, 4)
    dense.scatter_(2, positions, values.reshape(len(values), groups, 2))
    return dense.reshape(len(values), -1)


def kept_magnitude(weight: torch.Tensor, n: int = 2, m: int = 4) -> float:
    """Return the share of ``weight``'s total magnitude that its N:M mask keeps, in [0, 1].

    Raises TypeError or ValueError as ``nm_mask`` does, and for a weight of zeros. Source: notebook 06.
    """
    magnitude = nm_mask(weight, n, m) * weight.detach().abs()
    if not magnitude.any():
        raise ValueError("weight must have an entry that is not zero, got zeros only")
    return float(magnitude.sum() / weight.detach().abs().sum())


def permute_columns(weight: torch.Tensor) -> torch.Tensor:
    """Return an order of the columns ``(in,)`` of ``weight`` ``(out, in)`` under which its 2:4 mask keeps
    more magnitude.

    Two groups of four columns hold eight, which can be dealt into two groups in 35 ways. The search tries all
    of them for each pair of groups and takes the one that keeps most, until no pair gains: each step is
    exact, the whole is greedy. Permuting the inputs of a layer changes nothing as long as the outputs of the
    layer before are permuted alike.

    Raises ValueError if ``weight`` is not 2-D or 4 does not divide its inputs.
    Source: Pool and Yu, "Channel permutations for N:M sparsity" (NeurIPS 2021); notebook 06.
    """
    if arguments.tensor("weight", weight).ndim != 2 or weight.shape[1] % 4:
        raise ValueError(f"weight must be (out, in) with 4 dividing in, got shape {tuple(weight.shape)}")
    # (in, out): a column of the weight is one contiguous row here
    columns = weight.detach().abs().double().t().contiguous()
    order = torch.arange(len(columns))
    # the half with column 0, so that each deal comes once
    halves = [(0, *three) for three in combinations(range(1, 8), 3)]
    deals = torch.tensor([[*half, *(c for c in range(8) if c not in half)] for half in halves])
    pairs = list(combinations(range(len(columns) // 4), 2))
    untried = set(pairs)
    while untried:
        for a, b in pairs:
            if (a, b) not in untried:
                continue
            untried.discard((a, b))
            places = torch.cat([torch.arange(4 * a, 4 * a + 4), torch.arange(4 * b, 4 * b + 4)])
            kept = _kept_by_deal(columns[order[places]], deals)
            choice = int(kept.argmax())
            if kept[choice] > kept[0] * (1 + 1e-12):  # a gain, not a rounding difference: the search must end
                order[places] = order[places][deals[choice]]
                untried.update(pair for pair in pairs if pair != (a, b) and (a in pair or b in pair))
    return order


def _kept_by_deal(eight: torch.Tensor, deals: torch.Tensor) -> torch.Tensor:
    """Return ``(deals,)``: the magnitude that 2:4 keeps of eight columns ``(8, out)`` under each deal into
    two groups of four.

    The two largest of four are the larger of each pair, or both of one pair: max(max(a, b) + max(c, d), a +
    b, c + d)."""
    a, b, c, d = deals.view(-1, 2, 4).unbind(2)
    larger = torch.maximum(eight[:, None], eight[None, :])
    total = eight[:, None] + eight[None, :]
    kept = torch.maximum(larger[a, b] + larger[c, d], torch.maximum(total[a, b], total[c, d]))
    return kept.sum((1, 2))

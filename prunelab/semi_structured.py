"""N:M sparsity: at most N nonzeros in every group of M neighbours, the pattern that sparse tensor cores can use."""

from itertools import combinations

import torch

from prunelab import arguments

BLOCK = 1 << 18  # elements ranked at a time: a block and its ranks stay in the cache
REMAINDERS = ("error", "pad")


def nm_mask(weight: torch.Tensor, n: int, m: int, remainder: str = "error") -> torch.Tensor:
    """Return the bool mask of ``weight``'s shape that keeps the ``n`` largest magnitudes in every group of ``m`` input neighbours.

    ``weight`` is ``(out, in)`` or ``(out, in, kh, kw)``; groups run along the input dimension, at one output and one kernel
    position. Exactly ``n`` of each group are kept: among equal magnitudes the earlier position goes first, as in ``keep_top``.
    Where ``m`` does not divide the number of inputs, ``remainder="error"`` refuses and ``"pad"`` treats the missing neighbours as
    smaller than any weight, so that a last group of r weights keeps min(n, r).

    Raises TypeError or ValueError for a weight that is not 2-D or 4-D, empty or not finite, n outside 0..m, an unknown remainder,
    or an indivisible input dimension. Source: Mishra et al., arXiv 2104.08378; notebook 06.
    """
    if arguments.tensor("weight", weight).ndim not in (2, 4):
        raise ValueError(f"weight must be (out, in) or (out, in, kh, kw), got shape {tuple(weight.shape)}")
    arguments.count("m", m)
    if arguments.count("n", n, at_least=0) > m:
        raise ValueError(f"n must be at most m = {m}, got {n}")
    arguments.one_of("remainder", remainder, REMAINDERS)
    inputs = weight.shape[1]
    if inputs % m and remainder == "error":
        raise ValueError(f"weight must have a number of inputs that m = {m} divides, got {inputs}; remainder='pad' allows it")
    rows = weight.detach().movedim(1, -1)  # the groups' dimension last: (out, in) or (out, kh, kw, in)
    if inputs % m:
        rows = torch.nn.functional.pad(rows.double(), (0, -inputs % m), value=float("nan"))  # NaN loses every comparison
    groups = rows.reshape(-1, m)
    kept = torch.empty(groups.shape, dtype=torch.bool)
    step = max(1, BLOCK // m)
    for start in range(0, len(groups), step):
        kept[start : start + step] = (_ranks(groups[start : start + step]) < n).t()
    return kept.view(rows.shape)[..., :inputs].movedim(-1, 1).contiguous()


def _ranks(groups: torch.Tensor) -> torch.Tensor:
    """Return, as ``(m, groups)`` int8, how many neighbours outrank each entry: m (m - 1) / 2 comparisons, no sorting, no branch."""
    columns = groups.t().contiguous().abs_()
    ranks = torch.arange(len(columns), dtype=torch.int8)[:, None].repeat(1, len(groups))  # as if every earlier one won
    for later in range(len(columns)):
        for earlier in range(later):
            later_wins = (columns[later] >= columns[earlier]).view(torch.int8)
            ranks[earlier] += later_wins
            ranks[later] -= later_wins
    return ranks


def is_nm(weight: torch.Tensor, n: int, m: int) -> bool:
    """Return whether every group of ``m`` input neighbours of ``weight`` has at most ``n`` nonzeros. Source: notebook 06.

    Raises ValueError if ``m`` does not divide the number of inputs.
    """
    arguments.tensor("weight", weight)
    if weight.shape[1] % arguments.count("m", m):
        raise ValueError(f"weight must have a number of inputs that m = {m} divides, got {weight.shape[1]}")
    groups = weight.detach().movedim(1, -1).reshape(-1, m)
    return bool((groups.count_nonzero(dim=1) <= n).all())


def compress_24(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pack a 2:4-sparse matrix ``(out, in)`` into its values ``(out, in / 2)`` and metadata ``(out, ceil(in / 8))`` uint8.

    Every group of four inputs becomes two values and four bits: two 2-bit positions, the first kept one in the low bits. A byte
    holds two groups, the earlier one in its low half; an odd last group leaves the high half empty. A group with fewer than two
    nonzeros stores zeros at positions the hardware convention prescribes. Read as little-endian int16 (float16) or int32 (int8)
    words this is the metadata of NVIDIA's sparse tensor cores before their reordering.

    Raises ValueError if ``weight`` is not 2-D, 4 does not divide its inputs, or a group has more than two nonzeros.
    Source: arXiv 2104.08378; notebook 06.
    """
    if arguments.tensor("weight", weight).ndim != 2 or weight.shape[1] % 4:
        raise ValueError(f"weight must be (out, in) with 4 dividing in, got shape {tuple(weight.shape)}")
    groups = weight.detach().reshape(len(weight), -1, 4)
    used = groups != 0
    crowded = (used.sum(2) > 2).nonzero()
    if len(crowded):
        row, group = crowded[0].tolist()
        raise ValueError(f"weight must have at most 2 nonzeros in every 4, got {int(used[row, group].sum())} in row {row}, "
                         f"columns {4 * group} to {4 * group + 3}; apply nm_mask(weight, 2, 4) first")  # fmt: skip
    first = torch.where(used[..., 0], 0, torch.where(used[..., 1], 1, 2))
    second = torch.where(used[..., 0] & used[..., 1], 1, torch.where(used[..., 3] | (first == 2), 3, 2))
    values = groups.gather(2, torch.stack([first, second], dim=2)).reshape(len(weight), -1)
    nibbles = torch.nn.functional.pad((first | second << 2).to(torch.uint8), (0, first.shape[1] % 2))
    return values, nibbles[:, 0::2] | nibbles[:, 1::2] << 4


def decompress_24(values: torch.Tensor, metadata: torch.Tensor) -> torch.Tensor:
    """Undo ``compress_24``: return the matrix ``(out, in)`` of values ``(out, in / 2)`` and metadata ``(out, ceil(in / 8))``.

    Raises ValueError if the shapes do not fit, the metadata is not uint8, or a group names one position twice. Source: notebook 06.
    """
    if values.ndim != 2 or values.shape[1] % 2:
        raise ValueError(f"values must be (out, in / 2) with an even number of columns, got shape {tuple(values.shape)}")
    groups = values.shape[1] // 2
    if metadata.dtype != torch.uint8 or metadata.shape != (len(values), (groups + 1) // 2):
        raise ValueError(f"metadata must be uint8 of shape {(len(values), (groups + 1) // 2)}, "
                         f"got {metadata.dtype} of shape {tuple(metadata.shape)}")  # fmt: skip
    nibbles = torch.stack([metadata & 15, metadata >> 4], dim=2).reshape(len(values), -1)[:, :groups].long()
    positions = torch.stack([nibbles & 3, nibbles >> 2], dim=2)
    if (positions[..., 0] >= positions[..., 1]).any():
        raise ValueError("metadata must name two different positions in rising order in every group; these bytes are damaged")
    dense = values.new_zeros(len(values), groups, 4)
    dense.scatter_(2, positions, values.reshape(len(values), groups, 2))
    return dense.reshape(len(values), -1)


def kept_magnitude(weight: torch.Tensor, n: int = 2, m: int = 4) -> float:
    """Return the share of ``weight``'s total magnitude that its N:M mask keeps, in [0, 1]. Source: notebook 06."""
    return float((weight.detach().abs() * nm_mask(weight, n, m)).sum() / weight.detach().abs().sum())


def permute_columns(weight: torch.Tensor) -> torch.Tensor:
    """Return an order of the columns ``(in,)`` of ``weight`` ``(out, in)`` under which its 2:4 mask keeps more magnitude.

    Two groups of four columns hold eight, which can be dealt into two groups in 35 ways. The search tries all of them for each
    pair of groups and takes the one that keeps most, until no pair gains: each step is exact, the whole is greedy. Permuting the
    inputs of a layer changes nothing as long as the outputs of the layer before are permuted alike.

    Raises ValueError if ``weight`` is not 2-D or 4 does not divide its inputs.
    Source: Pool and Yu, "Channel permutations for N:M sparsity" (NeurIPS 2021); notebook 06.
    """
    if arguments.tensor("weight", weight).ndim != 2 or weight.shape[1] % 4:
        raise ValueError(f"weight must be (out, in) with 4 dividing in, got shape {tuple(weight.shape)}")
    columns = weight.detach().abs().double().t().contiguous()  # (in, out): a column of the weight is one contiguous row here
    order = torch.arange(len(columns))
    halves = [(0, *three) for three in combinations(range(1, 8), 3)]  # the half with column 0, so that each deal comes once
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
    """Return ``(deals,)``: the magnitude that 2:4 keeps of eight columns ``(8, out)`` under each deal into two groups of four.

    The two largest of four are the larger of each pair, or both of one pair: max(max(a, b) + max(c, d), a + b, c + d).
    """
    a, b, c, d = deals.view(-1, 2, 4).unbind(2)
    larger = torch.maximum(eight[:, None], eight[None, :])
    total = eight[:, None] + eight[None, :]
    kept = torch.maximum(larger[a, b] + larger[c, d], torch.maximum(total[a, b], total[c, d]))
    return kept.sum((1, 2))

"""An order of the columns under which a 2:4 mask keeps more."""

from collections.abc import Iterator
from itertools import combinations

import torch

from prunelab import arguments

BLOCK = 1 << 18  # numbers of a table at a time: those of all pairs would not stay in the cache


def permute_columns(weight: torch.Tensor, tries: int = 50_000) -> torch.Tensor:
    """Return an order of the columns ``(in,)`` of ``weight`` ``(out, in)`` under which its 2:4 mask keeps
    more magnitude.

    Two groups of four columns hold eight, which can be dealt into two groups in 35 ways. The search tries all
    of them for each pair of groups and takes the one that keeps most, until no pair gains or ``tries`` pairs
    were tried: every step gains, the whole is greedy. Pairs that share no group are tried together, as the
    games of a round in a tournament. Permuting the inputs of a layer changes nothing as long as the outputs
    of the layer before are permuted alike.

    512 columns of 512 weights end by themselves, after about 0.6 s on one core; 4,096 of 4,096 end at
    ``tries``, after half a minute.

    Raises ValueError if ``weight`` is not 2-D or 4 does not divide its inputs, or for ``tries`` below 1.
    Source: Pool and Yu, "Channel permutations for N:M sparsity" (NeurIPS 2021); notebook 06.
    """
    if arguments.tensor("weight", weight).ndim != 2 or weight.shape[1] % 4:
        raise ValueError(f"weight must be (out, in) with 4 dividing in, got shape {tuple(weight.shape)}")
    arguments.count("tries", tries)
    columns = weight.detach().cpu().abs().float().t().contiguous()  # (in, out): a column is one row here
    columns /= columns.max().clamp(min=torch.finfo(torch.float32).tiny)  # float64 may hold larger numbers
    groups = len(columns) // 4
    order = torch.arange(len(columns)).view(groups, 4)
    untried = torch.ones(groups, groups, dtype=torch.bool)
    size = max(1, BLOCK // (36 * columns.shape[1]))  # pairs at a time that stay in the cache
    while tries > 0 and untried.triu(1).any():
        for a, b in _rounds(groups):
            due = untried[a, b].nonzero().squeeze(1)[:tries]
            tries -= len(due)
            for part in due.split(size) if len(due) else ():
                _deal(columns, order, untried, a[part], b[part])
    return order.view(-1)


def _rounds(groups: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the rounds of a tournament: the partners ``(a, b)``, a < b; after all of them each pair has met
    once."""
    others = torch.arange(1, groups + groups % 2)
    for turn in range(len(others)):
        circle = torch.cat([torch.zeros(1, dtype=torch.long), others.roll(turn)])
        left, right = circle[: len(circle) // 2], circle.flip(0)[: len(circle) // 2]
        a, b = torch.minimum(left, right), torch.maximum(left, right)
        yield a[b < groups], b[b < groups]  # an odd group out rests


def _deal(
    columns: torch.Tensor, order: torch.Tensor, untried: torch.Tensor, a: torch.Tensor, b: torch.Tensor
) -> None:
    """Deal the columns of each pair of groups ``(a, b)`` anew where that gains; write it into ``order`` and
    ``untried``."""
    untried[a, b] = False
    members = torch.cat([order[a], order[b]], dim=1)
    kept = _kept_by_deal(columns[members.view(-1)].view(*members.shape, -1))
    best, choice = kept.max(dim=1)
    gains = (best > kept[:, 0] * (1 + 1e-5)).nonzero().squeeze(1)  # more than float32 rounds: the search ends
    dealt = members[gains].gather(1, DEALS[choice[gains]])
    order[a[gains]], order[b[gains]] = dealt[:, :4], dealt[:, 4:]
    for changed in (a[gains], b[gains]):
        untried[changed], untried[:, changed] = True, True
    untried[a[gains], b[gains]] = False


_TWO = torch.tensor(list(combinations(range(4), 2)))  # pairs of a group; the i-th from the end has the others
_THREE = torch.tensor([[j for j in range(4) if j != i] for i in range(4)])  # those that stay when i goes


def _deals() -> torch.Tensor:
    """Return ``(35, 8)``: the order of eight columns under each deal, in the order of ``_kept_by_deal``."""
    deals = [list(range(8))]
    for i in range(4):  # one for one
        for j in range(4):
            deal = list(range(8))
            deal[i], deal[4 + j] = 4 + j, i
            deals.append(deal)
    for i in range(3):  # two for two: the other half of all is the same with the groups exchanged
        for j in range(6):
            stay, go, come, rest = _TWO[i], _TWO[5 - i], _TWO[j] + 4, _TWO[5 - j] + 4
            deals.append(torch.cat([stay, come, go, rest]).tolist())
    return torch.tensor(deals)


DEALS = _deals()


def _kept_by_deal(eight: torch.Tensor) -> torch.Tensor:
    """Return ``(pairs, 35)``: the magnitude that 2:4 keeps of eight columns ``(pairs, 8, out)`` under each
    deal of ``DEALS``.

    The two largest of four are the larger of each pair, or both of one pair: max(max(a, b) + max(c, d), a +
    b, c + d). Of three that stay and one that comes: the largest of three + max(the second, the new one)."""
    halves = eight.view(len(eight), 2, 4, -1)
    one, other = halves[:, :, _TWO[:, 0]], halves[:, :, _TWO[:, 1]]
    larger, total = torch.maximum(one, other), one + other  # (pairs, 2, 6, out)
    as_it_is = torch.maximum(larger + larger.flip(2), torch.maximum(total, total.flip(2)))[:, :, 0].sum(-1)
    # one for one
    three = halves[:, :, _THREE]  # (pairs, 2, 4, 3, out)
    first = three.amax(3)
    second = three.sum(3) - first - three.amin(3)
    stay = first.sum(-1)
    come_a = torch.maximum(second[:, 0, :, None], halves[:, 1, None]).sum(-1) + stay[:, 0, :, None]
    come_b = torch.maximum(second[:, 1, None], halves[:, 0, :, None]).sum(-1) + stay[:, 1, None]
    # two for two: pair i of one group meets pair j of the other, and what is left meets what is left
    met = torch.maximum(
        larger[:, 0, :, None] + larger[:, 1, None], torch.maximum(total[:, 0, :, None], total[:, 1, None])
    ).sum(-1)
    two = (met + met.flip(1, 2))[:, :3]
    return torch.cat([as_it_is.sum(1, keepdim=True), (come_a + come_b).flatten(1), two.flatten(1)], dim=1)

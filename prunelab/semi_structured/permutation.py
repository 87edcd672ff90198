"""An order of the columns under which a 2:4 mask keeps more."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import torch

from prunelab import arguments

BLOCK = 1 << 16  # numbers of a table at a time: those of all pairs would not stay in the cache


def permute_columns(weight: torch.Tensor, tries: int = 50_000) -> torch.Tensor:
    """Return an order of the columns ``(in,)`` of ``weight`` ``(out, in)`` under which its 2:4 mask keeps
    more magnitude.

    Two groups of four columns hold eight, which can be dealt into two groups in 35 ways. The search tries all
    of them for each pair of groups and takes the one that keeps most, until no pair gains or ``tries`` pairs
    were tried: every step gains, the whole is greedy. Pairs that share no group are tried together, as the
    games of a round in a tournament. Permuting the inputs of a layer changes nothing as long as the outputs
    of the layer before are permuted alike.

    ``tries`` bounds the time of wide layers; narrow ones end by themselves.

    Raises ValueError if ``weight`` is not 2-D or 4 does not divide its inputs, or for ``tries`` below 1.
    Source: Pool and Yu, "Channel permutations for N:M sparsity" (NeurIPS 2021); notebook 06.
    """
    if arguments.tensor("weight", weight).ndim != 2 or weight.shape[1] % 4:
        raise ValueError(f"weight must be (out, in) with 4 dividing in, got shape {tuple(weight.shape)}")
    arguments.count("tries", tries)
    columns = weight.detach().cpu().abs().t().contiguous().numpy()  # (in, out): a column is one row here
    columns = (columns / max(columns.max(), np.finfo(np.float32).tiny)).astype(np.float32)
    groups = len(columns) // 4
    order = np.arange(len(columns)).reshape(groups, 4)
    untried = np.triu(np.ones((groups, groups), bool), 1)
    size = max(1, BLOCK // (36 * columns.shape[1]))  # pairs at a time that stay in the cache
    while tries > 0 and untried.any():
        for a, b in _rounds(groups):
            due = np.flatnonzero(untried[a, b])[:tries]
            tries -= len(due)
            for start in range(0, len(due), size):
                part = due[start : start + size]
                _deal(columns, order, untried, a[part], b[part])
    return torch.from_numpy(order.reshape(-1))


def _rounds(groups: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rounds of a tournament: the partners ``(a, b)``, a < b; after all of them each pair has met
    once."""
    others = np.arange(1, groups + groups % 2)
    for turn in range(len(others)):
        circle = np.concatenate([[0], np.roll(others, turn)])
        left, right = circle[: len(circle) // 2], circle[::-1][: len(circle) // 2]
        a, b = np.minimum(left, right), np.maximum(left, right)
        yield a[b < groups], b[b < groups]  # an odd group out rests


def _deal(columns: np.ndarray, order: np.ndarray, untried: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """Deal the columns of each pair of groups ``(a, b)`` anew where that gains; write it into ``order`` and
    ``untried``."""
    untried[a, b] = False
    members = np.concatenate([order[a], order[b]], axis=1)
    kept = _kept_by_deal(columns[members])
    choice = kept.argmax(axis=1)
    gained = kept.max(axis=1) > kept[:, 0] * (1 + 1e-5)  # more than float32 rounds: the search must end
    for pair in np.flatnonzero(gained):
        one, other = a[pair], b[pair]
        order[one], order[other] = members[pair][DEALS[choice[pair]]].reshape(2, 4)
        for changed in (one, other):
            untried[:changed, changed] = untried[changed, changed + 1 :] = True
        untried[one, other] = False


_TWO = np.array(list(combinations(range(4), 2)))  # pairs of a group; the i-th from the end has the others
_THREE = np.array([[j for j in range(4) if j != i] for i in range(4)])  # those that stay when i goes


def _deals() -> np.ndarray:
    """Return ``(35, 8)``: the order of eight columns under each deal, in the order of ``_kept_by_deal``."""
    deals = [list(range(8))]
    for i in range(4):  # one for one
        for j in range(4):
            deal = list(range(8))
            deal[i], deal[4 + j] = 4 + j, i
            deals.append(deal)
    for i in range(3):  # two for two; the other three are the same with the groups exchanged
        for j in range(6):
            stay, go, come, rest = _TWO[i], _TWO[5 - i], _TWO[j] + 4, _TWO[5 - j] + 4
            deals.append([*stay, *come, *go, *rest])
    return np.array(deals)


DEALS = _deals()


def _kept_by_deal(eight: np.ndarray) -> np.ndarray:
    """Return ``(pairs, 35)``: the magnitude that 2:4 keeps of eight columns ``(pairs, 8, out)`` under each
    deal of ``DEALS``.

    The two largest of four are the larger of each pair, or both of one pair: max(max(a, b) + max(c, d), a +
    b, c + d). Of three that stay and one that comes: the largest of three + max(the second, the new one). The
    sums over the outputs are products with ones, which are three times as fast as a sum."""
    halves = eight.reshape(len(eight), 2, 4, -1)
    ones = np.ones(eight.shape[2], np.float32)
    # two for two: pair i of one group meets pair j of the other, and what is left meets what is left
    left, right = halves[:, :, _TWO[:, 0]], halves[:, :, _TWO[:, 1]]
    larger, total = np.maximum(left, right), left + right  # (pairs, 2, 6, out)
    met = larger[:, 0, :, None] + larger[:, 1, None]
    np.maximum(met, total[:, 0, :, None], out=met)
    np.maximum(met, total[:, 1, None], out=met)
    two = met @ ones
    two = (two + two[:, ::-1, ::-1])[:, :3]
    # one for one
    a, b, c = (halves[:, :, _THREE[:, i]] for i in range(3))
    first = np.maximum(np.maximum(a, b), c)
    second = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
    stay = first @ ones
    into_a = np.maximum(second[:, 0, :, None], halves[:, 1, None]) @ ones + stay[:, 0, :, None]
    into_b = np.maximum(second[:, 1, None], halves[:, 0, :, None]) @ ones + stay[:, 1, None]
    # as it is: the fourth comes back to its three
    now = stay[:, :, 0] + np.maximum(second[:, :, 0], halves[:, :, 0]) @ ones
    one = (into_a + into_b).reshape(len(eight), 16)
    return np.concatenate([now.sum(1, keepdims=True), one, two.reshape(len(eight), 18)], axis=1)

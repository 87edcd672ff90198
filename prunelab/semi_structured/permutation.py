"""An order of the columns under which a 2:4 mask keeps more."""

from itertools import combinations

import numpy as np
import torch

from prunelab import arguments

WHOLE = 128  # groups whose pairs are all searched: those of a wide layer would take minutes
POOL = 64  # groups of a wider layer that are searched together
PASSES = 2  # over a wide layer, each time in pools drawn anew
LEAST = 1e-5  # of what a pair keeps: a smaller gain may be rounding, and the search must end
BLOCK = 1 << 16  # numbers at a time that stay in the cache


def permute_columns(weight: torch.Tensor) -> torch.Tensor:
    """Return an order of the columns ``(in,)`` of ``weight`` ``(out, in)`` under which its 2:4 mask keeps
    more magnitude.

    Two groups of four columns hold eight, which can be dealt into two groups in 35 ways. The search knows
    what each of them would gain for each pair of groups, takes the best deals that share no group, and goes
    on until no pair gains: every step gains, the whole is greedy. Permuting the inputs of a layer changes
    nothing as long as the outputs of the layer before are permuted alike.

    More than 512 columns are searched in pools of 64 groups, twice, the second time in pools drawn anew: the
    time grows with the columns, not with their square, and pairs that never met in a pool may be left that
    would still gain.

    Raises ValueError if ``weight`` is not 2-D or 4 does not divide its inputs. Source: Pool and Yu, "Channel
    permutations for N:M sparsity" (NeurIPS 2021); notebook 06.
    """
    if arguments.tensor("weight", weight).ndim != 2 or weight.shape[1] % 4:
        raise ValueError(f"weight must be (out, in) with 4 dividing in, got shape {tuple(weight.shape)}")
    columns = weight.detach().cpu().t().double().abs()  # (in, out): a column is one row here
    columns = (columns / columns.max().clamp(min=torch.finfo(torch.float64).tiny)).float().contiguous()
    order = torch.arange(len(columns)).view(-1, 4)
    if len(order) <= WHOLE:
        return _searched(columns, order).view(-1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(PASSES):
        for pool in torch.randperm(len(order), generator=generator).split(POOL):
            order[pool] = _searched(columns, order[pool])
    return order.view(-1)


def _searched(columns: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Return ``order`` ``(groups, 4)``, the numbers of the columns in each group, after deals that gain,
    until none is left; first one column for one, then two for two as well."""
    tables = _Tables(columns[order])
    while True:
        a, b, deals = tables.best()
        if len(a):
            dealt = torch.cat([order[a], order[b]], dim=1).gather(1, DEALS[deals])
            changed = torch.cat([a, b])
            order = order.index_put((changed,), torch.cat([dealt[:, :4], dealt[:, 4:]]))
            tables.read(changed, columns[order[changed]])
        elif tables.pairs is None:
            tables.read_pairs()
        else:
            return order


_TWO = torch.tensor(list(combinations(range(4), 2)))  # pairs of a group; the i-th from the end has the others
_THREE = torch.tensor([[j for j in range(4) if j != i] for i in range(4)])  # those that stay when i goes


def _deals() -> torch.Tensor:
    """Return ``(34, 8)``: the order of eight columns under each deal that changes the groups, in the order of
    ``_Tables.best``."""
    deals = []
    for i in range(4):  # one for one
        for j in range(4):
            deal = list(range(8))
            deal[i], deal[4 + j] = 4 + j, i
            deals.append(deal)
    two = _TWO.tolist()
    for i in range(3):  # two for two; the other three are the same with the groups exchanged
        for j in range(6):
            come, rest = ([4 + k for k in two[n]] for n in (j, 5 - j))
            deals.append([*two[i], *come, *two[5 - i], *rest])
    return torch.tensor(deals)


DEALS = _deals()


class _Tables:
    """What 2:4 keeps of two groups under each deal, for all pairs of ``groups`` ``(n, 4, out)``.

    Everything is a sum, over the outputs, of the larger of two numbers. Of three columns that stay and one
    that comes, 2:4 keeps the largest of the three, and the larger of the second and the new one. Of two pairs
    that meet it keeps the larger of the lesser here and the larger there, and the same the other way round:
    if neither lesser one counts, these are the two larger ones."""

    def __init__(self, groups: torch.Tensor):
        size = len(groups)
        self.groups, self.second = groups.clone(), torch.empty_like(groups)
        self.first = torch.empty(size, 4)
        # [a, b, i, j]: the second of a without its i-th, beside the j-th of b
        self.singles = torch.empty(size, size, 4, 4)
        # [a, b, i, j]: the lesser of pair i of a, beside the larger of pair j of b; three times the work
        self.pairs: torch.Tensor | None = None
        self.read(torch.arange(size), groups)

    def read(self, changed: torch.Tensor, groups: torch.Tensor) -> None:
        """Write the new columns of the groups ``changed`` ``(k,)`` into the tables."""
        a, b, c = (groups[:, _THREE[:, i]] for i in range(3))
        self.groups[changed] = groups
        self.first[changed] = a.maximum(b).maximum(c).sum(2)
        self.second[changed] = a.minimum(b).maximum(a.maximum(b).minimum(c))
        _write(self.singles, changed, self.second, self.groups)
        if self.pairs is not None:
            self.lesser[changed], self.larger[changed] = _meeting(groups)
            _write(self.pairs, changed, self.lesser, self.larger)

    def read_pairs(self) -> None:
        """Make the table of the pairs."""
        size = len(self.groups)
        self.lesser, self.larger = _meeting(self.groups)
        self.pairs = torch.empty(size, size, 6, 6)
        _write(self.pairs, torch.arange(size), self.lesser, self.larger)

    def best(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return pairs of groups ``(a, b)`` that share none, and the number of the deal for each: the best
        first, as long as something is gained."""
        now = self.first[:, 0] + self.singles.diagonal()[0, 0]  # a group whose first column goes and comes
        before = now[:, None] + now
        ones = self.singles + self.first[:, None, :, None]
        tables = [(ones + ones.permute(1, 0, 3, 2)).flatten(2)]
        if self.pairs is not None:
            twos = self.pairs + self.pairs.permute(1, 0, 3, 2)
            tables.append((twos[:, :, :3] + twos.flip(2, 3)[:, :, :3]).flatten(2))
        kept, deals = torch.cat(tables, dim=2).max(2)
        gain = torch.where(kept > before * (1 + LEAST), kept - before, 0).triu(1)
        gaining = gain.nonzero()
        gaining = gaining[gain[tuple(gaining.T)].argsort(descending=True, stable=True)]
        free, chosen = set(range(len(now))), []
        for pair in gaining.tolist():
            if free.issuperset(pair):
                free.difference_update(pair)
                chosen.append(pair)
        a, b = torch.tensor(chosen, dtype=torch.long).view(-1, 2).T
        return a, b, deals[a, b]


def _meeting(groups: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the lesser and the larger of each pair of columns of ``groups``, ``(n, 6, out)`` each."""
    left, right = groups[:, _TWO[:, 0]], groups[:, _TWO[:, 1]]
    return left.minimum(right), left.maximum(right)


def _write(table: torch.Tensor, changed: torch.Tensor, here: torch.Tensor, there: torch.Tensor) -> None:
    """Write into ``table`` ``(n, n, i, j)`` the rows and columns of the groups ``changed``."""
    table[changed] = _sums_of_larger(here[changed], there)
    others = torch.ones(len(table), dtype=torch.bool)
    others[changed] = False
    if others.any():
        table[others.nonzero(), changed] = _sums_of_larger(here[others], there[changed])


def _sums_of_larger(here: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Return ``(h, t, i, j)``: the sum, over the outputs, of the larger of ``here[h, i]`` and ``there[t, j]``
    (``(groups, members, out)``).

    Block by block, which is all that takes time here; a product with ones adds up three times as fast as a
    sum."""
    x, y = here.flatten(0, 1).numpy(), there.flatten(0, 1).numpy()
    outputs, ones = x.shape[1], np.ones(x.shape[1], np.float32)
    step = max(1, BLOCK // outputs)
    larger, sums = np.empty((min(step, len(y)), outputs), np.float32), np.empty((len(x), len(y)), np.float32)
    for start in range(0, len(y), step):
        block = y[start : start + step]
        for row, one in zip(sums, x, strict=True):
            np.maximum(one, block, out=larger[: len(block)])
            np.dot(larger[: len(block)], ones, out=row[start : start + len(block)])
    return torch.from_numpy(sums).view(*here.shape[:2], *there.shape[:2]).transpose(1, 2)

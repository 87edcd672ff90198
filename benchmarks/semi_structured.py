"""N:M masks and what is made of them: ``semi_structured`` beside the plain ways.

    python benchmarks/semi_structured.py        about a minute and a half

One thread, medians of several runs, taken in turns, all of a 4096 x 4096 matrix unless said. The plain ways
are written with torch's own operations, as one would without this package, and give the same bits; each ratio
stands beside its aim. ``limit`` is what nothing avoids: one look for NaN, one comparison of every weight."""

import statistics
import sys
import time
from collections.abc import Callable
from itertools import combinations

import numpy as np
import torch

from prunelab.semi_structured import (
    compress_24,
    decompress_24,
    is_nm,
    kept_magnitude,
    nm_mask,
    permute_columns,
)

ROUNDS = 7
GROUPS = ((4, 8), (8, 16), (16, 32), (32, 64), (64, 128))
DEALS = [
    (0, *three, *(c for c in range(8) if c not in (0, *three))) for three in combinations(range(1, 8), 3)
]
LONGEST = 60.0  # seconds for an order of 4,096 columns
PATTERNS = torch.tensor([[i in kept for i in range(4)] for kept in combinations(range(4), 2)])


def pattern_search(weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The usual way: a product with every pattern; float64 makes it exact, float32 is what teaching code
    uses.
    """
    patterns = PATTERNS.to(dtype)
    return patterns[(weight.abs().to(dtype).view(-1, 4) @ patterns.T).argmax(dim=1)].bool().view(weight.shape)


def topk(weight: torch.Tensor, n: int, m: int) -> torch.Tensor:
    groups = weight.abs().view(-1, m)
    kept = torch.zeros_like(groups, dtype=torch.bool)
    return kept.scatter_(1, groups.topk(n, dim=1).indices, True).view(weight.shape)


def plain_is_nm(weight: torch.Tensor) -> bool:
    return bool((weight.view(-1, 4).count_nonzero(dim=1) <= 2).all())


def plain_compress(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    groups = weight.view(len(weight), -1, 4)
    used = groups != 0
    assert not (used.sum(2) > 2).any()
    first = torch.where(used[..., 0], 0, torch.where(used[..., 1], 1, 2))
    second = torch.where(used[..., 0] & used[..., 1], 1, torch.where(used[..., 3] | (first == 2), 3, 2))
    values = groups.gather(2, torch.stack([first, second], dim=2)).view(len(weight), -1)
    nibbles = (first | second << 2).to(torch.uint8)
    return values, nibbles[:, 0::2] | nibbles[:, 1::2] << 4


def plain_decompress(values: torch.Tensor, metadata: torch.Tensor) -> torch.Tensor:
    nibbles = torch.stack([metadata & 15, metadata >> 4], dim=2).view(len(values), -1).long()
    dense = values.new_zeros(len(values), nibbles.shape[1], 4)
    dense.scatter_(2, torch.stack([nibbles & 3, nibbles >> 2], dim=2), values.view(len(values), -1, 2))
    return dense.view(len(values), -1)


def plain_permute(weight: torch.Tensor) -> torch.Tensor:
    """All deals of each pair of groups, one pair after the other, until none gains."""
    columns = weight.abs().double().t().contiguous()
    order, deals = torch.arange(len(columns)), torch.tensor(DEALS)
    pairs = list(combinations(range(len(columns) // 4), 2))
    untried = set(pairs)
    while untried:
        for a, b in pairs:
            if (a, b) not in untried:
                continue
            untried.discard((a, b))
            places = torch.cat([torch.arange(4 * a, 4 * a + 4), torch.arange(4 * b, 4 * b + 4)])
            eight = columns[order[places]]
            one, two, three, four = deals.view(-1, 2, 4).unbind(2)
            larger, total = torch.maximum(eight[:, None], eight[None]), eight[:, None] + eight[None]
            kept = torch.maximum(larger[one, two] + larger[three, four], total[one, two])
            kept = torch.maximum(kept, total[three, four]).sum((1, 2))
            choice = int(kept.argmax())
            if kept[choice] > kept[0] * (1 + 1e-12):
                order[places] = order[places][deals[choice]]
                untried.update(pair for pair in pairs if pair != (a, b) and (a in pair or b in pair))
    return order


def compare(title: str, ours: Callable, others: dict[str, Callable], aim: float, rounds: int = ROUNDS) -> int:
    """Time all ways in turns, print their medians; return 1 if the first of the others is not ``aim`` times
    as slow as ours."""
    ways = {"ours": ours, **others}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    reached = medians[next(iter(others))] / medians["ours"]
    print(f"{title}: {reached:.1f} x, aim {aim:g}: {'NO' if reached < aim else 'yes'}")
    for name, seconds in medians.items():
        print(f"    {name:28} {1e3 * seconds:9.1f} ms")
    return reached < aim


def masks(large: torch.Tensor) -> int:
    exact = pattern_search(large, torch.float64)
    assert torch.equal(nm_mask(large, 2, 4), exact)
    missed = compare(
        "2:4 mask, float32",
        lambda: nm_mask(large, 2, 4),
        {
            "pattern search, float32": lambda: pattern_search(large, torch.float32),
            "topk": lambda: topk(large, 2, 4),
            "limit: a look for NaN": large.aminmax,
            "limit: one comparison": lambda: np.greater(large.numpy(), 0),
        },
        8,
    )
    for dtype in (torch.float16, torch.bfloat16):
        half = large.to(dtype)
        assert torch.equal(nm_mask(half, 2, 4), nm_mask(half.float(), 2, 4))
        ways = {
            "through float32": lambda half=half: nm_mask(half.float(), 2, 4),
            "limit: a look for NaN": half.aminmax,
        }
        missed += compare(f"2:4 mask, {dtype}", lambda half=half: nm_mask(half, 2, 4), ways, 2.5)
    small = large[:1024, :1024].contiguous()
    for n, m in GROUPS:
        ours, theirs = (lambda f=f, n=n, m=m: f(small, n, m) for f in (nm_mask, topk))
        missed += compare(f"{n}:{m} mask of 1024 x 1024", ours, {"topk": theirs}, 1)
    return missed


def packing(large: torch.Tensor) -> int:
    pruned = large * nm_mask(large, 2, 4)
    values, metadata = packed = compress_24(pruned)
    assert all(map(torch.equal, packed, plain_compress(pruned)))
    assert torch.equal(decompress_24(*packed), pruned) and torch.equal(plain_decompress(*packed), pruned)
    limit = {"limit: one comparison": lambda: np.not_equal(pruned.numpy(), 0)}
    plain = {"plain": lambda: plain_is_nm(pruned), **limit}
    missed = compare("is_nm", lambda: is_nm(pruned, 2, 4), plain, 13)
    plain = {"plain": lambda: plain_compress(pruned), **limit}
    missed += compare("compress_24", lambda: compress_24(pruned), plain, 3.5)
    plain = {"plain": lambda: plain_decompress(values, metadata)}
    return missed + compare("decompress_24", lambda: decompress_24(values, metadata), plain, 1.7)


def columns() -> int:
    weight = torch.randn(512, 512, generator=torch.Generator().manual_seed(0))
    ways = {"one pair after the other": lambda: plain_permute(weight)}
    missed = compare("permute_columns of 512", lambda: permute_columns(weight), ways, 5, rounds=1)
    kept = [kept_magnitude(weight[:, f(weight)]) for f in (permute_columns, plain_permute)]
    print(f"    keeps {kept[0]:.4f} of the magnitude, one pair after the other {kept[1]:.4f}")
    large = torch.randn(4096, 4096, generator=torch.Generator().manual_seed(0))
    start = time.perf_counter()
    order = permute_columns(large)
    seconds = time.perf_counter() - start
    print(
        f"permute_columns of 4,096: {seconds:.1f} s, aim {LONGEST:g}: {'NO' if seconds > LONGEST else 'yes'}"
    )
    print(f"    keeps {kept_magnitude(large[:, order]):.4f}, as it was {kept_magnitude(large):.4f}")
    return missed + (seconds > LONGEST) + (kept[0] < kept[1] - 0.002)


def main() -> int:
    torch.set_num_threads(1)
    large = torch.randn(4096, 4096, generator=torch.Generator().manual_seed(0))
    return masks(large) + packing(large) + columns()


if __name__ == "__main__":
    sys.exit(main())

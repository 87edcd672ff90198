"""N:M masks: ``nm_mask`` beside the search over all patterns and beside topk.

    python benchmarks/nm_mask.py        about 20 seconds

Medians of several runs, taken in turns: 2:4 of a 4096 x 4096 float32 matrix, then groups of 8 to 128 in a
1024 x 1024 one, where the search has too many patterns. Aims: 2:4 five times as fast as the search in
float32; no group size slower than topk. The limits beside them are what no mask can avoid: one look for NaN,
and one pass that reads the matrix and writes a byte for each weight."""

import statistics
import sys
import time
from itertools import combinations

import numpy as np
import torch

from prunelab.semi_structured import nm_mask

ROUNDS = 7
PATTERNS = torch.tensor([[i in kept for i in range(4)] for kept in combinations(range(4), 2)])
AIM, AIM_TOPK = 5, 1
GROUPS = ((4, 8), (8, 16), (16, 32), (32, 64), (64, 128))


def pattern_search(weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The usual way: a product with every pattern; float64 makes it exact, float32 is what teaching code
    uses.
    """
    patterns = PATTERNS.to(dtype)
    return patterns[(weight.abs().to(dtype).view(-1, 4) @ patterns.T).argmax(dim=1)].bool().view(weight.shape)


def topk(weight: torch.Tensor, n: int, m: int) -> torch.Tensor:
    groups = weight.abs().view(-1, m)
    return (
        torch.zeros_like(groups, dtype=torch.bool)
        .scatter_(1, groups.topk(n, dim=1).indices, True)
        .view(weight.shape)
    )


def compare(ways: dict, title: str) -> dict[str, float]:
    """Time all ways in turns, print their medians, return them as multiples of the time of ``nm_mask``."""
    times = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    ratios = {name: seconds / medians["nm_mask"] for name, seconds in medians.items()}
    print(f"{title}, {torch.get_num_threads()} threads")
    for name, seconds in medians.items():
        print(f"  {name:28} {1e3 * seconds:8.1f} ms   {ratios[name]:6.2f} x nm_mask")
    return ratios


def main() -> int:
    torch.manual_seed(0)
    large, small = torch.randn(4096, 4096), torch.randn(1024, 1024)
    assert torch.equal(nm_mask(large, 2, 4), pattern_search(large, torch.float64))
    ratios = compare(
        {
            "nm_mask": lambda: nm_mask(large, 2, 4),
            "pattern search, float64": lambda: pattern_search(large, torch.float64),
            "pattern search, float32": lambda: pattern_search(large, torch.float32),
            "topk": lambda: topk(large, 2, 4),
            "limit: a look for NaN": large.aminmax,
            "limit: one comparison": lambda: np.greater(large.numpy(), 0),
        },
        "2:4 of 4096 x 4096",
    )
    reached = ratios["pattern search, float32"]
    missed = reached < AIM
    print(f"  {reached:.1f} times as fast as the search in float32, aim {AIM}: {'NO' if missed else 'yes'}\n")
    for n, m in GROUPS:
        ways = {"nm_mask": lambda n=n, m=m: nm_mask(small, n, m), "topk": lambda n=n, m=m: topk(small, n, m)}
        reached = compare(ways, f"{n}:{m} of 1024 x 1024")["topk"]
        missed += reached < AIM_TOPK
        print(
            f"  {reached:.1f} times as fast as topk, aim {AIM_TOPK}: {'NO' if reached < AIM_TOPK else 'yes'}"
        )
    return missed


if __name__ == "__main__":
    sys.exit(main())

"""N:M masks: the branch-free rank of ``nm_mask`` beside the search over all patterns and beside topk.

    python benchmarks/nm_mask.py

Prints the median of several runs, taken in turns, for 2:4 of a 4096 x 4096 float32 matrix and for 8:16 of 1024 x 1024 (where the
search has 12,870 patterns and is left out).
"""

import statistics
import time
from itertools import combinations

import torch

from prunelab.semi_structured import nm_mask

ROUNDS = 7
PATTERNS = torch.tensor([[i in kept for i in range(4)] for kept in combinations(range(4), 2)])


def pattern_search(weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The usual way: a product with every pattern; float64 makes it exact, float32 is what teaching code uses."""
    patterns = PATTERNS.to(dtype)
    return patterns[(weight.abs().to(dtype).view(-1, 4) @ patterns.T).argmax(dim=1)].bool().view(weight.shape)


def topk(weight: torch.Tensor, n: int, m: int) -> torch.Tensor:
    groups = weight.abs().view(-1, m)
    return torch.zeros_like(groups, dtype=torch.bool).scatter_(1, groups.topk(n, dim=1).indices, True).view(weight.shape)


def compare(ways: dict, title: str) -> None:
    times = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    own = medians["nm_mask"]
    print(f"{title}, {torch.get_num_threads()} threads")
    for name, seconds in medians.items():
        print(f"  {name:24} {1e3 * seconds:8.1f} ms   {seconds / own:5.2f} x nm_mask")


if __name__ == "__main__":
    torch.manual_seed(0)
    large, small = torch.randn(4096, 4096), torch.randn(1024, 1024)
    assert torch.equal(nm_mask(large, 2, 4), pattern_search(large, torch.float64))
    compare(
        {
            "nm_mask": lambda: nm_mask(large, 2, 4),
            "pattern search, float64": lambda: pattern_search(large, torch.float64),
            "pattern search, float32": lambda: pattern_search(large, torch.float32),
            "topk": lambda: topk(large, 2, 4),
        },
        "2:4 of 4096 x 4096",
    )
    compare({"nm_mask": lambda: nm_mask(small, 8, 16), "topk": lambda: topk(small, 8, 16)}, "8:16 of 1024 x 1024")

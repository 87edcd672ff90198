"""How much faster does a pruned LeNet300 compute than the dense one, whole network, each layer in the form
that is fastest here?

    python benchmarks/sparse_network.py        about a minute

Batch of 64. The pruned networks are records of 150x (``data/records``): their dead neurons are removed, the
rest is dense, CSR, blocks, or one of the first two over the used inputs only, as the clock says
(``sparse.fastest``). Beside them: everything in CSR, and the same zeros multiplied densely. The opponent is
the better of the dense network in float32 and in bfloat16, which some processors compute faster and others
much slower. Checked: at least 4.5 times as fast on one thread, 2.5 times on two, with at most 0.3 points less
accuracy on the test split than the dense network it came from.

The limit is what no form avoids: the images have to be read and turned (features first) and every product
needs its call; an empty network, which reads the inputs and writes ten constants, is timed for it.

In the last run (a virtual Xeon, two cores) the gain was 3.9 on one thread, aim missed, 2.8 on two. Of some
100 us one thread spends 20 to 40 turning the images, and the two layers in CSR take 15 and 13.
bfloat16 took four times as long as float32 there.
"""

import copy
import statistics
import sys

import torch
from torch import nn

from prunelab.data import load_mnist
from prunelab.measure import latencies
from prunelab.models import LeNet300, load_pretrained
from prunelab.records import RECORDS
from prunelab.sparse import fastest, to_sparse
from prunelab.storage import load_sparse
from prunelab.training import accuracy

AIMS = {1: 4.5, 2: 2.5}  # threads: times as fast
POINTS = 0.3
EXAMPLE = torch.randn(64, 1, 28, 28, generator=torch.Generator().manual_seed(0))


class Half(nn.Module):
    """``model`` in bfloat16, for inputs and outputs in float32."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = copy.deepcopy(model).bfloat16()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x.bfloat16()).float()


class Empty(nn.Module):
    """The least that a network in this layout has to do: turn the inputs, one product with one neuron, ten
    outputs.
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.zeros(1, 784))
        self.register_buffer("last", torch.zeros(10, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.last @ (self.weight @ x.flatten(1).t()).relu()).t()


def main() -> int:
    mnist, missed, ratios = load_mnist(), 0, {threads: [] for threads in AIMS}
    for seed in (0, 1, 2):
        dense, pruned = load_pretrained("lenet300", seed), LeNet300().eval()
        load_sparse(RECORDS / f"lenet300-150x-shifts-seed{seed}.safetensors", pruned)
        before = accuracy(dense, mnist.test)
        for threads in AIMS:
            torch.set_num_threads(threads)
            fast = fastest(pruned, EXAMPLE)
            lost = before - accuracy(fast, mnist.test)
            missed += lost > POINTS
            times = latencies(
                {
                    "dense": dense,
                    "bfloat16": Half(dense),
                    "zeros": pruned,
                    "CSR": to_sparse(pruned, 1.0),
                    "fastest": fast,
                    "empty": Empty(),
                },
                EXAMPLE,
            )
            opponent = min(times["dense"].median, times["bfloat16"].median)
            ratios[threads].append(opponent / times["fastest"].median)
            print(
                f"network {seed}, {threads} threads: test {before:.2f} % dense, {before - lost:.2f} %"
                " pruned; " + ", ".join(f"{name} {1e6 * time.median:.0f} us" for name, time in times.items())
            )
            print(fast)
    for threads, aim in AIMS.items():
        reached = statistics.median(ratios[threads])
        missed += reached < aim
        print(
            f"{threads} threads: {reached:.1f} times as fast as the better dense network, aim {aim}:"
            f" {'NO' if reached < aim else 'yes'}"
        )
    return missed


if __name__ == "__main__":
    sys.exit(main())

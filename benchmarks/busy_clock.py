"""Does the ratio of two networks' times hold beside other processes?

    python benchmarks/busy_clock.py [PROCESSES]      a minute; on a machine that is quiet otherwise

LeNet300 stands beside a network with half of its neurons, LeNet5 beside one with more filters, on one
thread, a batch of 64. ``measure.compare`` gives the ratio of their times while the machine is quiet, and
while three processes, started here, count without end. Three measurements each, taken in turns.

Checked: the median ratio beside them is within 10 % of the quiet one."""

import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from prunelab.measure import compare
from prunelab.models import LeNet5, LeNet300

PROCESSES, REPEATS, ALLOWED = 3, 3, 0.10
EXAMPLE = torch.randn(64, 1, 28, 28, generator=torch.Generator().manual_seed(0))
OTHER_300 = (nn.Linear(784, 150), nn.ReLU(), nn.Linear(150, 50), nn.ReLU(), nn.Linear(50, 10))
OTHER_5 = (nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.Conv2d(10, 25, 5), nn.MaxPool2d(2), nn.Flatten())
OTHER_5 += (nn.Linear(400, 250), nn.ReLU(), nn.Linear(250, 10))
PAIRS = {
    "LeNet300": {"dense": LeNet300(), "other": nn.Sequential(nn.Flatten(), *OTHER_300)},
    "LeNet5": {"dense": LeNet5(), "other": nn.Sequential(*OTHER_5)},
}


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many processes counting, and end them."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def main(processes: int) -> bool:
    torch.set_num_threads(1)
    within = True
    for network, pair in PAIRS.items():
        ratios: dict[int, list[float]] = {0: [], processes: []}
        for _ in range(REPEATS):
            for number, found in ratios.items():
                with busy(number):
                    found.append(compare(pair, EXAMPLE).rows[1]["speedup"])
        quiet, beside = (statistics.median(found) for found in ratios.values())
        change = beside / quiet - 1
        for number, found in ratios.items():
            print(
                f"{network:10s}{number} busy: "
                + " ".join(f"{ratio:.3f}" for ratio in found)
                + " x as fast as the first"
            )
        print(f"{network:10s}the ratio moved by {100 * change:+.1f} %")
        within &= abs(change) <= ALLOWED
    return within


if __name__ == "__main__":
    sys.exit(0 if main(int(sys.argv[1]) if len(sys.argv) > 1 else PROCESSES) else 1)

"""How does a convolution's time grow with its filters, and what sets the steps? (notebook 02; ten seconds)

conv2 of LeNet5Caffe, (50, 20, 5, 5), cut to its first 1 to 50 filters, for 16 maps of 20 x 12 x 12 on one
thread. The library that computes it, oneDNN, is told by an environment variable how wide the registers are
that it may use, so each width has a process of its own. Needs a processor with AVX-512. Times are medians of
single calls, taken in turns, with their quartiles."""

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

import torch
from torch import nn

from experiments._common import Configuration
from prunelab.models import load_pretrained

WIDTHS = {512: "AVX512_CORE", 256: "AVX2"}  # bits: what oneDNN calls it
FILTERS, ROUNDS = range(1, 51), 61


def configurations() -> list[Configuration]:
    return [Run(bits=bits) for bits in WIDTHS]


def times() -> list[dict]:
    """Return a row for every number of filters, timed in this process."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    weight, x = load_pretrained("lenet5_caffe", 0).conv2.weight.detach(), torch.randn(16, 20, 12, 12)
    convs, seconds = {}, {}
    for count in FILTERS:
        convs[count] = nn.Conv2d(20, count, 5, bias=False).requires_grad_(requires_grad=False)
        convs[count].weight.copy_(weight[:count])
        convs[count](x)
    for _ in range(ROUNDS):
        for count, conv in convs.items():
            start = time.perf_counter()
            conv(x)
            seconds.setdefault(count, []).append(time.perf_counter() - start)
    quarters = {count: statistics.quantiles(taken, n=4) for count, taken in seconds.items()}
    names = ("low", "ms", "high")
    return [
        {"filters": count} | {name: round(1e3 * value, 4) for name, value in zip(names, values, strict=True)}
        for count, values in quarters.items()
    ]


@dataclass(frozen=True)
class Run(Configuration):
    bits: int

    def measure(self) -> list[dict]:
        run = subprocess.run(
            [sys.executable, "-m", "experiments.filter_steps"],
            env=os.environ | {"ONEDNN_MAX_CPU_ISA": WIDTHS[self.bits]},
            check=True,
            capture_output=True,
            text=True,
        )
        return [{"bits": self.bits} | row for row in json.loads(run.stdout)]


def provenance() -> dict:
    return {
        "networks": "lenet5_caffe, seed 0",
        "recipe": f"medians and quartiles of {ROUNDS} single calls in turns, in ms, one thread, batch 16",
        "processor": f"the widest registers of PyTorch here: {torch.backends.cpu.get_cpu_capability()}",
    }


if __name__ == "__main__":
    print(json.dumps(times()))

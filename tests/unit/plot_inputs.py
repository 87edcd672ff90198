"""Networks, tensors and tables for the figures of plot_samples."""

import numpy as np
import torch
from torch import nn

from prunelab.capstone import Choice, Task
from prunelab.measure import Latency, profile, report
from prunelab.models import LeNet5, LeNet300
from prunelab.runtimes import Runtimes
from prunelab.storage import gap_code

torch.manual_seed(0)
RANDOM = np.random.default_rng(0)
SPARSITIES = [0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0]
CRITERIA = (
    "random filters",
    "filter L1",
    "filter weight x gradient",
    "activation correlation",
    "APoZ",
    "reconstruction",
)
LAYERS = ("conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight", "fc3.weight")


def accuracies(networks: int, points: int = len(SPARSITIES)) -> np.ndarray:
    """Accuracies in percent ``(networks, points)`` that fall from nearly all to guessing."""
    return 98.5 - 88 * np.linspace(0, 1, points) ** 3 * RANDOM.uniform(0.9, 1, (networks, points))


def networks(count: int = 5, middle: float = 98.0) -> list[float]:
    """One accuracy in percent per network."""
    return list(middle + RANDOM.uniform(-0.4, 0.4, count))


lenet5, lenet300 = LeNet5().eval(), LeNet300().eval()
conv2, fc1 = lenet5.conv2.weight.detach(), lenet5.fc1.weight.detach()
small = torch.randint(1, 10, (4, 6)) * (torch.rand(4, 6) < 0.4) * 1.0
tape = torch.zeros(40)
tape[[2, 5, 6, 17, 34]] = 3.0
gaps, entries = gap_code(tape, 3)
latency = [Latency(0.002 / k, 0.0019 / k, 0.0022 / k, 1, 64) for k in (1, 2, 3, 4)]
runs = [
    {"problem": p, "criterion": c, "seed": s, "left": 10 + s}
    for p in (1, 2, 3)
    for c in ("OBS", "OBD")
    for s in range(3)
]
filters = torch.rand(16) > 0.5
row24 = torch.tensor([[0.0, 0.7, 0.0, -0.2, 0.5, 0.0, 0.3, 0.0, 0.0, 0.0, 0.9, 0.4]])
W = torch.rand(4, 3, 3, 3)
kept_masks = {name: torch.rand(30, 40) > 0.5 for name in LAYERS}
board = {"accuracy": 98.4, "nonzeros": 266_610, "bytes": 1_066_896, "macs": 266_200, "time": None}
board_rows = [
    board | {"chapter": "dense", "what": ""},
    board | {"chapter": "00", "what": "90 %", "accuracy": 95.0, "nonzeros": 27_000},
]
coupled = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3)).eval()
pair = [nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, n)) for n in (3, 3)]
page, layers = report(*pair, torch.randn(1, 6), evaluate=lambda _: 97.0), profile(pair[0], torch.randn(1, 6))
task = Task(
    model=pair[0],
    example=torch.randn(1, 6),
    validate=lambda model: 97.0,
    test=lambda model: 96.5,
    train=lambda model, passes: None,
    better="larger",
    faster=1.5,
    smaller=2.0,
    price=2.0,
)
programmes = Runtimes(
    [
        {"way": way, "latency": Latency(time, 0.9 * time, 1.2 * time, 1, 16)}
        for way, time in (("torch", 0.0096), ("ONNX Runtime", 0.0063), ("ONNX Runtime, int8", 0.0035))
    ],
    {"torch.compile": "InvalidCxxCompiler: No working C++ compiler found"},
    {},
)
one_by_one = {f"blocks.{i}.conv": {0.0: 97.0, 0.25: 96.0 - i, 0.5: 90.0 - 2 * i} for i in range(6)}
steps = [
    {"shares": {"a": share}, "damaged": 97 - 80 * share, "repaired": 97 - 6 * share}
    | {"cost": 6 * share, "parameters": int(40 * (1 - share))}
    for share in (0.3, 0.5, 0.25)
]
choice = Choice(pair[0], pair[0], {}, {"a": 0.25}, 77.0, 95.5, steps, {})

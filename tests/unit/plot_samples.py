"""For every public function of prunelab.plot, arguments as a chapter gives them; test_plot_legible and
test_bad_input draw them.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from torch import nn

from prunelab.capstone import Choice, Task
from prunelab.masks import keep_top
from prunelab.measure import Latency, profile, report
from prunelab.models import LeNet5, LeNet300
from prunelab.storage import gap_code
from prunelab.surgery import coupled_groups

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
one_by_one = {f"blocks.{i}.conv": {0.0: 97.0, 0.25: 96.0 - i, 0.5: 90.0 - 2 * i} for i in range(6)}
steps = [
    {"shares": {"a": share}, "damaged": 97 - 80 * share, "repaired": 97 - 6 * share, "cost": 6 * share}
    for share in (0.3, 0.5, 0.25)
]
choice = Choice(pair[0], pair[0], {}, {"a": 0.25}, 77.0, 95.5, steps, {})

SAMPLES: dict[str, tuple[tuple, dict]] = {
    "dots": (({"pruned": [96.0, 95.8, 94.4], "scratch": [4.6, 6.3, 5.0]}, 97.0, "accuracy (%)"), {}),
    "waves": ((torch.randn(3, 1024, generator=torch.Generator().manual_seed(0)), torch.rand(3, 360)), {}),
    "against_oracle": (
        (torch.rand(16), {c: torch.rand(16) for c in CRITERIA}, dict.fromkeys(CRITERIA, 0.5)),
        {"columns": 6},
    ),
    "answer_bars": (
        (
            {
                n: {"test error (%)": 1.7, "KiB": 1042.0, "thousand MACs": 266.0, "ms, batch 64": 0.2}
                for n in ("dense", "masked", "removed", "2:4", "CSR")
            },
        ),
        {},
    ),
    "best_of": (
        (
            RANDOM.normal(2, 0.4, 200),
            [1, 10, 100],
            [2.0, 1.5, 1.0],
            [2.0, 1.4, 1.1],
            {"best of 200": 0.9, "filter L1": 0.7, "reconstruction": 0.2},
        ),
        {},
    ),
    "comings_and_goings": (([[0, 1, 5], [1, 2, 5], [1, 2]], 16, ["0.5", "1.0", "1.5"]), {}),
    "compression_curves": (
        (
            [0.01, 0.1, 1.0],
            {
                "weights / nonzero weights": [100, 10, 1],
                "parameters / nonzero parameters": [90, 10, 1],
                "bits, each weight with a 32-bit index": [50, 5, 0.5],
            },
        ),
        {"at": 0.05},
    ),
    "costs": ((layers,), {}),
    "group_costs": ((task, one_by_one, one_by_one), {}),
    "joint_cuts": ((task, choice), {}),
    "crossover": (
        (
            {
                f"300 x 784, batch {b}": ([0.5, 0.8, 0.9, 0.99], {"dense": latency[:1] * 4, "CSR": latency})
                for b in (1, 2, 3, 4)
            },
        ),
        {},
    ),
    "csr_arrays": ((small,), {}),
    "curve_panels": (
        (
            {
                "at the end": {
                    "ticket": ([100, 50, 5], accuracies(3, 3)),
                    "random mask": ([100, 50, 5], accuracies(3, 3)),
                },
                "steps until 95 %": {"ticket": ([100, 50, 5], [100, 200, 300])},
            },
            "weights left (%)",
            ["test error (%)", "steps"],
        ),
        {"density": True, "errors": ["at the end"]},
    ),
    "cut": ((fc1, keep_top(fc1.abs(), 0.8), "fc1"), {}),
    "density_bars": ((lenet5,), {}),
    "dot_board": (
        ({t: {c: networks() for c in CRITERIA} for t in ("as pruned", "fine-tuned")}, "test error (%)"),
        {"error": True},
    ),
    "draw_tensor": ((plt.figure().subplots(), torch.rand(4, 3, 3, 3) > 0.5), {}),
    "dropped_board": (({c: torch.rand(16) > 0.5 for c in CRITERIA}, "filter of conv2"), {}),
    "family_map": (
        (
            {
                "the layer's own output": {
                    "magnitude": (torch.eye(6), "all inputs alike", networks()),
                    "Wanda": (torch.diag(torch.rand(6)), "the diagonal of H", networks()),
                    "layer-wise OBS": (torch.rand(6, 6), "one removal, others move", networks()),
                },
                "the loss": {
                    "OBD": (torch.eye(6), "the diagonal", networks()),
                    "OBS": (torch.rand(6, 6), "all", None),
                },
            },
            "%",
        ),
        {},
    ),
    "feature_maps": (
        ({"dense": lenet5, "50 % pruned": lenet5, "90 % pruned": lenet5}, torch.randn(1, 28, 28)),
        {},
    ),
    "feeding": ((lenet5.conv1.weight, conv2, 2), {}),
    "forest": (
        (
            {c: (RANDOM.normal(0, 1, 5), -1.0, 1.5) for c in CRITERIA} | {"OBD": ([1.0, 2.0], 0.5, 2.5)},
            "accuracy minus that of filter L1 (points), half of the units gone",
        ),
        {},
    ),
    "gap_tape": ((tape, gaps, entries), {}),
    "group_members": (
        (coupled, next(iter(coupled_groups(coupled, torch.zeros(1, 1, 12, 12)).values())), 3),
        {},
    ),
    "heatmap": (
        ({"2:4": torch.randn(10, 16), "2:8": torch.randn(10, 16)}, {"2:4": torch.rand(10, 16) > 0.5}),
        {},
    ),
    "histograms": (
        ({f"filter {k}: entropy 1.23": torch.rand(1000) for k in (8, 15, 11)}, 50, "mean of the map"),
        {},
    ),
    "kept_by_layer": (
        ({label: kept_masks for label in ("L1, sum", "L1, mean", "L2, root of sum", "L2, root of mean")},),
        {},
    ),
    "kept_share": (
        (
            {
                t: {p: 0.7 for p in ("1:2", "2:4", "4:8", "8:16", "single")}
                for t in ("Gaussian 512 x 512", "LeNet300 fc1, trained")
            },
        ),
        {},
    ),
    "kernel_grid": ((conv2, torch.rand(16, 6, 1, 1) > 0.5, "LeNet-5, conv2: half of the kernels"), {}),
    "layer_densities": (
        ({m: dict.fromkeys(LAYERS, s) for m, s in {"uniform": 0.9, "global": 0.9537, "ERK": 1.0}.items()},),
        {},
    ),
    "neuron_pairs": (
        ({"r = +0.99": (torch.rand(500), torch.rand(500)), "r = -0.01": (torch.rand(500), torch.rand(500))},),
        {},
    ),
    "nm_groups": ((torch.randn(4, 16), 2, 4), {}),
    "paired": (
        (
            {
                network: {t: networks() for t in ("dense", "2:4 cut", "2:4 tuned", "50 % cut", "50 % tuned")}
                for network in ("lenet300", "lenet5_caffe")
            },
            "test error (%)",
        ),
        {"error": True},
    ),
    "pixel_map": ((torch.rand(300, 784) > 0.9, torch.randn(50, 1, 28, 28)), {}),
    "predicted_and_true": (
        (
            {
                t: (RANDOM.uniform(1e-9, 1e-4, 80), RANDOM.uniform(1e-9, 1e-4, 80))
                for t in ("a new network", "a trained network")
            },
            "|w g|, the first-order guess",
            "true change of the loss",
        ),
        {},
    ),
    "pruning_curves": (
        (
            {
                f"{c}, {s}": (SPARSITIES, accuracies(5))
                for c in ("magnitude", "random")
                for s in ("global", "layer")
            },
            "LeNet-300-100, no fine-tuning",
        ),
        {},
    ),
    "pulls": ((torch.tensor([-1.0, 0.2, 0.6]), {"L1": torch.ones(3), "L2": torch.zeros(3)}), {}),
    "race": (
        (
            "lenet300",
            {"dense, with shifts": ([1.0, 1.0], [0.9, 1.0]), "ours, with shifts": ([150, 151], [1.5, 1.6])},
            3.4,
        ),
        {},
    ),
    "report": ((page,), {}),
    "responses": (
        (
            {f"filter {k}: ICC 0.53": (torch.rand(200), torch.arange(200) % 10) for k in (1, 2)},
            "maximum of the map",
        ),
        {},
    ),
    "roofline": (
        (
            {t: (x, y) for t, x, y in (("dense, batch 1", 0.5, 4e10), ("CSR 95 %, batch 1", 0.2, 4e9))},
            5e10,
            3e11,
        ),
        {},
    ),
    "scales": (
        (
            {
                t: {n: torch.rand(16) for n in ("conv1.weight", "conv2.weight")}
                for t in ("as trained", "two epochs with the pull")
            },
            0.01,
        ),
        {},
    ),
    "scoreboard": ((board_rows,), {}),
    "search_progress": (({"random": RANDOM.normal(2, 0.5, 50), "evolution": RANDOM.normal(2, 0.5, 50)},), {}),
    "sensitivity": (
        ({n: {0.0: 98.7, 0.5: 98.0, 0.9: 80.0} for n in LAYERS[:4]}, {LAYERS[0]: 0.3, LAYERS[2]: 0.5}, 1.0),
        {},
    ),
    "shared_weights": ((torch.randn(5000), torch.linspace(-2, 2, 32)), {}),
    "shares": (
        (
            {
                "parameters": {"conv1": 156, "conv2": 2416, "fc1": 30840, "fc2": 10164, "fc3": 850},
                "MACs": {"conv1": 86400, "conv2": 153600, "fc1": 30720, "fc2": 10080, "fc3": 840},
            },
            "LeNet-5: where things sit",
        ),
        {},
    ),
    "signed_changes": ((torch.randn(100, 6), [f"filter {k}" for k in range(6)]), {}),
    "signed_shares": (
        (
            {f"{s} %": [{"promised": 1.0, "slope": -0.4, "off": 2.0, "rest": 5.0}] * 5 for s in (30, 50, 70)},
            "share of the true rise (%)",
        ),
        {},
    ),
    "sparse_core": ((row24,), {}),
    "stacked_bars": (
        (
            {
                t: {
                    n: {"compute": 4.0, "weights": w, "activations": 1.5}
                    for n in ("conv1", "conv2", "fc1", "fc2", "fc3")
                }
                for t, w in (("one image", 1e6), ("batch of 64", 2e5))
            },
            "energy (1 = one MAC)",
        ),
        {},
    ),
    "staircase": (([4, 5, 6, 7, 8], [0.4, 0.4, 0.4, 0.8, 0.8]), {}),
    "storage_bars": (
        (
            {
                n: (100_000, i)
                for n, i in (("CSR 64 (torch)", 210_000), ("CSR 32", 105_000), ("best per layer", 15_000))
            },
            118_000,
            140_000,
            "8 % density, 5-bit values",
        ),
        {},
    ),
    "storage_curves": (
        (
            [0.01, 0.1, 1.0],
            {
                "COO 32": [1, 10, 96],
                "CSR 32": [0.7, 6.4, 64],
                "bitmap": [1.3, 4.2, 33],
                "gaps, 5 bits": [1.3, 4, 37],
            },
            {"CSR 32": ([0.01, 0.1], [0.7, 6.4])},
            [0.4, 3.6, 32],
        ),
        {},
    ),
    "surgery": ((torch.tensor([0.6, 0.9]), torch.tensor([[1.0, 0.5], [0.5, 1.5]])), {}),
    "tensor_and_accuracy": (
        (
            torch.rand(16, 6, 5, 5) > 0.5,
            {"weight": 98.5, "vector": 97.6, "kernel": 98.0, "filter": 92.4, "channel": 84.5},
            "channel",
            98.9,
        ),
        {},
    ),
    "tensor_view": (({n: W for n in ("vector", "kernel")}, {"vector": torch.rand(4, 3, 3, 1) > 0.5}), {}),
    "tradeoff": (
        (
            {g: ([60, 120, 240], accuracies(3, 3)) for g in ("weight", "vector", "filter")},
            "KiB",
            "test error (%)",
        ),
        {"error": True, "log": True},
    ),
    "unit_maps": ((torch.rand(16, 8, 8), [f"filter {k}" for k in range(16)], filters), {}),
    "weight_histograms": (({"initial": lenet5, "trained": LeNet5()},), {}),
    "weights_left": ((runs, {1: 14, 2: 15, 3: 4}), {}),
    "serving": (
        (
            {
                "dense": (3_300_000, 1.6, 2.92),
                "half of the neurons": (2_200_000, 1.5, 3.4),
                "3 of 4 blocks": (2_500_000, 1.2, 3.1),
            },
        ),
        {},
    ),
    "surprises": (
        (
            "Alice was beginning to get very tired of sitting\nby her sister",
            RANDOM.uniform(0, 9, 62).tolist(),
        ),
        {},
    ),
}
plt.close("all")

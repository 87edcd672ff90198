"""For every public function of prunelab.plot, arguments as a chapter gives them; two tests draw them."""

import torch
from matplotlib import pyplot as plt
from plot_inputs import (
    LAYERS,
    RANDOM,
    SPARSITIES,
    W,
    accuracies,
    board_rows,
    conv2,
    coupled,
    entries,
    filters,
    gaps,
    kept_masks,
    lenet5,
    networks,
    page,
    programmes,
    row24,
    runs,
    tape,
)
from plot_samples_a_to_f import SAMPLES as A_TO_F

from prunelab.models import LeNet5
from prunelab.surgery import coupled_groups

SAMPLES: dict[str, tuple[tuple, dict]] = A_TO_F | {
    "gains_by_kind": (
        (
            [
                {"kind": kind, "batch": batch, "model": model, "macs": macs // part, "ms": ms / part}
                for kind, macs, ms in (("3 x 3", 9000, 4.0), ("ReLU6", 0, 0.5))
                for batch in (1, 16)
                for model, part in (("dense", 1), ("removed", 2))
            ],
        ),
        {},
    ),
    "gap_tape": ((tape, gaps, entries), {}),
    "group_members": (
        (coupled, next(iter(coupled_groups(coupled, torch.zeros(1, 1, 12, 12)).values())), 3),
        {},
    ),
    "two_tools": (
        (
            [
                {"network": n, "tool": t, "parameters": 100, "left": 40 + i, "seconds": 0.5 * i}
                for n in ("a", "b", "c")
                for i, t in enumerate(("ours", "theirs"), start=1)
            ],
        ),
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
            {"cache": 9e10, "memory": 3e10},
            3e11,
        ),
        {},
    ),
    "runtime_bars": ((programmes,), {}),
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
    "column_steps": (
        (
            torch.ones(4, 8),
            {j: torch.ones(4, 8) * (torch.arange(8) % 2 + (torch.arange(8) > j)) for j in (0, 3, 7)},
        ),
        {},
    ),
    "input_sizes": (
        ({title: RANDOM.uniform(1, 9 if title == "dense" else 90, 128) for title in ("dense", "outliers")},),
        {},
    ),
    "kept_per_row": (
        (
            {
                f"block {i}: query": {s: RANDOM.uniform(0, 100, 128) for s in ("layer", "output")}
                for i in range(3)
            },
        ),
        {},
    ),
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

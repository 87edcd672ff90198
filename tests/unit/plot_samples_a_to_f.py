"""Arguments of the functions of prunelab.plot from a to f, as chapters give them."""

import torch
from matplotlib import pyplot as plt
from plot_inputs import (
    CRITERIA,
    RANDOM,
    accuracies,
    choice,
    conv2,
    coupled,
    fc1,
    latency,
    layers,
    lenet5,
    networks,
    one_by_one,
    small,
    task,
)

from prunelab.masks import keep_top
from prunelab.surgery import coupled_groups

SAMPLES: dict[str, tuple[tuple, dict]] = {
    "dots": (({"pruned": [96.0, 95.8, 94.4], "scratch": [4.6, 6.3, 5.0]}, 97.0, "accuracy (%)"), {}),
    "bands": ((torch.linspace(20, 2000, 30), torch.rand(30), torch.arange(30) % 2 == 0), {}),
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
    "coupled_layers": ((coupled, coupled_groups(coupled, torch.zeros(1, 1, 12, 12))), {}),
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
}

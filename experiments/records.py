"""How small can the two classic networks get? (notebook 08; about two hours on one core)

Three trained networks of each kind, once on MNIST as it is and once with all its one-pixel shifts. A network
is pruned while it learns, in stages; after each stage what is dead is removed, so that the last and longest
one is cheap. Scores are those of Optimal Brain Damage, w^2 h, with a moving mean of the squared gradients for
h. At every look the weakest weights give their places to connections with a large gradient. Every choice was
made on the validation split; this script reads the test split, once for each network. The baselines train as
long and on the same images. Errors in percent. The records are kept as sparse files in ``data/records``."""

from dataclasses import dataclass

import torch
from torch import nn

from experiments._common import Configuration, errors, shuffled
from experiments._sparsify import (
    DECAY,
    EVERY,
    LR,
    REGROWN,
    decay,
    epochs_of,
    examples,
    put_back,
    sparsify,
    without_dead,
)
from prunelab.masks import living, prunable
from prunelab.models import MODELS, load_pretrained
from prunelab.records import RECORDS
from prunelab.storage import load_sparse, save_sparse
from prunelab.training import train

SEEDS = (0, 1, 2)
LENET300 = ((30, 20), (150, 150), (200, 100))
# by network and images: weights / nonzero weights at the end of each stage, and its passes over 55,000 images
STAGES = {
    ("lenet300", True): LENET300,
    ("lenet300", False): LENET300,
    ("lenet5_caffe", True): ((60, 5), (200, 10), (400, 50)),
    ("lenet5_caffe", False): ((60, 3), (200, 5), (400, 10)),
}
RECORDED = {"lenet300": (150, 200), "lenet5_caffe": (400,)}
DENSE = {"lenet300": 20, "lenet5_caffe": 5}  # passes of the dense network that is trained on with shifts
BASELINES = {"lenet300": ("dense", "small dense", "random places"), "lenet5_caffe": ("dense",)}
UNTIL = 0.75  # the part of the steps after which the masks of a recorded stage stay


def records(network: str, seed: int, shifts: bool) -> list[dict]:
    """Prune in stages; after each one go on with a network from which the dead parts are removed. One row for
    each record.
    """
    data, full, before = examples(shifts), load_pretrained(network, seed), 1
    weights = sum(weight.numel() for weight in prunable(full).values())
    dense, rows = errors(full), []
    for stage, (ratio, passes) in enumerate(STAGES[network, shifts]):
        alive = living(full)
        small = without_dead(full, alive)
        until = UNTIL if ratio in RECORDED[network] else 0.9
        left = (weights // before, weights // ratio)
        sparsify(small, data, left, epochs_of(passes, shifts), 100 * stage + seed, until)
        full, before = put_back(small, alive, network), ratio
        if ratio in RECORDED[network]:
            name = f"{network}-{ratio}x-{'shifts' if shifts else 'plain'}-seed{seed}.safetensors"
            kept = {name: int(weight.count_nonzero()) for name, weight in prunable(full).items()}
            size = save_sparse(full, RECORDS / name)
            rows.append(
                {"compression": ratio, "file": name, "bytes": size, "kept": kept, "dense": dense}
                | errors(full)
            )
    return rows


def baseline(network: str, seed: int, kind: str) -> dict:
    """Train something else on the same shifted images.

    "dense": the dense network trained on, for as many passes as ``DENSE`` says. As long as the record: "small
    dense", and "random places", the record's masks shuffled within each layer, from a new initialisation."""
    torch.manual_seed(seed)
    passes, masks = (
        sum(passes for ratio, passes in STAGES[network, True] if ratio <= RECORDED[network][0]),
        {},
    )
    if kind == "dense":
        model, passes = load_pretrained(network, seed), DENSE[network]
    elif kind == "small dense":
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 2), nn.ReLU(), nn.Linear(2, 10))  # 1,588 weights
    else:
        full = MODELS[network]()
        load_sparse(RECORDS / f"{network}-{RECORDED[network][0]}x-shifts-seed{seed}.safetensors", full)
        alive = living(full)
        masks = shuffled(
            {name: weight.detach() != 0 for name, weight in prunable(without_dead(full, alive)).items()}, seed
        )
        model = without_dead(MODELS[network](), alive)
    train(
        model,
        examples(shifts=True),
        epochs=epochs_of(passes, True),
        lr=LR,
        masks=masks,
        penalty=decay,
        seed=seed,
    )
    left = sum(int(weight.count_nonzero()) for weight in prunable(model).values())
    return {"part": "baselines", "kind": kind, "left": left} | errors(model)


def configurations() -> list[Configuration]:
    return [
        Run(network=network, seed=seed, shifts=shifts)
        for network in RECORDED
        for shifts in (True, False)
        for seed in SEEDS
    ]


@dataclass(frozen=True)
class Run(Configuration):
    """Return the records' rows; with shifts also those of the baselines, which take the records' masks."""

    network: str
    seed: int
    shifts: bool

    def measure(self) -> list[dict]:
        kinds = BASELINES[self.network] if self.shifts else ()
        return [
            *records(self.network, self.seed, self.shifts),
            *(baseline(self.network, self.seed, kind) for kind in kinds),
        ]


def provenance() -> dict:
    return {
        "networks": f"data/checkpoints, seeds {SEEDS}",
        "recipe": (
            f"stages by network and shifts (compression, passes over 55,000 images): {STAGES}; SGD, momentum"
            f" 0.9, batch 128, weight decay {DECAY}, cosine rate from {LR} in each stage; looks every {EVERY}"
            f" steps, until 0.9 of a stage, {UNTIL} of a recorded one; {REGROWN} of the weights move at the"
            " first look of a stage, falling to 0; shifts: all one-pixel shifts too"
        ),
    }

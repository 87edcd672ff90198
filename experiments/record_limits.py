"""What stands beside the records, and what did not better them (notebook 08; about forty minutes on one core)

- ``baselines``: LeNet5Caffe on MNIST as it is, for as many passes as its records without shifts: a small
  dense network with at most as many weights, and as many weights as a record at random places of its layers.
  ``records`` has the same for LeNet300. Errors in percent; the test split is read once for each network.
- ``averaged``: a fairer small dense network beside LeNet300 at 150x: 49-30-10 on the means of 4 x 4 pixels,
  1,770 weights, on the same shifted images and for as many passes as the record; one network, read once.
- ``trials``: a stored record goes on learning, in one way or another. Errors on the validation split:
  ``before``, ``last`` and ``mean``, that of the moving mean of the weights. LeNet300 is pruned on to 250x;
  these networks are kept as sparse files in ``data/records``, and the test split is read once for each.
"""

from dataclasses import dataclass, field

import torch
from torch import nn
from torch.utils.data import TensorDataset

from experiments._common import Configuration, errors, mnist, shuffled
from experiments._sparsify import (
    DECAY,
    LR,
    SHIFTS,
    SOFT,
    WARM,
    answers,
    decay,
    epochs_of,
    examples,
    put_back,
    softened,
    sparsify,
    without_dead,
)
from experiments.records import SEEDS, STAGES
from prunelab.masks import apply_masks, living, prunable
from prunelab.models import MODELS
from prunelab.records import RECORDS
from prunelab.storage import load_sparse, save_sparse
from prunelab.training import accuracy, train

CAFFE = "lenet5_caffe"
PASSES, AGAIN = 5, 0.03  # over 55,000 images, and the learning rate, of a trial that keeps the places
FURTHER = 100  # passes from 200x to 250x, as many as from 150x to 200x
FRESH = 0.005  # part of the latest weights in the moving mean, at every step
TRIALS = ((CAFFE, 400, "taught"), ("lenet300", 200, "250x"))


def record(network: str, ratio: int, seed: int, images: str) -> nn.Module:
    """Return a stored record without its dead parts."""
    full = MODELS[network]()
    load_sparse(RECORDS / f"{network}-{ratio}x-{images}-seed{seed}.safetensors", full)
    return without_dead(full, living(full))


def small_dense() -> nn.Module:
    """Return a network like LeNet5Caffe with 1,018 weights."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(4, 4, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64, 7),
        nn.ReLU(),
        nn.Linear(7, 10),
    )


@dataclass(frozen=True)
class Baseline(Configuration):
    part: str = field(default="baselines", init=False)
    seed: int
    kind: str

    def measure(self) -> dict:
        torch.manual_seed(self.seed)
        model, masks = small_dense(), {}
        if self.kind == "random places":
            model = record(CAFFE, 400, self.seed, "plain")
            masks = shuffled(
                {name: weight.detach() != 0 for name, weight in prunable(model).items()}, self.seed
            )
            for module in model.modules():
                if hasattr(module, "reset_parameters"):
                    module.reset_parameters()
        passes = sum(passes for _, passes in STAGES[CAFFE, False])
        train(model, mnist().train, epochs=passes, lr=LR, masks=masks, penalty=decay, seed=self.seed)
        return {"left": sum(int(weight.count_nonzero()) for weight in prunable(model).values())} | errors(
            model
        )


@dataclass(frozen=True)
class Averaged(Configuration):
    """Train 49-30-10 on averaged pixels; the means are taken once, because they do not change."""

    part: str = field(default="averaged", init=False)
    seed: int

    def measure(self) -> dict:
        torch.manual_seed(self.seed)
        shrink, small = nn.AvgPool2d(4), nn.Sequential(nn.Linear(49, 30), nn.ReLU(), nn.Linear(30, 10))
        images, labels = examples(shifts=True).tensors
        data = TensorDataset(shrink(images).flatten(1), labels)
        passes = sum(passes for ratio, passes in STAGES["lenet300", True] if ratio <= 150)
        train(small, data, epochs=epochs_of(passes, True), lr=LR, penalty=decay, seed=self.seed)
        left = sum(weight.numel() for weight in prunable(small).values())
        return {"left": left} | errors(nn.Sequential(shrink, nn.Flatten(), small))


def taught(network: str) -> TensorDataset:
    """Return the shifted images; their labels are in part what five dense networks together say of the image
    as it is.
    """
    labels = softened(answers(network, shifts=False), mnist().train.tensors[1])
    return TensorDataset(examples(shifts=True).tensors[0], labels.repeat(len(SHIFTS), 1))


@dataclass(frozen=True)
class Trial(Configuration):
    part: str = field(default="trials", init=False)
    network: str
    start: int
    trial: str
    seed: int

    def measure(self) -> dict:
        if self.trial == "250x":
            return further(self.network, self.start, self.seed)
        model = record(self.network, self.start, self.seed, "shifts")
        before = wrong(model)
        masks = {name: weight.detach() != 0 for name, weight in prunable(model).items()}
        mean = [parameter.detach().clone() for parameter in model.parameters()]

        def follow(model: nn.Module, step: int) -> None:
            with torch.no_grad():
                for old, new in zip(mean, model.parameters(), strict=True):
                    old.lerp_(new, FRESH)

        data, epochs = taught(self.network), epochs_of(PASSES, True)
        train(
            model,
            data,
            epochs=epochs,
            lr=AGAIN,
            masks=masks,
            penalty=decay,
            on_step=follow,
            seed=300 + self.seed,
        )
        last = wrong(model)
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), mean, strict=True):
                parameter.copy_(value)
            apply_masks(model, masks)  # the mean has seen what momentum moved
        return {"before": before, "last": last, "mean": wrong(model)}


def further(network: str, start: int, seed: int) -> dict:
    """Prune a record on to 250x, store it, and read the test split once."""
    full = MODELS[network]()
    load_sparse(RECORDS / f"{network}-{start}x-shifts-seed{seed}.safetensors", full)
    alive, weights, before = (
        living(full),
        sum(weight.numel() for weight in prunable(full).values()),
        wrong(full),
    )
    small = without_dead(full, alive)
    sparsify(
        small,
        examples(shifts=True),
        (weights // start, weights // 250),
        epochs_of(FURTHER, True),
        300 + seed,
        0.75,
    )
    name = f"{network}-250x-shifts-seed{seed}.safetensors"
    size = save_sparse(put_back(small, alive, network), RECORDS / name)
    return {
        "before": before,
        "last": wrong(small),
        "file": name,
        "bytes": size,
        "test": errors(small)["test"],
    }


def wrong(model: nn.Module) -> float:
    return round(100 - accuracy(model, mnist().valid), 2)


def configurations() -> list[Configuration]:
    kinds = ("small dense", "random places")
    dense = [Baseline(seed, kind) for kind in kinds for seed in SEEDS]
    trials = [Trial(network, start, trial, seed) for network, start, trial in TRIALS for seed in SEEDS]
    return dense + trials + [Averaged(seed) for seed in SEEDS[:1]]


def provenance() -> dict:
    return {
        "networks": f"data/records, seeds {SEEDS}",
        "baselines": (
            f"SGD, momentum 0.9, batch 128, weight decay {DECAY}, cosine rate from {LR},"
            f" {sum(passes for _, passes in STAGES[CAFFE, False])} passes over 55,000 images, new"
            " initialisation"
        ),
        "trials": (
            f"taught: {PASSES} passes with shifts, rate from {AGAIN}, the places fixed; the labels are {SOFT}"
            f" the mean answer of five dense networks at temperature {WARM}; mean: moving mean of the"
            f" weights, {FRESH} of the latest at each step; 250x: {FURTHER} passes more from 200x, by the"
            " recipe of records"
        ),
    }

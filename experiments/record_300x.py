"""LeNet5Caffe at 300x, in ten networks (notebook 08; about twenty minutes on one core)

A record at 400x gets a third more weights, at first where the gradients are largest, and goes on learning
with all one-pixel shifts while a part of the weights moves; the labels are in part what five dense networks
say of the very image that is seen.

- ``trials``: all that was tried, on the validation split: the teachers' part in the labels, weight decay, and
  the length, each from three records. Loss, error (percent) and seconds of one thread.
- ``networks``: ten networks by the recipe with the lowest mean validation error (the loss on the true classes
  charges softened answers, so it cannot choose between two kinds of labels): three records to start from,
  each with three or four orders of the examples. Sparse files in ``data/records``.
- ``tests``: the test split, read once for each network after all of them had been made."""

import functools
import time
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from experiments._common import Configuration, errors, mnist
from experiments._sparsify import (
    answers,
    decay,
    epochs_of,
    examples,
    put_back,
    softened,
    sparsify,
    without_dead,
)
from experiments.records import SEEDS
from prunelab.masks import living, prunable
from prunelab.models import MODELS
from prunelab.records import RECORDS
from prunelab.storage import load_sparse, save_sparse

CAFFE, BEFORE, RATIO = "lenet5_caffe", 400, 300
NETWORKS = range(10)
PASSES = 5  # over 55,000 images
SOFT, DECAYED = 0.7, True  # the teachers' part in the labels; with weight decay
UNTIL = 0.75  # the part of the steps after which the masks stay
TRIALS = ((SOFT, True, 5), (0.0, True, 5), (SOFT, False, 5), (SOFT, True, 15))


@functools.cache
def seen(soft: float) -> TensorDataset:
    """Return the shifted images with labels that are ``soft`` parts teachers' answers."""
    images, labels = examples(shifts=True).tensors
    return TensorDataset(images, softened(answers(CAFFE, shifts=True), labels, soft) if soft else labels)


def judged(model: nn.Module) -> dict[str, float]:
    """Return the loss and the error in percent on the validation split."""
    images, labels = mnist().valid.tensors
    with torch.inference_mode():
        said = torch.cat([model(part) for part in images.split(100)])
    wrong = (said.argmax(1) != labels).double().mean()
    return {"loss": round(float(F.cross_entropy(said, labels)), 5), "valid": round(100 * float(wrong), 2)}


def nothing(model: nn.Module) -> torch.Tensor:
    """Return a penalty that pulls at no weight."""
    return torch.zeros(())


def regrown(seed: int, passes: int, soft: float, decayed: bool) -> nn.Module:
    """Return a network at 300x that began with the record at 400x of seed ``seed % 3``."""
    full = MODELS[CAFFE]()
    start = SEEDS[seed % len(SEEDS)]
    load_sparse(RECORDS / f"{CAFFE}-{BEFORE}x-shifts-seed{start}.safetensors", full)
    alive = living(full.eval())
    end = sum(weight.numel() for weight in prunable(full).values()) // RATIO
    small = without_dead(full, alive).to(memory_format=torch.channels_last)  # 1.4 times as fast
    penalty = decay if decayed else nothing
    # at the first look it grows
    sparsify(small, seen(soft), (end, end), epochs_of(passes, shifts=True), 300 + seed, UNTIL, penalty)
    return put_back(small.to(memory_format=torch.contiguous_format), alive, CAFFE)


@dataclass(frozen=True)
class Trial(Configuration):
    part: str = field(default="trials", init=False)
    soft: float
    decayed: bool
    passes: int
    seed: int

    def measure(self) -> dict:
        began = time.process_time()
        model = regrown(self.seed, self.passes, self.soft, self.decayed)
        return judged(model) | {"cpu_s": round(time.process_time() - began)}


@dataclass(frozen=True)
class Network(Configuration):
    part: str = field(default="networks", init=False)
    seed: int

    def measure(self) -> dict:
        began = time.process_time()
        model = regrown(self.seed, PASSES, SOFT, DECAYED)
        seconds = round(time.process_time() - began)
        name = f"{CAFFE}-{RATIO}x-shifts-seed{self.seed}.safetensors"
        kept = {name: int(weight.count_nonzero()) for name, weight in prunable(model).items()}
        size = save_sparse(model, RECORDS / name)
        return {"file": name, "bytes": size, "kept": kept, "cpu_s": seconds} | judged(model)


@dataclass(frozen=True)
class Read(Configuration):
    """Read the test split, once."""

    part: str = field(default="tests", init=False)
    seed: int

    def measure(self) -> dict:
        model = MODELS[CAFFE]()
        load_sparse(RECORDS / f"{CAFFE}-{RATIO}x-shifts-seed{self.seed}.safetensors", model)
        return errors(model.eval())


def configurations() -> list[Configuration]:
    tried = [Trial(*recipe, seed) for recipe in TRIALS for seed in SEEDS]
    return tried + [kind(seed) for kind in (Network, Read) for seed in NETWORKS]


def provenance() -> dict:
    return {
        "networks": f"data/records, {CAFFE} at {BEFORE}x with shifts; network n began with seed n % 3",
        "teachers": "data/checkpoints, five networks; they see the shifted image; temperature 2",
        "recipe": f"that of records, from {BEFORE}x back to {RATIO}x, {PASSES} passes, teachers' part {SOFT}",
    }

"""Records whose labels are in part teachers' answers (notebook 08; about an hour and a half on one core)

A stored record is given back a part of its weights, at first where the gradients are largest, or pruned on,
or a dense network is pruned in three stages. It learns with all one-pixel shifts while a part of the weights
moves; the labels are in part what five dense LeNet5Caffe say of the very image that is seen.

- ``trials``: all that was tried at 300x, on the validation split, each from three networks, the last from
  one: where it starts (the compression of a record, 1 for the dense network), the teachers' part in the
  labels, weight decay, and the passes of the last stage. Loss, error (percent) and seconds of one thread.
- ``networks``: for LeNet5Caffe at 300x by the recipe with the lowest mean validation error (the loss on the
  true classes charges softened answers, so it cannot choose between two kinds of labels), at 342x by the same
  one, for LeNet300 by the only one that was tried. Three networks to start from, each with one order of the
  examples or several. Sparse files in ``data/records``.
- ``tests``: the test split, read once for each network after all of its compression had been made."""

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
from prunelab.models import MODELS, load_pretrained
from prunelab.records import RECORDS
from prunelab.storage import load_sparse, save_sparse

CAFFE, LENET300 = "lenet5_caffe", "lenet300"
UNTIL = 0.75  # the part of the last stage's steps after which the masks stay
GENTLY = ((60, 5), (200, 10))  # the first stages of a network that starts dense: compression, passes
# network, where it starts, compression, teachers' part in the labels, with weight decay, passes of 55,000
TRIALS = (
    (CAFFE, 400, 300, 0.7, True, 5),
    (CAFFE, 400, 300, 0.0, True, 5),
    (CAFFE, 400, 300, 0.7, False, 5),
    (CAFFE, 400, 300, 0.7, True, 15),
    (CAFFE, 400, 300, 1.0, True, 5),
)
ONCE = (CAFFE, 1, 300, 0.7, True, 30)  # eight minutes, and far behind: one network
RECIPES = {  # by network and compression: that of the trials, and how many networks it makes
    (CAFFE, 300): (TRIALS[0], 10),
    (CAFFE, 342): ((CAFFE, 400, 342, 0.7, True, 5), 10),  # that of 300x
    (LENET300, 200): ((LENET300, 150, 200, 0.7, True, 100), 3),  # as long as that of records
}


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


def started(network: str, start: int, seed: int) -> nn.Module:
    """Return the dense network, or its record at ``start`` times fewer weights."""
    if start == 1:
        return load_pretrained(network, seed)
    full = MODELS[network]()
    load_sparse(RECORDS / f"{network}-{start}x-shifts-seed{seed}.safetensors", full)
    return full.eval()


def made(recipe: tuple, seed: int) -> nn.Module:
    """Return a network by a recipe of ``TRIALS``; it began with the network of seed ``seed % 3``."""
    network, start, ratio, soft, decayed, passes = recipe
    full = started(network, start, SEEDS[seed % len(SEEDS)])
    weights = sum(weight.numel() for weight in prunable(full).values())
    left = weights // start
    for stage, (goal, length) in enumerate([*(GENTLY if start == 1 else ()), (ratio, passes)], 3):
        alive, end = living(full), weights // goal
        small = without_dead(full, alive).to(memory_format=torch.channels_last)  # 1.4 times as fast
        sparsify(
            small,
            seen(soft),
            (max(left, end), end),  # where there are fewer than that it grows at the first look
            epochs_of(length, shifts=True),
            100 * stage + seed,
            UNTIL if goal == ratio else 0.9,
            decay if decayed else nothing,
        )
        full, left = put_back(small.to(memory_format=torch.contiguous_format), alive, network), end
    return full


def path_of(network: str, ratio: int, seed: int) -> str:
    return f"{network}-{ratio}x-taught-seed{seed}.safetensors"


@dataclass(frozen=True)
class Trial(Configuration):
    part: str = field(default="trials", init=False)
    network: str
    start: int
    ratio: int
    soft: float
    decayed: bool
    passes: int
    seed: int

    def measure(self) -> dict:
        began = time.process_time()
        recipe = (self.network, self.start, self.ratio, self.soft, self.decayed, self.passes)
        return judged(made(recipe, self.seed)) | {"cpu_s": round(time.process_time() - began)}


@dataclass(frozen=True)
class Network(Configuration):
    part: str = field(default="networks", init=False)
    network: str
    ratio: int
    seed: int

    def measure(self) -> dict:
        began = time.process_time()
        model = made(RECIPES[self.network, self.ratio][0], self.seed)
        seconds = round(time.process_time() - began)
        name = path_of(self.network, self.ratio, self.seed)
        kept = {name: int(weight.count_nonzero()) for name, weight in prunable(model).items()}
        size = save_sparse(model, RECORDS / name)
        return {"file": name, "bytes": size, "kept": kept, "cpu_s": seconds} | judged(model)


@dataclass(frozen=True)
class Read(Configuration):
    """Read the test split, once."""

    part: str = field(default="tests", init=False)
    network: str
    ratio: int
    seed: int

    def measure(self) -> dict:
        model = MODELS[self.network]()
        load_sparse(RECORDS / path_of(self.network, self.ratio, self.seed), model)
        return errors(model.eval())


def configurations() -> list[Configuration]:
    tried = [Trial(*recipe, seed) for recipe in TRIALS for seed in SEEDS] + [Trial(*ONCE, SEEDS[0])]
    made_of = [(*key, seed) for key, (_, networks) in RECIPES.items() for seed in range(networks)]
    return tried + [kind(*each) for kind in (Network, Read) for each in made_of]


def provenance() -> dict:
    return {
        "networks": "data/checkpoints, and data/records with shifts; network n began with seed n % 3",
        "teachers": "data/checkpoints, five LeNet5Caffe; they see the shifted image; temperature 2",
        "recipe": (
            f"that of records, in one stage, a network that starts dense in those of {GENTLY} before it;"
            " network, start, compression, teachers' part, decay, passes, and networks made:"
            f" {[[*recipe, networks] for recipe, networks in RECIPES.values()]}"
        ),
    }

"""A published network pruned and repaired: labels or a teacher, a score or chance, and why chance won
(notebook 09.2; half an hour)

CREPE loses filters in two rounds and is trained after each, from the dense network's outputs or from
labels, on the same tones, for as many passes; beside it a new network of the final widths. ``first`` says
how the filters of ``conv1`` were chosen, ``rest`` those of the others: by the score, at random, or
(``spread``) the best of each of as many bands of pitch as filters stay; so the choice can be changed in
conv1 alone. One pretrained network exists, so the seeds are draws of tones, orders and initialisations:
three of each budget. Every choice was made on ``valid``; ``test`` and
``unheard`` are read once for each network. Accuracies: raw pitch accuracy within 50 cents, in percent;
``low``, ``middle`` and ``high`` are those of the test tones by thirds of their pitch, with the short
budget. The network of the first long run is stored beside the pretrained one.

The rows of "images" are the five LeNet5 with BatchNorm, half of every hidden layer gone, taught by labels
or by the dense network, with few images and with many."""

from dataclasses import dataclass, field

import torch
from torch import nn
from torch.utils.data import TensorDataset

from experiments._common import Configuration, accuracies, first, mnist
from prunelab import crepe
from prunelab.criteria import filter_l1, random_scores
from prunelab.data import store_weights
from prunelab.masks import keep_top, mask_model
from prunelab.models import load_pretrained
from prunelab.surgery import coupled_groups, coupled_masks, reestimate_batchnorm, remove_filters
from prunelab.tones import INSTRUMENTS, load_tones, synthesise
from prunelab.training import train

SEEDS = {"short": (2, 3, 4), "middle": (0, 1, 2), "long": (0, 1, 2)}
CHOICES = (("score", "score"), ("random", "random"))
CROSSED = (("random", "score"), ("spread", "score"))  # the choice changed in conv1 alone
NEW = ("new", "new")
FILTERS_LEFT = (
    (64, 16, 16, 16, 24, 48),
    (24, 8, 16, 16, 16, 32),
)  # after the first round, and after the second
BUDGETS = {  # tones, and passes over them in each round
    "short": (600, (1, 2)),
    "middle": (1200, (1, 4)),
    "long": (4000, (1, 8)),
}
VALID, TEST = 300, 1000  # tones
LR = 0.002
PRUNED = crepe.FOLDER / "crepe-pruned.safetensors"
HIDDEN = ("conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight")
IMAGES = (500, 5000)
IMAGE_EPOCHS, IMAGE_LR = 10, 0.02


def use(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return a score for each filter: |gamma| of its BatchNorm, the size of what it sends, times the norm of
    what reads it.
    """
    scores = {}
    for i in range(1, len(crepe.FILTERS) + 1):
        gamma = model.get_submodule(f"bn{i}").weight.detach().abs()
        reader = model.get_submodule(f"conv{i + 1}" if i < len(crepe.FILTERS) else "fc").weight.detach()
        norm = reader.view(len(reader), len(gamma), -1).square().sum((0, 2)).sqrt()
        scores[f"conv{i}.weight"] = gamma * norm
    return scores


def chance(model: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    scores = random_scores(model, granularity="filter", seed=seed)
    return {name: value.flatten() for name, value in scores.items() if name.startswith("conv")}


def spread(model: nn.Module, left: int) -> torch.Tensor:
    """Return scores of conv1's filters with which the best of each of ``left`` bands stays; a filter's band
    is where its spectrum has its peak.
    """
    scores = use(model)["conv1.weight"]
    order = torch.fft.rfft(model.conv1.weight.detach().flatten(1), 4 * crepe.FRAME).abs().argmax(1).argsort()
    best = [band[scores[band].argmax()] for band in order.tensor_split(left)]
    chosen = scores.clone()
    chosen[torch.stack(best)] += scores.max()
    return chosen


def scored(model: nn.Module, seed: int, choice: tuple[str, str], left: int) -> dict[str, torch.Tensor]:
    found = {"score": use(model), "random": chance(model, seed)}
    scores = dict(found[choice[1]])
    scores["conv1.weight"] = (
        spread(model, left) if choice[0] == "spread" else found[choice[0]]["conv1.weight"]
    )
    return scores


def without(model: nn.Module, scores: dict[str, torch.Tensor], filters: tuple[int, ...]) -> nn.Module:
    """Return ``model`` with the best ``filters`` of each convolution. A filter that goes sends 0, so padding
    is no obstacle.
    """
    example = torch.zeros(1, crepe.FRAME)
    kept = {
        name: keep_top(scores[name], 1 - left / len(scores[name]))
        for name, left in zip(scores, filters, strict=True)
    }
    return remove_filters(model, coupled_masks(model, coupled_groups(model, example), kept), example)


def network(
    seed: int, choice: tuple[str, str], budget: str, frames: torch.Tensor, targets: torch.Tensor
) -> tuple[nn.Module, list[float]]:
    passes = BUDGETS[budget][1]
    if choice == NEW:
        torch.manual_seed(100 + seed)
        model = crepe.Crepe(FILTERS_LEFT[-1])
        return model, crepe.distil(model, frames, targets, epochs=sum(passes), lr=LR, seed=seed)
    model, losses = crepe.load_crepe(), []
    for filters, epochs in zip(FILTERS_LEFT, passes, strict=True):
        model = without(model, scored(model, seed, choice, filters[0]), filters)
        reestimate_batchnorm(model, frames[:500])
        losses += crepe.distil(model, frames, targets, epochs=epochs, lr=LR, seed=seed)
    return model, losses


def thirds(model: nn.Module, data: TensorDataset) -> dict[str, float]:
    """Return the accuracy on the low, the middle and the high third of the pitches in ``data``."""
    order = data.tensors[1].argsort()
    parts = zip(("low", "middle", "high"), order.tensor_split(3), strict=True)
    return {
        name: round(crepe.pitch_accuracy(model, TensorDataset(*(t[part] for t in data.tensors))), 2)
        for name, part in parts
    }


@dataclass(frozen=True)
class Repaired(Configuration):
    """CREPE cut and trained again, or a new network of its widths."""

    seed: int
    budget: str
    first: str  # how conv1's filters were chosen
    rest: str
    learns_from: str

    def measure(self) -> dict:
        frames, cents = synthesise(BUDGETS[self.budget][0], 10 + self.seed, INSTRUMENTS[:-1]).tensors
        if self.learns_from == "labels":
            targets = crepe.targets(cents)
        else:
            targets = crepe.outputs(crepe.load_crepe(), frames)
        model, losses = network(self.seed, (self.first, self.rest), self.budget, frames, targets)
        data = load_tones(1, VALID, TEST)
        scores = {
            split: round(crepe.pitch_accuracy(model, getattr(data, split)), 2)
            for split in ("valid", "test", "unheard")
        }
        if (self.seed, self.first, self.budget) == (0, "score", "long"):
            store(model, scores)
        by_third = thirds(model, data.test) if self.budget == "short" else {}
        return scores | by_third | {"losses": [round(loss, 3) for loss in losses]}


@dataclass(frozen=True)
class OnImages(Configuration):
    """LeNet5 with BatchNorm, half of every hidden layer removed, trained again on few images or many."""

    part: str = field(default="images", init=False)
    seed: int
    choice: str
    images: int
    learns_from: str

    def measure(self) -> dict:
        dense = load_pretrained("lenet5_bn", self.seed)
        data = first(mnist().train, self.images)
        by_lot = random_scores(dense, granularity="filter", seed=self.seed)
        scores = filter_l1(dense) if self.choice == "score" else by_lot
        hidden = {name: scores[name] for name in HIDDEN}
        groups = coupled_groups(dense, data.tensors[0][:1])
        kept = {name: mask.flatten() for name, mask in mask_model(hidden, 0.5).items()}
        small = remove_filters(dense, coupled_masks(dense, groups, kept), data.tensors[0][:1])
        reestimate_batchnorm(small, data.tensors[0])
        cut = accuracies(small)["valid"]
        if self.learns_from == "teacher":
            with torch.inference_mode():
                answers = dense(data.tensors[0]).softmax(1).clone()
            data = TensorDataset(data.tensors[0], answers)
        train(small, data, epochs=IMAGE_EPOCHS, lr=IMAGE_LR, seed=self.seed)
        return {"dense": accuracies(dense)["test"], "cut_valid": cut} | accuracies(small)


def store(model: nn.Module, scores: dict[str, float]) -> None:
    card = {
        "model": "CREPE tiny, pruned",
        "script": "experiments/your_own_network.py",
        "from": "crepe-tiny.safetensors",
        "licence": "MIT, see LICENSE",
        "pitch_accuracy": scores,
    }
    store_weights(PRUNED, model, card)


def configurations() -> list[Configuration]:
    images = [
        OnImages(seed, choice, images, teacher)
        for seed in range(5)
        for choice in ("score", "random")
        for images in IMAGES
        for teacher in ("teacher", "labels")
    ]
    runs = [("short", *choice, "teacher") for choice in (*CHOICES, *CROSSED, NEW)]
    runs += [("short", *CHOICES[0], "labels")]
    runs += [(budget, *how, "teacher") for budget in ("middle", "long") for how in (*CHOICES, NEW)]
    return images + [Repaired(seed, *how) for how in runs for seed in SEEDS[how[0]]]


def provenance() -> dict:
    dense, data = crepe.load_crepe(), load_tones(1, VALID, TEST)
    return {
        "networks": "CREPE tiny, data/crepe/crepe-tiny.safetensors; lenet5_bn, five seeds",
        "dense": {
            split: round(crepe.pitch_accuracy(dense, getattr(data, split)), 2)
            for split in ("valid", "test", "unheard")
        }
        | thirds(dense, data.test),
        "filters": FILTERS_LEFT,
        "recipe": (
            f"(tones, passes in each of two rounds): {BUDGETS}; Adam, batch 16, cosine rate from {LR} in each"
            f" round; new: all passes in one round; images: SGD, {IMAGE_EPOCHS} passes, rate from {IMAGE_LR}"
        ),
    }

"""CREPE pruned without its data, against smaller networks from scratch (notebook 09.2; half an hour)

The pretrained network loses filters in two rounds, by a score or at random, and learns from the dense
network's outputs on synthesised tones; no label is used. Beside it a network of the final widths learns from
the same teacher on the same tones from a new initialisation, for as many passes; all this with a short budget
and with a long one. One pretrained network exists, so the three seeds are three draws of tones, orders and
initialisations. Every choice was made on ``valid``; ``test`` and ``unheard`` are read once for each network.
Accuracies: raw pitch accuracy within 50 cents, in percent. The pruned network of seed 0 is stored beside the
pretrained one."""

from dataclasses import dataclass

import torch
from torch import nn

from experiments._common import Configuration
from prunelab.crepe import FILTERS, FOLDER, FRAME, Crepe, distil, load_crepe, outputs, pitch_accuracy
from prunelab.criteria import random_scores
from prunelab.data import store_weights
from prunelab.masks import keep_top
from prunelab.surgery import coupled_groups, coupled_masks, reestimate_batchnorm, remove_filters
from prunelab.tones import INSTRUMENTS, load_tones, synthesise

SEEDS = (0, 1, 2)
KINDS = ("pruned", "random filters", "scratch")
FILTERS_LEFT = (
    (64, 16, 16, 16, 24, 48),
    (24, 8, 16, 16, 16, 32),
)  # after the first round, and after the second
BUDGETS = {"short": (1200, (1, 4)), "long": (4000, (1, 8))}  # tones, and passes over them in each round
VALID, TEST = 300, 1000  # tones
LR = 0.002
PRUNED = FOLDER / "crepe-pruned.safetensors"


def use(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return a score for each filter: |gamma| of its BatchNorm, the size of what it sends, times the norm of
    what reads it.
    """
    scores = {}
    for i in range(1, len(FILTERS) + 1):
        gamma = model.get_submodule(f"bn{i}").weight.detach().abs()
        reader = model.get_submodule(f"conv{i + 1}" if i < len(FILTERS) else "fc").weight.detach()
        norm = reader.view(len(reader), len(gamma), -1).square().sum((0, 2)).sqrt()
        scores[f"conv{i}.weight"] = gamma * norm
    return scores


def chance(model: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    scores = random_scores(model, granularity="filter", seed=seed)
    return {name: value.flatten() for name, value in scores.items() if name.startswith("conv")}


def without(model: nn.Module, scores: dict[str, torch.Tensor], filters: tuple[int, ...]) -> nn.Module:
    """Return ``model`` with the best ``filters`` of each convolution. A filter that goes sends 0, so padding
    is no obstacle.
    """
    example = torch.zeros(1, FRAME)
    kept = {
        name: keep_top(scores[name], 1 - left / len(scores[name]))
        for name, left in zip(scores, filters, strict=True)
    }
    return remove_filters(model, coupled_masks(model, coupled_groups(model, example), kept), example)


def network(
    seed: int, kind: str, budget: str, frames: torch.Tensor, targets: torch.Tensor
) -> tuple[nn.Module, list[float]]:
    passes = BUDGETS[budget][1]
    if kind == "scratch":
        torch.manual_seed(100 + seed)
        model = Crepe(FILTERS_LEFT[-1])
        return model, distil(model, frames, targets, epochs=sum(passes), lr=LR, seed=seed)
    model, losses = load_crepe(), []
    for filters, epochs in zip(FILTERS_LEFT, passes, strict=True):
        scores = use(model) if kind == "pruned" else chance(model, seed)
        model = without(model, scores, filters)
        reestimate_batchnorm(model, frames[:500])
        losses += distil(model, frames, targets, epochs=epochs, lr=LR, seed=seed)
    return model, losses


@dataclass(frozen=True)
class Run(Configuration):
    seed: int
    kind: str
    budget: str

    def measure(self) -> dict:
        frames, _ = synthesise(BUDGETS[self.budget][0], 10 + self.seed, INSTRUMENTS[:-1]).tensors
        model, losses = network(self.seed, self.kind, self.budget, frames, outputs(load_crepe(), frames))
        tones = load_tones(1, VALID, TEST)
        scores = {
            part: round(pitch_accuracy(model, getattr(tones, part)), 2)
            for part in ("valid", "test", "unheard")
        }
        if (self.seed, self.kind, self.budget) == (0, "pruned", "long"):
            store(model, scores)
        return scores | {"losses": [round(loss, 3) for loss in losses]}


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
    return [
        Run(seed=seed, kind=kind, budget=budget) for budget in BUDGETS for seed in SEEDS for kind in KINDS
    ]


def provenance() -> dict:
    dense, tones = load_crepe(), load_tones(1, VALID, TEST)
    return {
        "networks": "CREPE tiny, data/crepe/crepe-tiny.safetensors",
        "dense": {
            part: round(pitch_accuracy(dense, getattr(tones, part)), 2)
            for part in ("valid", "test", "unheard")
        },
        "filters": FILTERS_LEFT,
        "recipe": (
            f"(tones, passes in each of two rounds): {BUDGETS}; Adam, batch 16, cosine rate from {LR} in each"
            " round; scratch: all passes in one round"
        ),
    }

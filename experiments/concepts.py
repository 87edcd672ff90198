"""Four claims about why pruning works, each over independently trained networks (notebook 01; about twelve
minutes on one core)

Magnitude against random pruning, L1 against L2 penalties, "pruning generalises better", and "train with
dropout, then prune". All accuracies are on the validation split, in percent, except those called ``train``,
which are on the images the network was trained on (the first 10,000 of them, if there are more); ``_before``
is before the fine-tune. ``experiment`` says what a row holds."""

import copy
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.utils.data import TensorDataset

from experiments._common import SGD, Configuration, mnist
from prunelab.criteria import magnitude
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import MODELS, SEEDS, LeNet300, load_pretrained
from prunelab.training import accuracy, train

SPARSITIES = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0]
FINE_TUNED = [0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98]
PENALTIES = [("none", 0.0), ("l1", 1e-4), ("l1", 3e-4), ("l2", 3e-4), ("l2", 1e-3)]
EPOCHS = 5
FEW = 1_000


def pruned(
    model: nn.Module, sparsity: float, scope: str = "global", random: int | None = None
) -> tuple[nn.Module, dict]:
    """Return a pruned copy and its masks; the scores are magnitudes, or random numbers from the seed
    ``random``.
    """
    scores = magnitude(model)
    if random is not None:
        generator = torch.Generator().manual_seed(random)
        scores = {name: torch.rand(score.shape, generator=generator) for name, score in scores.items()}
    masks = mask_model(scores, sparsity, scope)
    small = copy.deepcopy(model)
    apply_masks(small, masks)
    return small, masks


def with_dropout(seed: int) -> nn.Module:
    """Return an untrained LeNet300 with dropout 0.5 after each of its two hidden layers."""
    torch.manual_seed(seed)
    layers = LeNet300()
    return nn.Sequential(
        *[
            part
            for layer in layers
            for part in ((layer, nn.Dropout(0.5)) if isinstance(layer, nn.ReLU) else (layer,))
        ]
    )


@dataclass(frozen=True)
class MagnitudeOrRandom(Configuration):
    experiment: str = field(default="magnitude_or_random", init=False)
    network: str
    seed: int
    scope: str
    criterion: str

    def measure(self) -> list[dict]:
        model = load_pretrained(self.network, self.seed)
        random = self.seed if self.criterion == "random" else None
        return [
            {"sparsity": s, "valid": accuracy(pruned(model, s, self.scope, random)[0], mnist().valid)}
            for s in SPARSITIES
        ]


def prune_then_tune(model: nn.Module, data: TensorDataset, epochs: int, seed: int) -> list[dict]:
    """Accuracy over FINE_TUNED sparsities: just pruned, and after ``epochs`` epochs of fine-tuning on
    ``data``.
    """
    seen = TensorDataset(*data[:10_000])
    rows = []
    for s in FINE_TUNED:
        small, masks = pruned(model, s)
        row = {
            "sparsity": s,
            "train_before": accuracy(small, seen),
            "valid_before": accuracy(small, mnist().valid),
        }
        train(small, data, epochs=epochs, masks=masks, seed=100 + seed)
        rows.append(row | {"train": accuracy(small, seen), "valid": accuracy(small, mnist().valid)})
    return rows


@dataclass(frozen=True)
class FewImages(Configuration):
    experiment: str = field(default="few_images", init=False)
    network: str
    seed: int

    def measure(self) -> list[dict]:
        data = TensorDataset(
            *mnist().train[FEW * self.seed : FEW * (self.seed + 1)]
        )  # other images for every network
        torch.manual_seed(self.seed)
        model = MODELS[self.network]()
        train(model, data, epochs=60, seed=self.seed)
        return prune_then_tune(model, data, 20, self.seed)


@dataclass(frozen=True)
class AllImages(Configuration):
    experiment: str = field(default="all_images", init=False)
    network: str
    seed: int

    def measure(self) -> list[dict]:
        return prune_then_tune(load_pretrained(self.network, self.seed), mnist().train, 1, self.seed)


@dataclass(frozen=True)
class Penalty(Configuration):
    experiment: str = field(default="penalty", init=False)
    kind: str
    strength: float
    seed: int

    def measure(self) -> list[dict]:
        torch.manual_seed(self.seed)
        model = LeNet300()
        norms = {
            "none": lambda w: w.new_zeros(()),
            "l1": lambda w: w.abs().sum(),
            "l2": lambda w: w.square().sum(),
        }
        term = (
            None
            if self.kind == "none"
            else lambda net: self.strength * sum(norms[self.kind](w) for w in prunable(net).values())
        )
        train(model, mnist().train, epochs=EPOCHS, penalty=term, seed=self.seed)
        weights = torch.cat([w.detach().flatten() for w in prunable(model).values()])
        near_zero = float((weights.abs() < 1e-3).double().mean())
        rows = []
        for s in SPARSITIES:
            small, masks = pruned(model, s)
            row = {"sparsity": s, "near_zero": near_zero, "valid": accuracy(small, mnist().valid)}
            if s in (0.95, 0.98):
                train(small, mnist().train, epochs=1, masks=masks, seed=100 + self.seed)
                row["tuned"] = accuracy(small, mnist().valid)
            rows.append(row)
        return rows


@dataclass(frozen=True)
class Dropout(Configuration):
    experiment: str = field(default="dropout", init=False)
    rate: float
    seed: int

    def measure(self) -> list[dict]:
        torch.manual_seed(self.seed)
        model = with_dropout(self.seed) if self.rate else LeNet300()
        train(model, mnist().train, epochs=2 * EPOCHS, seed=self.seed)
        return [{"sparsity": s, "valid": accuracy(pruned(model, s)[0], mnist().valid)} for s in SPARSITIES]


def configurations() -> list[Configuration]:
    networks, scopes, criteria = ("lenet300", "lenet5"), ("layer", "global"), ("magnitude", "random")
    return [
        *(
            MagnitudeOrRandom(network, seed, scope, criterion)
            for seed in SEEDS
            for network in networks
            for scope in scopes
            for criterion in criteria
        ),
        *(FewImages(network, seed) for seed in SEEDS for network in networks),
        *(AllImages("lenet300", seed) for seed in SEEDS),
        *(Penalty(kind, strength, seed) for seed in SEEDS for kind, strength in PENALTIES),
        *(Dropout(rate, seed) for seed in SEEDS for rate in (0.0, 0.5)),
    ]


def provenance() -> dict:
    return {
        "data": (
            "MNIST; accuracy in percent on the 5,000 validation images, 'train' on images of the training"
            " split"
        ),
        "networks": f"data/checkpoints, and networks trained by the script with {SGD} 0.05",
        "experiments": {
            "magnitude_or_random": "one-shot, no fine-tuning",
            "few_images": "trained 60 epochs on 1,000 images, pruned, 20 epochs more",
            "all_images": "the checkpoint, pruned, 1 epoch more",
            "penalty": f"LeNet300 trained {EPOCHS} epochs with the penalty, pruned; 'tuned' is 1 epoch more",
            "dropout": f"LeNet300 trained {2 * EPOCHS} epochs with dropout, pruned",
        },
    }

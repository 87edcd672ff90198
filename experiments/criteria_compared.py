"""Which criterion wins, by how much, and is the difference real? (notebook 03.5; about half an hour on
one core)

Five trained LeNet5. Scores are computed on 1,000 training images; the same fraction of every layer goes; one
epoch of fine-tuning on 10,000 training images follows. Accuracy is that on the validation split: the run
compares hundreds of configurations.

- ``agreement``: Spearman correlation of every unit criterion with the oracle, layer by layer: "rho" with the
  oracle on 1,000 other training images, "rho_seen" with that on the images scored on; and the seconds it took
- ``weights``: the same for single weights, on 40 random weights of each layer and twice 500 images
- ``filters``, ``pruned_weights``: accuracy before and after the fine-tune, by sparsity; "in rounds": scored
  anew after each of 20 rounds (to a half), 30 rounds (to three quarters)
- ``batchnorm``: filters of the convolutions of LeNet5BN, as trained, and after two epochs of the pull that
  makes the scale a criterion
- ``scratch``: a network of the size that is left, trained anew as the five networks were: 15 epochs of all
  55,000 images
"""

import functools
import time
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.utils.data import TensorDataset

from experiments._common import Configuration, first, mnist
from experiments._criteria import LR, SCORED, TUNED, UNITS, against, each_alone, pruned_and_tuned, scores_of
from prunelab import criteria
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import SEEDS, LeNet5, load_pretrained
from prunelab.surgery import remove_filters
from prunelab.training import accuracy, train

SAMPLED = 40
FILTER_SPARSITIES, FILTER_TUNED = (0.25, 0.5, 0.75), (0.5, 0.75)
WEIGHT_SPARSITIES, WEIGHT_TUNED = (0.5, 0.8, 0.9), (0.9,)
IN_ROUNDS = ("Taylor in rounds", "reconstruction in rounds", "oracle in rounds")
FILTERS = (*UNITS, *IN_ROUNDS, "random-mask search", "evolutionary search")
WEIGHTS = (
    "random",
    "magnitude",
    "gradient",
    "weight x gradient",
    "squared weight x gradient",
    "OBD",
    "layer-wise OBS",
    "activation correlation",
    "Wanda",
    "Wanda per row",
    "magnitude + refit",
    "layer-wise OBS + refit",
    "OBC",
    "energy-aware",
)
BATCHNORM = ("random filters", "filter L1", "BatchNorm scale")
PULL, DECAY = 0.1, 1e-3  # of |gamma|, and of the squares of the weights, as in notebook 03.1
STEP = 0.025  # of every layer in a round
SEARCHES = {
    "random-mask search": functools.partial(criteria.random_search, draws=20),
    "evolutionary search": functools.partial(criteria.evolve, generations=5, population=12),
}


def timed(name: str, model: nn.Module, dataset: TensorDataset, seed: int) -> tuple[dict, float]:
    began = time.process_time()
    return scores_of(name, model, dataset, seed), round(time.process_time() - began, 4)


@dataclass(frozen=True)
class Agreement(Configuration):
    part: str = field(default="agreement", init=False)
    seed: int

    def measure(self) -> list[dict]:
        model, images = load_pretrained("lenet5", self.seed), mnist().train
        dataset, other = first(images, SCORED), TensorDataset(*images[SCORED : 2 * SCORED])
        seen, truth = criteria.loss_changes(model, dataset), criteria.loss_changes(model, other)
        rows = []
        for name in UNITS:
            scores, seconds = timed(name, model, dataset, self.seed)
            row = {"criterion": name, "rho": against(truth, scores), "rho_seen": against(seen, scores)}
            rows.append(row | {"seconds": seconds})
        rows[UNITS.index("oracle")]["helpful"] = {
            layer: float((t < 0).double().mean()) for layer, t in truth.items()
        }
        return rows


@dataclass(frozen=True)
class Weights(Configuration):
    part: str = field(default="weights", init=False)
    seed: int

    def measure(self) -> list[dict]:
        model, images = load_pretrained("lenet5", self.seed), mnist().train
        dataset, generator = first(images, SCORED), torch.Generator().manual_seed(self.seed)
        chosen = {
            name: torch.randperm(weight.numel(), generator=generator)[:SAMPLED]
            for name, weight in prunable(model).items()
        }
        truth, seen = (each_alone(model, *images[i : i + 500], chosen) for i in (SCORED, 0))
        rows = []
        for name in WEIGHTS[: WEIGHTS.index("Wanda") + 1]:
            scores, seconds = timed(name, model, dataset, self.seed)
            row = {"criterion": name, "rho": against(truth, scores, chosen)}
            rows.append(row | {"rho_seen": against(seen, scores, chosen), "seconds": seconds})
        return rows


def in_rounds(criterion: str, seed: int, sparsity: float) -> dict[str, torch.Tensor]:
    """Return unit masks; after each round the scores are computed anew, without the units that are gone."""
    model, dataset = load_pretrained("lenet5", seed), first(mnist().train, SCORED)
    masks: dict[str, torch.Tensor] = {}
    for step in range(1, round(sparsity / STEP) + 1):
        scores = scores_of(criterion.removesuffix(" in rounds"), model, dataset, seed)
        # no score is negative, so what is gone stays gone
        scores = {name: s.masked_fill(~masks[name], -1) if masks else s for name, s in scores.items()}
        masks = mask_model(scores, step * STEP)
        apply_masks(model, criteria.unit_masks(model, masks))
    return masks


@dataclass(frozen=True)
class Filters(Configuration):
    part: str = field(default="filters", init=False)
    seed: int
    criterion: str

    def measure(self) -> list[dict]:
        model, dataset = load_pretrained("lenet5", self.seed), first(mnist().train, SCORED)
        single = self.criterion in UNITS
        scores = scores_of(self.criterion, model, dataset, self.seed) if single else {}
        rows = []
        for sparsity in FILTER_SPARSITIES:
            if self.criterion in SEARCHES:
                masks = SEARCHES[self.criterion](model, first(dataset, 500), sparsity, seed=self.seed).masks
            elif self.criterion in IN_ROUNDS:
                masks = in_rounds(self.criterion, self.seed, sparsity)
            else:
                masks = mask_model(scores, sparsity)
            full = criteria.unit_masks(model, masks)
            reached = pruned_and_tuned(
                load_pretrained("lenet5", self.seed), full, sparsity in FILTER_TUNED, self.seed
            )
            rows.append({"sparsity": sparsity} | reached)
        return rows


@dataclass(frozen=True)
class PrunedWeights(Configuration):
    part: str = field(default="pruned_weights", init=False)
    seed: int
    criterion: str

    def measure(self) -> list[dict]:
        model, dataset = load_pretrained("lenet5", self.seed), first(mnist().train, SCORED)
        scored = self.criterion not in ("energy-aware", "OBC")
        scores = scores_of(self.criterion, model, dataset, self.seed) if scored else {}
        rows = []
        for sparsity in WEIGHT_SPARSITIES:
            pruned = load_pretrained("lenet5", self.seed)
            if self.criterion == "energy-aware":
                done = criteria.energy_aware(model, dataset, sparsity)
                pruned, masks = done.model, done.masks
            elif self.criterion == "OBC":
                found = criteria.obc(model, dataset, sparsity)
                pruned.load_state_dict(found, strict=False)
                masks = {name: weight != 0 for name, weight in found.items()}
            else:
                masks = mask_model(
                    scores, sparsity, "output" if self.criterion.endswith("per row") else "layer"
                )
                if self.criterion.endswith("+ refit"):
                    pruned = criteria.refit_model(model, masks, dataset)
            rows.append(
                {"sparsity": sparsity} | pruned_and_tuned(pruned, masks, sparsity in WEIGHT_TUNED, self.seed)
            )
        return rows


@dataclass(frozen=True)
class Batchnorm(Configuration):
    part: str = field(default="batchnorm", init=False)
    seed: int
    criterion: str
    pull: bool

    def measure(self) -> dict:
        model, dataset = load_pretrained("lenet5_bn", self.seed), first(mnist().train, SCORED)
        if self.pull:
            scales = criteria.scale_penalty(PULL)

            def penalty(model: nn.Module) -> torch.Tensor:
                return scales(model) + DECAY * sum((weight**2).sum() for weight in prunable(model).values())

            train(model, first(mnist().train, TUNED), epochs=2, penalty=penalty, seed=self.seed)
        dense = accuracy(model, mnist().valid)
        scores = {
            name: s
            for name, s in scores_of(self.criterion, model, dataset, self.seed).items()
            if name.startswith("conv")
        }
        full = criteria.unit_masks(model, mask_model(scores, 0.5))
        return {"sparsity": 0.5, "dense": dense} | pruned_and_tuned(model, full, True, self.seed)


@dataclass(frozen=True)
class Scratch(Configuration):
    part: str = field(default="scratch", init=False)
    seed: int
    sparsity: float

    def measure(self) -> dict:
        torch.manual_seed(1_000 + self.seed)
        model = LeNet5()
        masks = mask_model(
            criteria.filter_l1(model), self.sparsity
        )  # which filters go does not matter: all of them are random
        small = remove_filters(model, masks)
        train(small, mnist().train, epochs=15, seed=self.seed)
        return {
            "parameters": sum(p.numel() for p in small.parameters()),
            "after": accuracy(small, mnist().valid),
        }


def configurations() -> list[Configuration]:
    return [
        *(Agreement(seed) for seed in SEEDS),
        *(Filters(seed, name) for seed in SEEDS for name in FILTERS),
        *(PrunedWeights(seed, name) for seed in SEEDS for name in WEIGHTS),
        *(Scratch(seed, 0.5) for seed in SEEDS),
        *(Batchnorm(seed, name, pull) for pull in (False, True) for seed in SEEDS for name in BATCHNORM),
        *(Weights(seed) for seed in SEEDS),
    ]


def provenance() -> dict:
    return {
        "networks": "lenet5 seeds 0 to 4 (lenet5_bn for batchnorm)",
        "scores": (
            f"on the first {SCORED} training images; sparsity layer by layer; the output layer keeps its"
            " units; agreement with the oracle on other training images"
        ),
        "pull": f"2 epochs on {TUNED} training images, {PULL} |gamma| + {DECAY} w**2, rate from 0.05",
        "fine-tune": (
            f"1 epoch on {TUNED} training images, SGD momentum 0.9, batch 128, cosine rate from {LR}; last"
            " epoch"
        ),
        "accuracy": ("percent, on the validation split; before and after the fine-tune"),
    }

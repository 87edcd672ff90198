"""What do newer criteria do on the course's networks? (notebook 03.5; about ten minutes on one core)

Five LeNet5, single weights, as pruned and after the fine-tune of ``criteria_compared``. "layer": the same
fraction of every layer. "row": of every output unit. "global": one ranking of all layers. "100 rounds": one
ranking, scored anew a hundred times, as SynFlow's paper asks. "OWL": a fraction for each layer."""

from dataclasses import dataclass

import torch
from torch import nn

from experiments._common import Configuration, first, mnist
from experiments._criteria import SCORED, TUNED, pruned_and_tuned
from prunelab import criteria
from prunelab.masks import apply_masks, mask_model
from prunelab.models import SEEDS, load_pretrained
from prunelab.schedules import iterative

SPARSITIES, TUNED_AT = (0.5, 0.8, 0.9), (0.9,)
REACH = {0.5: 0.08, 0.8: 0.08, 0.9: 0.05}  # of OWL; 0.08 around 90 % would take more than all of a layer
METHODS = {
    "magnitude": ("layer", "global", "OWL"),
    "LAMP": ("global",),
    "Wanda": ("layer", "row", "OWL"),
    "RIA": ("layer", "row", "OWL"),
    "movement": ("layer", "global"),
    "GraSP": ("layer", "global"),
    "SynFlow": ("layer", "global", "100 rounds"),
}


def scored(name: str, model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the scores on the images that the board uses; movement trains on as many as the fine-tune."""
    images = TUNED if name == "movement" else SCORED
    return criteria.CRITERIA[name].function(model, first(mnist().train, images))


def masks_of(
    name: str, scope: str, sparsity: float, model: nn.Module, scores: dict
) -> dict[str, torch.Tensor]:
    if scope == "OWL":
        ratios = criteria.owl_sparsities(model, first(mnist().train, SCORED), sparsity, reach=REACH[sparsity])
        return mask_model(scores, ratios)
    if scope != "100 rounds":
        return mask_model(scores, sparsity, {"row": "output"}.get(scope, scope))
    masks: dict[str, torch.Tensor] = {}
    for reached in iterative(sparsity, 100):
        scores = scored(name, model)
        # no score is negative, so what is gone stays gone
        scores = {n: s.masked_fill(~masks[n], -1) if masks else s for n, s in scores.items()}
        masks = mask_model(scores, reached, "global")
        apply_masks(model, masks)
    return masks


@dataclass(frozen=True)
class Run(Configuration):
    seed: int
    criterion: str

    def measure(self) -> list[dict]:
        scores, rows = scored(self.criterion, load_pretrained("lenet5", self.seed)), []
        for scope in METHODS[self.criterion]:
            for sparsity in SPARSITIES:
                masks = masks_of(
                    self.criterion, scope, sparsity, load_pretrained("lenet5", self.seed), scores
                )
                model = load_pretrained("lenet5", self.seed)
                reached = pruned_and_tuned(model, masks, sparsity in TUNED_AT, self.seed)
                kept = {name: round(float(mask.double().mean()), 4) for name, mask in masks.items()}
                rows.append({"scope": scope, "sparsity": sparsity, "kept": kept} | reached)
        return rows


def configurations() -> list[Configuration]:
    return [Run(seed=seed, criterion=name) for seed in SEEDS for name in METHODS]


def provenance() -> dict:
    return {
        "networks": "lenet5 seeds 0 to 4",
        "scores": (
            f"on the first {SCORED} training images; movement: one epoch on {TUNED}, rate from 0.02; OWL:"
            " outliers beyond 5 times the mean score of Wanda, reach 0.08, at 90 % 0.05"
        ),
        "fine-tune": f"at 90 %: 1 epoch on {TUNED} training images, as in criteria_compared",
        "accuracy": "percent, on the validation split, before and after the fine-tune",
        "kept": "share of each layer",
    }

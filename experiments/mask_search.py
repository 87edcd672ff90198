"""Can luck, or a search, do what a score does? (notebook 03.4; about two minutes on one core)

Five LeNet5 lose half of the units of every layer: the best of 200 random sets, the best of 200 sets of an
evolutionary search, both by their loss on 500 training images, and the sets of three scores that saw the same
images. ``loss`` is that on these images, ``valid`` the accuracy on the first 2,000 validation images in
percent; ``mean`` and ``sigma`` are those of the losses of the 200 random sets."""

from dataclasses import dataclass

import torch

from experiments._common import Configuration, first, mnist
from prunelab.criteria import CRITERIA, evolve, masked_loss, random_search, unit_masks
from prunelab.masks import apply_masks, mask_model
from prunelab.models import SEEDS, load_pretrained
from prunelab.training import accuracy

SPARSITY, DRAWS, SEEN, JUDGED = 0.5, 200, 500, 2_000
GENERATIONS, POPULATION = 18, 20  # 200 sets, as many as are drawn at random
SCORES = ("filter L1", "Taylor", "reconstruction")


@dataclass(frozen=True)
class Run(Configuration):
    seed: int

    def measure(self) -> list[dict]:
        model, few = load_pretrained("lenet5", self.seed), first(mnist().train, SEEN)
        luck = random_search(model, few, SPARSITY, draws=DRAWS)
        found = evolve(model, few, SPARSITY, generations=GENERATIONS, population=POPULATION)
        assert len(found.losses) == DRAWS
        sets = {"random search": luck.masks, "evolution": found.masks}
        sets |= {name: mask_model(CRITERIA[name].function(model, few), SPARSITY) for name in SCORES}
        losses = torch.tensor(luck.losses)
        rows = []
        for way, masks in sets.items():
            pruned = load_pretrained("lenet5", self.seed)
            apply_masks(pruned, unit_masks(model, masks))
            valid = round(accuracy(pruned, first(mnist().valid, JUDGED)), 2)
            rows.append({"way": way, "loss": round(masked_loss(model, masks, few), 4), "valid": valid})
        rows[0] |= {"mean": round(float(losses.mean()), 4), "sigma": round(float(losses.std()), 4)}
        return rows


def configurations() -> list[Configuration]:
    return [Run(seed) for seed in SEEDS]


def provenance() -> dict:
    return {
        "networks": f"lenet5, seeds {SEEDS}",
        "recipe": (
            f"{SPARSITY:.0%} of the units of every layer but the last; {DRAWS} sets, evolution in"
            f" {GENERATIONS} generations of {POPULATION}; scores and losses on the first {SEEN} training"
            " images"
        ),
    }

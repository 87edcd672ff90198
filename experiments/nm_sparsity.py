"""What does 2:4 cost, beside 50 % unstructured? (notebook 06; about two minutes)

The stored networks are pruned both ways and fine-tuned under their masks. Accuracies in percent, on the
validation split."""

from dataclasses import dataclass

from experiments._common import Configuration, first, mnist
from prunelab.criteria import magnitude
from prunelab.masks import apply_masks, mask_model
from prunelab.models import load_pretrained
from prunelab.semi_structured import nm_mask
from prunelab.training import accuracy, train

EPOCHS, LR, EXAMPLES = 1, 0.02, 27_500
SEEDS = {"lenet300": (0, 1, 2, 3, 4), "lenet5_caffe": (0, 1, 2)}
PATTERNS = ("2:4", "unstructured 50 %")


def configurations() -> list[Configuration]:
    return [
        Run(network=name, seed=seed, pattern=pattern)
        for name in SEEDS
        for seed in SEEDS[name]
        for pattern in PATTERNS
    ]


@dataclass(frozen=True)
class Run(Configuration):
    """Prune the layers whose number of inputs 4 divides; the others stay dense."""

    network: str
    seed: int
    pattern: str

    def measure(self) -> dict:
        model = load_pretrained(self.network, self.seed)
        dense = accuracy(model, mnist().valid)
        scores = {name: score for name, score in magnitude(model).items() if score.shape[1] % 4 == 0}
        if self.pattern == "2:4":
            masks = {name: nm_mask(score, 2, 4) for name, score in scores.items()}
        else:
            masks = mask_model(scores, 0.5)
        apply_masks(model, masks)
        before = accuracy(model, mnist().valid)
        train(model, first(mnist().train, EXAMPLES), epochs=EPOCHS, lr=LR, masks=masks, seed=self.seed)
        return {"dense": dense, "before": before, "after": accuracy(model, mnist().valid)}


def provenance() -> dict:
    return {
        "networks": "data/checkpoints, seeds as listed",
        "recipe": (
            f"layers whose input count 4 divides; {EPOCHS} epoch on {EXAMPLES:,} images, lr {LR}, masks"
            " fixed; accuracy in percent on the validation split"
        ),
    }

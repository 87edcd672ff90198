"""How fast and how long should a fine-tune be? (notebook 04.2; about five minutes on one core)

Three trained LeNet5 lose filters and neurons by L1 norm, as in ``after_training``, and are fine-tuned under
their masks on the first 20,000 images: three learning rates, three lengths. The rate falls to zero with a
cosine in each. ``valid``: accuracy in percent on the validation split after the last epoch."""

from dataclasses import dataclass

from experiments._common import SGD, Configuration, first, mnist
from experiments.after_training import RATIOS, TUNED
from prunelab.criteria import filter_l1
from prunelab.masks import mask_model
from prunelab.models import SEEDS, load_pretrained
from prunelab.training import accuracy, train

NETWORKS = SEEDS[:3]
RATES, EPOCHS = (0.002, 0.02, 0.1), (1, 3, 9)


@dataclass(frozen=True)
class Run(Configuration):
    rate: float
    epochs: int
    seed: int

    def measure(self) -> dict:
        model = load_pretrained("lenet5", self.seed)
        masks = mask_model(filter_l1(model), RATIOS)
        data = first(mnist().train, TUNED)
        train(model, data, epochs=self.epochs, lr=self.rate, masks=masks, seed=self.seed)
        return {"valid": round(accuracy(model, mnist().valid), 2)}


def configurations() -> list[Configuration]:
    return [Run(rate, epochs, seed) for rate in RATES for epochs in EPOCHS for seed in NETWORKS]


def provenance() -> dict:
    return {
        "networks": f"lenet5, seeds {NETWORKS}",
        "ratios": RATIOS,
        "recipe": f"{TUNED} images an epoch under masks, {SGD} the rate named, last epoch",
    }

"""Train the networks in ``data/checkpoints``: four kinds, five seeds each (all notebooks; a quarter of an
hour with two jobs)

Every network starts from an initialisation of its own. Beside each checkpoint lies a JSON file with the
recipe, the scores and the checksum that ``prunelab.models.load_pretrained`` compares: row and provenance in
one, so that there is no file of results."""

from dataclasses import dataclass

import torch

from experiments._common import Configuration, accuracies, mnist
from prunelab.data import store_weights
from prunelab.models import CHECKPOINTS, MODELS, SEEDS
from prunelab.training import BATCH, MOMENTUM, train

EPOCHS = {"lenet5": 15, "lenet5_bn": 12, "lenet300": 12, "lenet5_caffe": 8}
LR = 0.05


def configurations() -> list[Configuration]:
    return [Run(model=name, seed=seed) for seed in SEEDS for name in MODELS]


@dataclass(frozen=True)
class Run(Configuration):
    """Train one network, store it with its card, and return the card."""

    model: str
    seed: int

    def measure(self) -> dict:
        torch.manual_seed(self.seed)
        network = MODELS[self.model]()
        history = train(network, mnist().train, epochs=EPOCHS[self.model], lr=LR, seed=self.seed)
        reached = accuracies(network)
        card = {
            "model": self.model,
            "seed": self.seed,
            "script": "experiments/checkpoints.py",
            "data": "MNIST, the 55,000 images of load_mnist().train, no augmentation",
            "recipe": (
                f"SGD momentum {MOMENTUM}, batch {BATCH}, cosine rate from {LR} to 0,"
                f" {EPOCHS[self.model]} epochs, last one kept"
            ),
            "train_loss": round(history[-1], 5),
            "valid_accuracy": reached["valid"],
            "test_accuracy": reached["test"],
        }
        return store_weights(CHECKPOINTS / f"{self.model}-seed{self.seed}.safetensors", network, card)

"""Train the capstone's stand-in -> ``data/checkpoints/capstone-seed0.safetensors`` and
``data/results/capstone.json``.

    python -m experiments capstone      about five minutes on one core

A small residual network on 20,000 images of MNIST made harder; accuracies in percent on the first 2,000 of
the validation and of the test split, made harder with seeds of their own."""

from dataclasses import dataclass

import torch

from experiments._common import Configuration
from prunelab.capstone import WEIGHTS, ResidualNet, harder
from prunelab.data import load_mnist, store_weights
from prunelab.training import accuracy, train

EXAMPLES, EPOCHS, LR = 20_000, 5, 0.1


@dataclass(frozen=True)
class Run(Configuration):
    seed: int

    def measure(self) -> dict:
        mnist = load_mnist()
        torch.manual_seed(self.seed)
        model = ResidualNet()
        train(model, harder(mnist.train, EXAMPLES, seed=1), epochs=EPOCHS, lr=LR, seed=self.seed)
        result = {
            "valid": round(accuracy(model, harder(mnist.valid, 2000, seed=2)), 2),
            "test": round(accuracy(model, harder(mnist.test, 2000, seed=3)), 2),
        }
        card = {
            "model": "capstone",
            "seed": self.seed,
            "script": "experiments/capstone.py",
            "data": f"the first {EXAMPLES} images of load_mnist().train, made harder with seed 1",
            "recipe": (
                f"SGD momentum 0.9, batch 128, cosine rate from {LR} to 0, {EPOCHS} epochs, last one kept"
            ),
            "valid_accuracy": result["valid"],
            "test_accuracy": result["test"],
        }
        store_weights(WEIGHTS, model, card)
        return result


def configurations() -> list[Configuration]:
    return [Run(seed=0)]


def provenance() -> dict:
    return {
        "networks": "prunelab.capstone.ResidualNet",
        "recipe": f"{EXAMPLES} images, {EPOCHS} epochs of SGD from {LR}",
    }

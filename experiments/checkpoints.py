"""Train the networks in ``data/checkpoints``: four kinds, five seeds each (all notebooks; a quarter of an
hour with two jobs)

Every network starts from an initialisation of its own. Beside each checkpoint lies a JSON file with the
recipe, the scores and the checksum that ``prunelab.models.load_pretrained`` compares: row and provenance in
one, so that there is no file of results."""

import torch

from experiments._common import accuracies, mnist
from prunelab.data import store_weights
from prunelab.models import CHECKPOINTS, MODELS, SEEDS
from prunelab.training import BATCH, MOMENTUM, train

EPOCHS = {"lenet5": 15, "lenet5_bn": 12, "lenet300": 12, "lenet5_caffe": 8}
LR = 0.05


def configurations() -> list[dict]:
    return [{"model": name, "seed": seed} for seed in SEEDS for name in MODELS]


def measure(model: str, seed: int) -> dict:
    """Train one network, store it with its card, and return the card."""
    torch.manual_seed(seed)
    network = MODELS[model]()
    history = train(network, mnist().train, epochs=EPOCHS[model], lr=LR, seed=seed)
    reached = accuracies(network)
    card = {
        "model": model,
        "seed": seed,
        "script": "experiments/checkpoints.py",
        "data": "MNIST, the 55,000 images of load_mnist().train, no augmentation",
        "recipe": (
            f"SGD momentum {MOMENTUM}, batch {BATCH}, cosine rate from {LR} to 0, {EPOCHS[model]} epochs,"
            " last one kept"
        ),
        "train_loss": round(history[-1], 5),
        "valid_accuracy": reached["valid"],
        "test_accuracy": reached["test"],
    }
    return store_weights(CHECKPOINTS / f"{model}-seed{seed}.safetensors", network, card)

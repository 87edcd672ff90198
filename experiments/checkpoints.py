"""Train the networks in ``data/checkpoints``: four kinds, five seeds each, every one from its own initialisation.

    python experiments/checkpoints.py [NAME ...]      all kinds, or the ones named (make checkpoints)

Two single-threaded workers share two cores; all of it takes about a quarter of an hour. Beside each checkpoint lies a JSON file
with the recipe, the scores and the checksum that ``prunelab.models.load_pretrained`` compares.
"""

import hashlib
import json
import sys

import torch
from joblib import Parallel, delayed
from safetensors.torch import save

from prunelab.data import load_mnist
from prunelab.models import CHECKPOINTS, MODELS, SEEDS
from prunelab.training import BATCH, MOMENTUM, accuracy, train

EPOCHS = {"lenet5": 15, "lenet5_bn": 12, "lenet300": 12, "lenet5_caffe": 8}
LR = 0.05


def checkpoint(name: str, seed: int) -> str:
    torch.set_num_threads(1)
    mnist = load_mnist()
    torch.manual_seed(seed)
    model = MODELS[name]()
    history = train(model, mnist.train, epochs=EPOCHS[name], lr=LR, seed=seed)
    raw = save(model.state_dict())
    card = {
        "model": name,
        "seed": seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "script": "experiments/checkpoints.py",
        "data": "MNIST, the 55,000 images of load_mnist().train, no augmentation",
        "recipe": f"SGD momentum {MOMENTUM}, batch {BATCH}, cosine rate from {LR} to 0, {EPOCHS[name]} epochs, last one kept",
        "torch": torch.__version__.split("+")[0],
        "train_loss": round(history[-1], 5),
        "valid_accuracy": round(accuracy(model, mnist.valid), 2),
        "test_accuracy": round(accuracy(model, mnist.test), 2),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    path = CHECKPOINTS / f"{name}-seed{seed}.safetensors"
    path.write_bytes(raw)
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
    return f"{path.name}: valid {card['valid_accuracy']:.2f} %, test {card['test_accuracy']:.2f} %"


if __name__ == "__main__":
    names = sys.argv[1:] or list(MODELS)
    jobs = [delayed(checkpoint)(name, seed) for seed in SEEDS for name in names]
    for line in Parallel(n_jobs=2, return_as="generator_unordered")(jobs):
        print(line, flush=True)

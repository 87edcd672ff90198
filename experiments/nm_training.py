"""Prune the stored networks to 2:4 and, for comparison, to 50 % unstructured; fine-tune with the masks; store the accuracies.

    python experiments/nm_training.py      writes data/results/nm_training.json (two minutes; make results NAME=nm_training)

Notebook 06 shows the result and repeats one of its rows. Nothing is chosen here, so every accuracy is that of the test split.
"""

import json

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.data import DATA, load_mnist
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import load_pretrained
from prunelab.semi_structured import nm_mask
from prunelab.training import accuracy, train

RESULT = DATA / "results" / "nm_training.json"
EPOCHS, LR, EXAMPLES = 1, 0.02, 27_500
SEEDS = {"lenet300": (0, 1, 2, 3, 4), "lenet5_caffe": (0, 1, 2)}


def eligible(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the weights whose number of inputs 4 divides; the others stay dense."""
    return {name: weight.detach() for name, weight in prunable(model).items() if weight.shape[1] % 4 == 0}


def row(network: str, seed: int, pattern: str, train_set: TensorDataset, test_set: TensorDataset) -> dict:
    """Prune one stored network to ``pattern`` ("2:4" or "unstructured 50 %") and return its accuracies in percent."""
    model = load_pretrained(network, seed)
    dense = accuracy(model, test_set)
    weights = eligible(model)
    if pattern == "2:4":
        masks = {name: nm_mask(weight, 2, 4) for name, weight in weights.items()}
    else:
        masks = mask_model({name: weight.abs() for name, weight in weights.items()}, 0.5, scope="layer")
    apply_masks(model, masks)
    before = accuracy(model, test_set)
    train(model, train_set, epochs=EPOCHS, lr=LR, masks=masks, seed=seed)
    after = accuracy(model, test_set)
    return {"network": network, "seed": seed, "pattern": pattern, "dense": dense, "before": before, "after": after}


def half(dataset: TensorDataset) -> TensorDataset:
    """Return the first 27,500 training images: enough for a short fine-tune."""
    return TensorDataset(*(tensor[:EXAMPLES] for tensor in dataset.tensors))


if __name__ == "__main__":
    torch.set_num_threads(1)
    mnist = load_mnist()
    rows = []
    for network, seeds in SEEDS.items():
        for seed in seeds:
            for pattern in ("2:4", "unstructured 50 %"):
                rows.append(row(network, seed, pattern, half(mnist.train), mnist.test))
                print(rows[-1], flush=True)
    provenance = {
        "script": "experiments/nm_training.py",
        "networks": "data/checkpoints, seeds as listed",
        "recipe": f"layers whose input count 4 divides; {EPOCHS} epoch on {EXAMPLES:,} images, lr {LR}, masks fixed",
        "torch": torch.__version__.split("+")[0],
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps({"provenance": provenance, "rows": rows}, indent=1) + "\n")

"""Run the experiments of notebook 01 and store them in ``data/results/concepts.json``.

    python experiments/concepts.py        about 12 minutes on one core; interrupted, it goes on where it stopped

Four questions, each over independently trained networks: magnitude against random pruning, L1 against L2 penalties,
"pruning generalises better", and "train with dropout, then prune". All accuracies are on the validation split, in percent,
except those called ``train``, which are on the images the network was trained on (the first 10,000 of them, if there are more).
"""

import copy
import json
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.data import DATA, load_mnist
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import MODELS, SEEDS, LeNet300, load_pretrained
from prunelab.training import accuracy, train

RESULTS = DATA / "results" / "concepts.json"
SPARSITIES = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0]
FINE_TUNED = [0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98]
PENALTIES = [("none", 0.0), ("l1", 1e-4), ("l1", 3e-4), ("l2", 3e-4), ("l2", 1e-3)]
EPOCHS = 5
FEW = 1_000


def pruned(model: nn.Module, sparsity: float, scope: str = "global", random: int | None = None) -> tuple[nn.Module, dict]:
    """Return a pruned copy and its masks; the scores are magnitudes, or random numbers from the seed ``random``."""
    if random is None:
        scores = {name: weight.detach().abs() for name, weight in prunable(model).items()}
    else:
        generator = torch.Generator().manual_seed(random)
        scores = {name: torch.rand(weight.shape, generator=generator) for name, weight in prunable(model).items()}
    masks = mask_model(scores, sparsity, scope)
    small = copy.deepcopy(model)
    apply_masks(small, masks)
    return small, masks


def with_dropout(seed: int) -> nn.Module:
    """Return an untrained LeNet300 with dropout 0.5 after each of its two hidden layers."""
    torch.manual_seed(seed)
    layers = LeNet300()
    return nn.Sequential(
        *[part for layer in layers for part in ((layer, nn.Dropout(0.5)) if isinstance(layer, nn.ReLU) else (layer,))]
    )


def magnitude_or_random(name: str, seed: int, scope: str, criterion: str) -> dict:
    model = load_pretrained(name, seed)
    random = seed if criterion == "random" else None
    return {"valid": [accuracy(pruned(model, s, scope, random)[0], MNIST.valid) for s in SPARSITIES]}


def prune_then_tune(model: nn.Module, data: TensorDataset, epochs: int, seed: int) -> dict:
    """Accuracy over FINE_TUNED sparsities: just pruned, and after ``epochs`` epochs of fine-tuning on ``data``."""
    seen = TensorDataset(*data[:10_000])
    record = {"train_before": [], "valid_before": [], "train": [], "valid": []}
    for s in FINE_TUNED:
        small, masks = pruned(model, s)
        record["train_before"].append(accuracy(small, seen))
        record["valid_before"].append(accuracy(small, MNIST.valid))
        train(small, data, epochs=epochs, masks=masks, seed=100 + seed)
        record["train"].append(accuracy(small, seen))
        record["valid"].append(accuracy(small, MNIST.valid))
    return record


def few_images(name: str, seed: int) -> dict:
    data = TensorDataset(*MNIST.train[FEW * seed : FEW * (seed + 1)])  # other images for every network
    torch.manual_seed(seed)
    model = MODELS[name]()
    train(model, data, epochs=60, seed=seed)
    return prune_then_tune(model, data, 20, seed)


def all_images(name: str, seed: int) -> dict:
    return prune_then_tune(load_pretrained(name, seed), MNIST.train, 1, seed)


def penalty(kind: str, strength: float, seed: int) -> dict:
    torch.manual_seed(seed)
    model = LeNet300()
    norms = {"none": lambda w: w.new_zeros(()), "l1": lambda w: w.abs().sum(), "l2": lambda w: w.square().sum()}
    term = None if kind == "none" else lambda net: strength * sum(norms[kind](w) for w in prunable(net).values())
    train(model, MNIST.train, epochs=EPOCHS, penalty=term, seed=seed)
    weights = torch.cat([w.detach().flatten() for w in prunable(model).values()])
    record = {"near_zero": float((weights.abs() < 1e-3).double().mean())}
    record["valid"] = [accuracy(pruned(model, s)[0], MNIST.valid) for s in SPARSITIES]
    record["tuned"] = {}
    for s in (0.95, 0.98):
        small, masks = pruned(model, s)
        train(small, MNIST.train, epochs=1, masks=masks, seed=100 + seed)
        record["tuned"][str(s)] = accuracy(small, MNIST.valid)
    return record


def dropout(rate: float, seed: int) -> dict:
    torch.manual_seed(seed)
    model = with_dropout(seed) if rate else LeNet300()
    train(model, MNIST.train, epochs=2 * EPOCHS, seed=seed)
    return {"valid": [accuracy(pruned(model, s)[0], MNIST.valid) for s in SPARSITIES]}


def jobs() -> Iterator[tuple[str, Callable, tuple]]:
    for seed in SEEDS:
        for name in ("lenet300", "lenet5"):
            for scope in ("layer", "global"):
                for criterion in ("magnitude", "random"):
                    yield "magnitude_or_random", magnitude_or_random, (name, seed, scope, criterion)
            yield "few_images", few_images, (name, seed)
        yield "all_images", all_images, ("lenet300", seed)
        for kind, strength in PENALTIES:
            yield "penalty", penalty, (kind, strength, seed)
        for rate in (0.0, 0.5):
            yield "dropout", dropout, (rate, seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    MNIST = load_mnist()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results["provenance"] = {
        "script": "experiments/concepts.py",
        "torch": torch.__version__.split("+")[0],
        "data": "MNIST; accuracy in percent on the 5,000 validation images, 'train' on images of the training split",
        "networks": "data/checkpoints, and networks trained by the script with SGD, momentum 0.9, batch 128, cosine rate from 0.05",
        "keys": {
            "magnitude_or_random": "network, seed, scope, criterion: one-shot, no fine-tuning, over sparsities",
            "few_images": "network, seed: trained 60 epochs on 1,000 images, pruned over fine_tuned, 20 epochs more",
            "all_images": "network, seed: the checkpoint, pruned over fine_tuned, 1 epoch more",
            "penalty": f"kind, strength, seed: LeNet300 trained {EPOCHS} epochs with the penalty, pruned over sparsities",
            "dropout": f"rate, seed: LeNet300 trained {2 * EPOCHS} epochs with dropout, pruned over sparsities",
        },
        "sparsities": SPARSITIES,
        "fine_tuned": FINE_TUNED,
    }
    for experiment, function, arguments in jobs():
        key = " ".join(map(str, arguments))
        done = results.setdefault(experiment, {})
        if key in done:
            continue
        done[key] = function(*arguments)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        print(experiment, key, flush=True)

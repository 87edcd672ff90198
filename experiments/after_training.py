"""Pruned and fine-tuned against trained small from scratch -> ``data/results/after_training.json`` (notebook 04.2).

    python experiments/after_training.py      about five minutes on one core; an interrupted run goes on where it stopped

Five trained LeNet5 lose filters by L1 norm and are fine-tuned under their masks; the best epoch is chosen on the validation split.
Beside each stands a network of exactly the size that is left, trained from a new initialisation for as long as the fine-tune took,
and for as long as the first network had been trained. Accuracies in percent; test is read once for each network reported.
"""

import torch

from prunelab import sweep
from prunelab.criteria import filter_l1
from prunelab.data import DATA, load_mnist
from prunelab.masks import apply_masks, mask_model
from prunelab.models import MODELS, SEEDS, load_pretrained
from prunelab.surgery import remove_filters
from prunelab.training import accuracy, steps_per_epoch, train

RESULTS = DATA / "results" / "after_training.json"
PARTS = RESULTS.with_suffix(".partial.jsonl")
RATIOS = {"conv1.weight": 1 / 3, "conv2.weight": 0.5, "fc1.weight": 0.6, "fc2.weight": 0.5}
EPOCHS, LR = 3, 0.02
SCRATCH_EPOCHS, SCRATCH_LR = 15, 0.05  # as the first networks were trained
MNIST = load_mnist()


def fine_tuned(seed: int) -> dict:
    """Prune, fine-tune under the masks, keep the best epoch of the validation split."""
    model = load_pretrained("lenet5", seed)
    masks = mask_model(filter_l1(model), RATIOS)
    result = {"dense": round(accuracy(model, MNIST.test), 2)}
    apply_masks(model, masks)
    result["pruned"] = round(accuracy(model, MNIST.test), 2)
    epochs = []

    def remember(model: torch.nn.Module, step: int) -> None:
        if step % steps_per_epoch(MNIST.train) == 0:
            apply_masks(model, masks)  # momentum has just moved the pruned weights
            state = {name: value.clone() for name, value in model.state_dict().items()}
            epochs.append((accuracy(model, MNIST.valid), state))

    train(model, MNIST.train, epochs=EPOCHS, lr=LR, masks=masks, on_step=remember, seed=seed)
    best = max(range(EPOCHS), key=lambda epoch: epochs[epoch][0])
    model.load_state_dict(epochs[best][1])
    return result | {"valid": [round(v, 2) for v, _ in epochs], "fine-tuned": round(accuracy(model, MNIST.test), 2)}


def from_scratch(seed: int, epochs: int, lr: float) -> float:
    """Train a network of the size that pruning leaves, from an initialisation of its own."""
    torch.manual_seed(100 + seed)
    model = MODELS["lenet5"]()
    model = remove_filters(model, mask_model(filter_l1(model), RATIOS))
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()  # drawn for the small size, nothing of the large one is left
    train(model, MNIST.train, epochs=epochs, lr=lr, seed=seed)
    return round(accuracy(model, MNIST.test), 2)


def measure(seed: int) -> dict:
    return fine_tuned(seed) | {
        "scratch, same epochs": from_scratch(seed, EPOCHS, SCRATCH_LR),
        "scratch, as long as the first": from_scratch(seed, SCRATCH_EPOCHS, SCRATCH_LR),
    }


def main() -> None:
    records = sweep.run(measure, {"seed": SEEDS}, PARTS, n_jobs=1)
    rows = sweep.rows(records)
    provenance = {
        "script": "experiments/after_training.py",
        "torch": torch.__version__.split("+")[0],
        "networks": f"lenet5, seeds {SEEDS}",
        "ratios": RATIOS,
        "recipe": f"filters and neurons by L1 norm; {EPOCHS} epochs of SGD, momentum 0.9, batch 128, cosine learning rate from "
        f"{LR} under masks, best epoch on the validation split; scratch: {EPOCHS} and {SCRATCH_EPOCHS} epochs from {SCRATCH_LR}, "
        "last epoch",
    }
    sweep.store(RESULTS, provenance, {"rows": rows})
    PARTS.unlink()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

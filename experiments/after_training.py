"""Pruned and fine-tuned, or trained small from scratch? (notebook 04.2; about five minutes on one core)

Five trained LeNet5 lose filters by L1 norm and are fine-tuned under their masks on the first 20,000 images;
the best epoch is chosen on the validation split. Beside each stands a network of exactly the size that is
left, trained from a new initialisation for as long as the fine-tune took, and for as long as the first
network had been trained: 15 epochs of all 55,000 images. Accuracies in percent; all on the validation split.
"""

from dataclasses import dataclass

import torch
from torch.utils.data import TensorDataset

from experiments._common import SGD, Configuration, first, mnist
from prunelab.criteria import filter_l1
from prunelab.masks import apply_masks, mask_model
from prunelab.models import SEEDS, LeNet5, load_pretrained
from prunelab.surgery import remove_filters
from prunelab.training import accuracy, steps_per_epoch, train

RATIOS = {"conv1.weight": 1 / 3, "conv2.weight": 0.5, "fc1.weight": 0.6, "fc2.weight": 0.5}
EPOCHS, LR, TUNED = 3, 0.02, 20_000
SCRATCH_EPOCHS, SCRATCH_LR = 15, 0.05  # as the first networks were trained


def fine_tuned(seed: int) -> dict:
    """Prune, fine-tune under the masks, keep the best epoch of the validation split."""
    model, data = load_pretrained("lenet5", seed), first(mnist().train, TUNED)
    masks = mask_model(filter_l1(model), RATIOS)
    result = {"dense": round(accuracy(model, mnist().valid), 2)}
    apply_masks(model, masks)
    result["pruned"] = round(accuracy(model, mnist().valid), 2)
    epochs = []

    def remember(model: torch.nn.Module, step: int) -> None:
        if step % steps_per_epoch(data) == 0:
            apply_masks(model, masks)  # momentum has just moved the pruned weights
            state = {name: value.clone() for name, value in model.state_dict().items()}
            epochs.append((accuracy(model, mnist().valid), state))

    train(model, data, epochs=EPOCHS, lr=LR, masks=masks, on_step=remember, seed=seed)
    best = max(range(EPOCHS), key=lambda epoch: epochs[epoch][0])
    model.load_state_dict(epochs[best][1])
    return result | {
        "valid": [round(v, 2) for v, _ in epochs],
        "fine-tuned": round(accuracy(model, mnist().valid), 2),
    }


def from_scratch(seed: int, data: TensorDataset, epochs: int) -> float:
    """Train a network of the size that pruning leaves, from an initialisation of its own."""
    torch.manual_seed(100 + seed)
    model = LeNet5()
    model = remove_filters(model, mask_model(filter_l1(model), RATIOS))
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()  # drawn for the small size, nothing of the large one is left
    train(model, data, epochs=epochs, lr=SCRATCH_LR, seed=seed)
    return round(accuracy(model, mnist().valid), 2)


def configurations() -> list[Configuration]:
    return [Run(seed=seed) for seed in SEEDS]


@dataclass(frozen=True)
class Run(Configuration):
    seed: int

    def measure(self) -> dict:
        return fine_tuned(self.seed) | {
            "scratch, same epochs": from_scratch(self.seed, first(mnist().train, TUNED), EPOCHS),
            "scratch, as long as the first": from_scratch(self.seed, mnist().train, SCRATCH_EPOCHS),
        }


def provenance() -> dict:
    return {
        "networks": f"lenet5, seeds {SEEDS}",
        "ratios": RATIOS,
        "recipe": (
            f"filters and neurons by L1 norm; {EPOCHS} epochs of {TUNED} images under masks, {SGD} {LR}, best"
            f" epoch on the validation split; scratch: as much from {SCRATCH_LR}, and {SCRATCH_EPOCHS} epochs"
            " of all images, last epoch"
        ),
    }

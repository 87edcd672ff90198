"""LeNet300 with fewer weights, fewer neurons, or 2:4: what is left of its accuracy? (notebook 07.2; about
five minutes)

Five independently trained networks, pruned in three ways: single weights by a gradual schedule (to 95 % and
to 98 %), whole neurons, and 2:4. Accuracies are in percent, on the validation split and (for the reported
number) on the test split."""

from dataclasses import dataclass

from torch import nn

from experiments._common import Configuration, accuracies, mnist
from prunelab.criteria import filter_l2, magnitude
from prunelab.masks import apply_masks, mask_model, prunable, sparsity
from prunelab.models import SEEDS, load_pretrained
from prunelab.schedules import cubic
from prunelab.semi_structured import nm_mask
from prunelab.surgery import remove_filters
from prunelab.training import steps_per_epoch, train

EVERY = 50  # steps between two looks at the schedule
GRADUAL = {"weights 95 %": (0.95, 8), "weights 98 %": (0.98, 12)}  # sparsity, epochs
LR = 0.1
NEURONS = {"fc1.weight": 0.8, "fc2.weight": 0.5}  # 300 -> 60 and 100 -> 50
TUNE_EPOCHS, TUNE_LR = 3, 0.05


def gradual(model: nn.Module, final: float, epochs: int, seed: int) -> nn.Module:
    """Prune ``model`` in place: global magnitude, the cubic schedule over the first 60 % of the training,
    then fine-tuning.
    """
    masks, end = {}, round(0.6 * epochs * steps_per_epoch(mnist().train))

    def prune(model: nn.Module, step: int) -> None:
        if step <= end and (step % EVERY == 0 or step == end):
            masks.update(mask_model(magnitude(model), cubic(step, 0, end, final), scope="global"))

    train(model, mnist().train, epochs=epochs, lr=LR, masks=masks, on_step=prune, seed=seed)
    return model


def removed(model: nn.Module, seed: int) -> nn.Module:
    """Return a smaller network: neurons with the smallest norm of incoming weights removed, then
    fine-tuned.
    """
    small = remove_filters(model, mask_model(filter_l2(model), NEURONS))
    train(small, mnist().train, epochs=TUNE_EPOCHS, lr=TUNE_LR, seed=seed)
    return small


def two_of_four(model: nn.Module, seed: int) -> nn.Module:
    """Prune ``model`` to 2:4 in place and fine-tune it."""
    masks = {name: nm_mask(score, 2, 4) for name, score in magnitude(model).items()}
    apply_masks(model, masks)
    train(model, mnist().train, epochs=TUNE_EPOCHS, lr=TUNE_LR, masks=masks, seed=seed)
    return model


def configurations() -> list[Configuration]:
    kinds = ("dense", "weights 95 %", "2:4", "neurons", "weights 98 %")
    return [Run(kind=kind, seed=seed) for kind in kinds for seed in SEEDS]


@dataclass(frozen=True)
class Run(Configuration):
    kind: str
    seed: int

    def measure(self) -> dict:
        model = load_pretrained("lenet300", self.seed)
        if self.kind in GRADUAL:
            model = gradual(model, *GRADUAL[self.kind], self.seed)
        elif self.kind != "dense":
            model = {"neurons": removed, "2:4": two_of_four}[self.kind](model, self.seed)
        weights = sum(weight.numel() for weight in prunable(model).values())
        return accuracies(model) | {"weights": weights, "sparsity": round(sparsity(model), 6)}


def provenance() -> dict:
    return {
        "networks": f"data/checkpoints, lenet300, seeds {SEEDS}",
        "recipe": (
            f"SGD momentum 0.9, batch 128, cosine; gradual: lr {LR}, cubic over 60 % of {GRADUAL}, global"
            f" magnitude; neurons {NEURONS} and 2:4: {TUNE_EPOCHS} epochs at lr {TUNE_LR}"
        ),
    }

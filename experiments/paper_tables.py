"""Do the two classic networks keep their accuracy when pruned as Han et al. did? (notebook 08; about ten
minutes on one core)

Each layer keeps the percentage that the paper reports for it, by magnitude: LeNet300 in one shot and in three
rounds, LeNet5Caffe in one shot, then trained on with the masks. Five trained networks of each kind. Errors in
percent, on the validation and the test split. The pruned LeNet5Caffe of seed 0 is kept as a sparse file,
``data/records/han-lenet5_caffe-seed0.safetensors``."""

from dataclasses import dataclass

from experiments._common import SGD, Configuration, errors, mnist
from prunelab.criteria import magnitude
from prunelab.masks import apply_masks, mask_model
from prunelab.models import SEEDS, load_pretrained
from prunelab.records import HAN, RECORDS
from prunelab.storage import save_sparse
from prunelab.training import train

EPOCHS = {"lenet300": 9, "lenet5_caffe": 3}
LR = 0.05


def configurations() -> list[Configuration]:
    kinds = (("lenet300", 1), ("lenet300", 3), ("lenet5_caffe", 1))
    return [Run(network=network, seed=seed, rounds=rounds) for network, rounds in kinds for seed in SEEDS]


@dataclass(frozen=True)
class Run(Configuration):
    """Prune to the paper's percentages in ``rounds`` rounds, each with its share of the epochs."""

    network: str
    seed: int
    rounds: int

    def measure(self) -> dict:
        model = load_pretrained(self.network, self.seed)
        result = {"dense": errors(model)}
        for done in range(1, self.rounds + 1):
            ratios = {
                f"{layer}.weight": 1 - (keep / 100) ** (done / self.rounds)
                for layer, keep in HAN[self.network].items()
            }
            masks = mask_model(magnitude(model), ratios)
            apply_masks(model, masks)
            if done == 1:
                result["pruned"] = errors(model)
            train(
                model,
                mnist().train,
                epochs=EPOCHS[self.network] // self.rounds,
                lr=LR,
                masks=masks,
                seed=100 * done + self.seed,
            )
        if self.network == "lenet5_caffe" and self.seed == 0:
            save_sparse(model, RECORDS / "han-lenet5_caffe-seed0.safetensors")
        return result | {"kept": sum(int(mask.sum()) for mask in masks.values()), "trained": errors(model)}


def provenance() -> dict:
    return {
        "networks": f"data/checkpoints, seeds {SEEDS}",
        "recipe": (
            f"weights kept per layer in percent: {HAN}, by magnitude; {EPOCHS} epochs in all, in equal shares"
            f" after each round: {SGD} {LR}"
        ),
    }

"""Prune the two classic networks as Han et al. did -> ``data/results/paper_tables.json`` (notebook 08).

    python experiments/paper_tables.py      about ten minutes on one core; an interrupted run goes on where it stopped

Each layer keeps the percentage that the paper reports for it, by magnitude: LeNet300 in one shot and in three rounds, LeNet5Caffe
in one shot, then trained on with the masks. Five trained networks of each kind. Errors in percent, on the validation and the test
split. The pruned LeNet5Caffe of seed 0 is kept as a sparse file, ``data/records/han-lenet5_caffe-seed0.safetensors``.
"""

import torch

from prunelab import sweep
from prunelab.data import DATA, load_mnist
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import SEEDS, load_pretrained
from prunelab.records import HAN, RECORDS
from prunelab.storage import save_sparse
from prunelab.training import accuracy, train

RESULTS = DATA / "results" / "paper_tables.json"
PARTS = RESULTS.with_suffix(".partial.jsonl")
EPOCHS = {"lenet300": 9, "lenet5_caffe": 3}
LR = 0.05
MNIST = load_mnist()


def errors(model: torch.nn.Module) -> dict[str, float]:
    return {split: round(100 - accuracy(model, getattr(MNIST, split)), 2) for split in ("valid", "test")}


def measure(network: str, seed: int, rounds: int) -> dict:
    """Prune to the paper's percentages in ``rounds`` rounds, each with its share of the epochs."""
    model = load_pretrained(network, seed)
    result = {"dense": errors(model)}
    for done in range(1, rounds + 1):
        ratios = {f"{layer}.weight": 1 - (keep / 100) ** (done / rounds) for layer, keep in HAN[network].items()}
        masks = mask_model({name: weight.detach().abs() for name, weight in prunable(model).items()}, ratios)
        apply_masks(model, masks)
        if done == 1:
            result["pruned"] = errors(model)
        train(model, MNIST.train, epochs=EPOCHS[network] // rounds, lr=LR, masks=masks, seed=100 * done + seed)
    if network == "lenet5_caffe" and seed == 0:
        save_sparse(model, RECORDS / "han-lenet5_caffe-seed0.safetensors")
    return result | {"kept": sum(int(mask.sum()) for mask in masks.values()), "trained": errors(model)}


def main() -> None:
    RECORDS.mkdir(exist_ok=True)
    kinds = (("lenet300", 1), ("lenet300", 3), ("lenet5_caffe", 1))
    grid = [{"network": network, "seed": seed, "rounds": rounds} for network, rounds in kinds for seed in SEEDS]
    rows = sweep.rows(sweep.run(measure, grid, PARTS, n_jobs=1))
    provenance = {
        "script": "experiments/paper_tables.py",
        "torch": torch.__version__.split("+")[0],
        "networks": f"data/checkpoints, seeds {SEEDS}",
        "recipe": f"weights kept per layer in percent: {HAN}, by magnitude; {EPOCHS} epochs in all, in equal shares after each "
        f"round: SGD, momentum 0.9, batch 128, cosine learning rate from {LR}",
    }
    sweep.store(RESULTS, provenance, {"rows": rows})
    PARTS.unlink()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

"""Run the experiments of notebook 07.2 and store them in ``data/results/sparse_lenet300.json``.

    python experiments/sparse_lenet300.py        about 5 minutes on one core; interrupted, it goes on where it stopped

LeNet300, five independently trained networks, pruned in three ways: single weights by a gradual schedule (to 95 % and to 98 %),
whole neurons, and 2:4. Accuracies are in percent, on the validation split and (for the reported number) on the test split.
"""

import json

import torch
from torch import nn

from prunelab.data import DATA, load_mnist
from prunelab.granularity import group_scores
from prunelab.masks import apply_masks, mask_model, prunable, sparsity
from prunelab.models import SEEDS, load_pretrained
from prunelab.schedules import cubic
from prunelab.semi_structured import nm_mask
from prunelab.surgery import remove_filters
from prunelab.training import accuracy, steps_per_epoch, train

RESULTS = DATA / "results" / "sparse_lenet300.json"
EVERY = 50  # steps between two looks at the schedule
GRADUAL = {"weights 95 %": (0.95, 8), "weights 98 %": (0.98, 12)}  # sparsity, epochs
LR = 0.1
NEURONS = {"fc1.weight": 0.8, "fc2.weight": 0.5}  # 300 -> 60 and 100 -> 50
TUNE_EPOCHS, TUNE_LR = 3, 0.05


def gradual(model: nn.Module, mnist, final: float, epochs: int, seed: int) -> nn.Module:
    """Prune ``model`` in place: global magnitude, the cubic schedule over the first 60 % of the training, then fine-tuning."""
    masks, end = {}, round(0.6 * epochs * steps_per_epoch(mnist.train))

    def prune(model: nn.Module, step: int) -> None:
        if step <= end and (step % EVERY == 0 or step == end):
            scores = {name: weight.detach().abs() for name, weight in prunable(model).items()}
            masks.update(mask_model(scores, cubic(step, 0, end, final), scope="global"))

    train(model, mnist.train, epochs=epochs, lr=LR, masks=masks, on_step=prune, seed=seed)
    return model


def removed(model: nn.Module, mnist, seed: int) -> nn.Module:
    """Return a smaller network: neurons with the smallest norm of incoming weights removed, then fine-tuned."""
    weights = {name: weight.detach() for name, weight in prunable(model).items() if name in NEURONS}
    scores = {name: group_scores(weight, "filter") for name, weight in weights.items()}
    small = remove_filters(model, mask_model(scores, NEURONS))
    train(small, mnist.train, epochs=TUNE_EPOCHS, lr=TUNE_LR, seed=seed)
    return small


def two_of_four(model: nn.Module, mnist, seed: int) -> nn.Module:
    """Prune ``model`` to 2:4 in place and fine-tune it."""
    masks = {name: nm_mask(weight.detach(), 2, 4) for name, weight in prunable(model).items()}
    apply_masks(model, masks)
    train(model, mnist.train, epochs=TUNE_EPOCHS, lr=TUNE_LR, masks=masks, seed=seed)
    return model


def run(kind: str, seed: int, mnist) -> dict:
    model = load_pretrained("lenet300", seed)
    if kind in GRADUAL:
        gradual(model, mnist, *GRADUAL[kind], seed)
    elif kind == "neurons":
        model = removed(model, mnist, seed)
    elif kind == "2:4":
        two_of_four(model, mnist, seed)
    return {
        "valid": round(accuracy(model, mnist.valid), 2),
        "test": round(accuracy(model, mnist.test), 2),
        "weights": sum(weight.numel() for weight in prunable(model).values()),
        "sparsity": round(sparsity(model), 6),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    mnist = load_mnist()
    stored = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {"runs": {}}
    stored["provenance"] = {
        "script": "experiments/sparse_lenet300.py",
        "torch": torch.__version__.split("+")[0],
        "networks": [f"data/checkpoints/lenet300-seed{seed}.safetensors" for seed in SEEDS],
        "recipe": f"SGD momentum 0.9, batch 128, cosine; gradual: lr {LR}, cubic over 60 % of {GRADUAL}, global magnitude; "
        f"neurons {NEURONS} and 2:4: {TUNE_EPOCHS} epochs at lr {TUNE_LR}",
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS:
        for kind in ("dense", "weights 95 %", "2:4", "neurons", "weights 98 %"):
            if str(seed) not in stored["runs"].setdefault(kind, {}):
                stored["runs"][kind][str(seed)] = result = run(kind, seed, mnist)
                RESULTS.write_text(json.dumps(stored, indent=1) + "\n")
                print(kind, seed, result, flush=True)

"""Accuracy by granularity at equal sparsity -> ``data/results/granularity.json`` (notebook 02).

    python experiments/granularity.py      about 8 minutes on one core; an interrupted run goes on where it stopped

The second convolution of LeNet-5-Caffe, (50, 20, 5, 5), is pruned in groups of every granularity, by L2 norm and at random, in
three trained networks; every other layer stays dense. What is pruned by norm is also fine-tuned for a moment. All scores are on the
test split.
"""

import copy
import json

import torch
from torch.utils.data import TensorDataset

from prunelab.data import DATA, Mnist, load_mnist
from prunelab.granularity import GRANULARITIES, group_scores
from prunelab.masks import apply_masks, expand_masks, keep_top, sparsity
from prunelab.models import load_pretrained
from prunelab.semi_structured import nm_mask
from prunelab.training import accuracy, train

RESULTS = DATA / "results" / "granularity.json"
NETWORK, SEEDS, LAYER = "lenet5_caffe", (0, 1, 2), "conv2.weight"
SPARSITIES = (0.5, 0.75, 0.9, 0.95)
PATTERNS = {0.5: (2, 4), 0.75: (1, 4)}  # the N:M patterns with these sparsities, along the input channels
IMAGES, EPOCHS, LR = 5_000, 1, 0.02  # the short fine-tune


def mask_of(weight: torch.Tensor, granularity: str, asked: float, score: str, seed: int) -> torch.Tensor:
    groups = group_scores(weight, "weight" if granularity == "pattern" else granularity)
    if score == "random":
        groups = torch.rand(groups.shape, generator=torch.Generator().manual_seed(seed))
    return nm_mask(groups, *PATTERNS[asked]) if granularity == "pattern" else keep_top(groups, asked)


def measure(dense: torch.nn.Module, mnist: Mnist, seed: int, granularity: str, asked: float, score: str) -> dict:
    model = copy.deepcopy(dense)
    masks = {LAYER: mask_of(dense.get_parameter(LAYER), granularity, asked, score, seed)}
    apply_masks(model, masks)
    row = {"seed": seed, "granularity": granularity, "asked": asked, "score": score}
    row["reached"] = round(sparsity(expand_masks(model, masks)), 4)
    row["before"] = round(accuracy(model, mnist.test), 2)
    if score == "norm":
        few = TensorDataset(*(t[:IMAGES] for t in mnist.train.tensors))
        train(model, few, epochs=EPOCHS, lr=LR, masks=masks, seed=seed)
        row["after"] = round(accuracy(model, mnist.test), 2)
    return row


def configurations() -> list[tuple[str, float, str]]:
    norm = [(g, s, "norm") for g in GRANULARITIES if g != "layer" for s in SPARSITIES]
    norm += [("pattern", s, "norm") for s in PATTERNS] + [("layer", 1.0, "norm")]
    return norm + [(g, 0.5, "random") for g in (*GRANULARITIES[:-1], "pattern")]


def main() -> None:
    torch.set_num_threads(1)
    mnist = load_mnist()
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"provenance": {"dense": {}}, "rows": []}
    rows, dense_accuracy = stored["rows"], stored["provenance"]["dense"]
    done = {(r["seed"], r["granularity"], r["asked"], r["score"]) for r in rows}
    RESULTS.parent.mkdir(exist_ok=True)
    for seed in SEEDS:
        dense = load_pretrained(NETWORK, seed)
        dense_accuracy[str(seed)] = round(accuracy(dense, mnist.test), 2)
        provenance = {
            "script": "experiments/granularity.py",
            "torch": torch.__version__.split("+")[0],
            "networks": f"{NETWORK}, seeds {SEEDS}",
            "layer": LAYER,
            "recipe": f"groups with the lowest L2 norm (or random ones) pruned at once; fine-tuned for {EPOCHS} epoch on the first "
            f"{IMAGES:,} training images with SGD, momentum 0.9, batch 128, cosine learning rate from {LR}; test accuracy in %",
            "dense": dense_accuracy,
        }
        for configuration in configurations():
            if (seed, *configuration) not in done:
                rows.append(measure(dense, mnist, seed, *configuration))
                print(rows[-1], flush=True)
                RESULTS.write_text(json.dumps({"provenance": provenance, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

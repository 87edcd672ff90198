"""What does each shape of a hole cost at equal sparsity? (notebook 02; about eight minutes on one core)

The second convolution of LeNet-5-Caffe, (50, 20, 5, 5), is pruned in groups of every granularity, by L2 norm and at random, in
three trained networks; every other layer stays dense. What is pruned by norm is also fine-tuned for a moment. All scores are on the
test split.
"""

import torch

from experiments._common import SGD, first, mnist
from prunelab.granularity import GRANULARITIES, group_scores
from prunelab.masks import apply_masks, expand_masks, keep_top, sparsity
from prunelab.models import load_pretrained
from prunelab.semi_structured import nm_mask
from prunelab.training import accuracy, train

NETWORK, SEEDS, LAYER = "lenet5_caffe", (0, 1, 2), "conv2.weight"
SPARSITIES = (0.5, 0.75, 0.9, 0.95)
PATTERNS = {0.5: (2, 4), 0.75: (1, 4)}  # the N:M patterns with these sparsities, along the input channels
IMAGES, EPOCHS, LR = 5_000, 1, 0.02  # the short fine-tune


def configurations() -> list[dict]:
    norm = [(g, s, "norm") for g in GRANULARITIES if g != "layer" for s in SPARSITIES]
    norm += [("pattern", s, "norm") for s in PATTERNS] + [("layer", 1.0, "norm")]
    random = [(g, 0.5, "random") for g in (*GRANULARITIES[:-1], "pattern")]
    return [{"seed": seed, "granularity": g, "asked": s, "score": how} for seed in SEEDS for g, s, how in norm + random]


def mask_of(weight: torch.Tensor, granularity: str, asked: float, score: str, seed: int) -> torch.Tensor:
    groups = group_scores(weight, "weight" if granularity == "pattern" else granularity)
    if score == "random":
        groups = torch.rand(groups.shape, generator=torch.Generator().manual_seed(seed))
    return nm_mask(groups, *PATTERNS[asked]) if granularity == "pattern" else keep_top(groups, asked)


def measure(seed: int, granularity: str, asked: float, score: str) -> dict:
    model = load_pretrained(NETWORK, seed)
    masks = {LAYER: mask_of(model.get_parameter(LAYER), granularity, asked, score, seed)}
    apply_masks(model, masks)
    row = {"reached": round(sparsity(expand_masks(model, masks)), 4), "before": round(accuracy(model, mnist().test), 2)}
    if score == "norm":
        train(model, first(mnist().train, IMAGES), epochs=EPOCHS, lr=LR, masks=masks, seed=seed)
        row["after"] = round(accuracy(model, mnist().test), 2)
    return row


def provenance() -> dict:
    return {
        "networks": f"{NETWORK}, seeds {SEEDS}",
        "layer": LAYER,
        "recipe": f"groups with the lowest L2 norm (or random ones) pruned at once; fine-tuned for {EPOCHS} epoch on the first "
        f"{IMAGES:,} training images with {SGD} {LR}; test accuracy in %",
        "dense": {str(seed): round(accuracy(load_pretrained(NETWORK, seed), mnist().test), 2) for seed in SEEDS},
    }

"""What does each shape of a hole cost at equal sparsity? (notebook 02; about three minutes on one core)

The second convolution of LeNet5, (16, 6, 5, 5), is pruned in groups of every granularity, by L2 norm and at
random, in three trained networks; every other layer stays dense. What is pruned by norm is also fine-tuned
for a moment. All scores are on the validation split; ``bytes`` are those of this one layer, the kept values
and the index that says where they belong."""

import math

import torch

from experiments._common import SGD, first, mnist
from prunelab.granularity import GRANULARITIES, group_scores
from prunelab.masks import apply_masks, expand_masks, keep_top, sparsity
from prunelab.models import load_pretrained
from prunelab.semi_structured import nm_mask
from prunelab.training import accuracy, train

NETWORK, SEEDS, LAYER, WEIGHTS = "lenet5", (0, 1, 2), "conv2.weight", (16, 6, 5, 5)
SPARSITIES = (
    0.5,
    0.6667,
    0.8333,
    0.95,
)  # whole numbers of the 6 channels, and one that only the finer shapes can reach
PATTERNS = {
    0.5: (3, 6),
    0.6667: (2, 6),
    0.8333: (1, 6),
}  # N:M with these sparsities, along the 6 input channels
IMAGES, EPOCHS, LR = 5_000, 1, 0.02  # the short fine-tune


def configurations() -> list[dict]:
    norm = [
        (g, s, "norm")
        for g in GRANULARITIES
        for s in SPARSITIES
        if g != "layer" and (g, s) != ("channel", 0.95)
    ]
    norm += [("pattern", s, "norm") for s in PATTERNS] + [("layer", 1.0, "norm")]
    random = [(g, 0.5, "random") for g in (*GRANULARITIES[:-1], "pattern")]
    return [
        {"seed": seed, "granularity": g, "asked": s, "score": how}
        for seed in SEEDS
        for g, s, how in norm + random
    ]


def mask_of(weight: torch.Tensor, granularity: str, asked: float, score: str, seed: int) -> torch.Tensor:
    groups = group_scores(weight, "weight" if granularity == "pattern" else granularity)
    if score == "random":
        groups = torch.rand(groups.shape, generator=torch.Generator().manual_seed(seed))
    return nm_mask(groups, *PATTERNS[asked]) if granularity == "pattern" else keep_top(groups, asked)


def stored_bytes(mask: torch.Tensor, granularity: str, asked: float) -> int:
    """Return the bytes of the kept float32 values and of a bit for every group, or of a pattern's
    positions.
    """
    values = int(mask.expand(WEIGHTS).sum())
    bits = values * math.ceil(math.log2(PATTERNS[asked][1])) if granularity == "pattern" else mask.numel()
    return 4 * values + math.ceil(bits / 8)


def measure(seed: int, granularity: str, asked: float, score: str) -> dict:
    model = load_pretrained(NETWORK, seed)
    masks = {LAYER: mask_of(model.get_parameter(LAYER), granularity, asked, score, seed)}
    apply_masks(model, masks)
    row = {
        "reached": round(sparsity(expand_masks(model, masks)), 4),
        "bytes": stored_bytes(masks[LAYER], granularity, asked),
    }
    row["before"] = round(accuracy(model, mnist().valid), 2)
    if score == "norm":
        train(model, first(mnist().train, IMAGES), epochs=EPOCHS, lr=LR, masks=masks, seed=seed)
        row["after"] = round(accuracy(model, mnist().valid), 2)
    return row


def provenance() -> dict:
    return {
        "networks": f"{NETWORK}, seeds {SEEDS}",
        "layer": LAYER,
        "recipe": (
            f"groups with the lowest L2 norm (or random ones) pruned at once; fine-tuned for {EPOCHS} epoch"
            f" on the first {IMAGES:,} training images with {SGD} {LR}; validation accuracy in %"
        ),
        "dense": {
            str(seed): round(accuracy(load_pretrained(NETWORK, seed), mnist().valid), 2) for seed in SEEDS
        },
    }

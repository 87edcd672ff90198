"""What does each shape of a hole cost at equal sparsity? (notebook 02; about six minutes on one core)

The second convolution of LeNet5, (16, 6, 5, 5), is pruned in groups of every granularity, by L2 norm and at
random, in five trained networks; every other layer stays dense, but for "weight, fc1 too", where single
weights of the next layer go as well. What is pruned by norm is also fine-tuned for a moment. All scores are
on the validation split; ``bytes`` are those of this one layer, the kept values and the index that says where
they belong; ``file`` are those of the whole network, without what a removed filter or channel leaves idle
next to it."""

import math
from dataclasses import dataclass

import torch

from experiments._common import SGD, Configuration, first, mnist
from prunelab.granularity import GRANULARITIES, group_scores
from prunelab.masks import apply_masks, expand_masks, keep_top, sparsity
from prunelab.measure import bytes_on_disk
from prunelab.models import load_pretrained
from prunelab.semi_structured import nm_mask
from prunelab.training import accuracy, train

NETWORK, SEEDS, LAYER, WEIGHTS = "lenet5", (0, 1, 2, 3, 4), "conv2.weight", (16, 6, 5, 5)
NEXT, BOTH = "fc1.weight", "weight, fc1 too"
BESIDE = {  # numbers next to conv2 that a removed group leaves idle, and its bias
    "filter": 16 * 120 + 1,  # columns of fc1: its map of 4 x 4 places, read by 120 neurons
    "channel": 1 * 25 + 1,  # the filter of conv1 that made it
}
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


def configurations() -> list[Configuration]:
    norm = [
        (g, s, "norm")
        for g in GRANULARITIES
        for s in SPARSITIES
        if g != "layer" and (g, s) != ("channel", 0.95)
    ]
    norm += [("pattern", s, "norm") for s in PATTERNS] + [("layer", 1.0, "norm")]
    norm += [(BOTH, s, "norm") for s in SPARSITIES]
    random = [(g, 0.5, "random") for g in (*GRANULARITIES[:-1], "pattern")]
    return [
        Run(seed=seed, granularity=g, asked=s, score=how) for seed in SEEDS for g, s, how in norm + random
    ]


def mask_of(weight: torch.Tensor, granularity: str, asked: float, score: str, seed: int) -> torch.Tensor:
    groups = group_scores(weight, granularity if granularity in GRANULARITIES else "weight")
    if score == "random":
        groups = torch.rand(groups.shape, generator=torch.Generator().manual_seed(seed))
    return nm_mask(groups, *PATTERNS[asked]) if granularity == "pattern" else keep_top(groups, asked)


def stored_bytes(mask: torch.Tensor, shape: tuple[int, ...], granularity: str, asked: float) -> int:
    """Return the bytes of the kept float32 values and of their index: a bit for every group, or for every M
    weights of a pattern the number of its combination.
    """
    bits = mask.numel()
    if granularity == "pattern":
        n, m = PATTERNS[asked]
        bits = mask.numel() // m * math.ceil(math.log2(math.comb(m, n)))
    return 4 * int(mask.expand(shape).sum()) + math.ceil(bits / 8)


@dataclass(frozen=True)
class Run(Configuration):
    seed: int
    granularity: str
    asked: float
    score: str

    def measure(self) -> dict:
        model = load_pretrained(NETWORK, self.seed)
        dense = bytes_on_disk(model)
        names = (LAYER, NEXT) if self.granularity == BOTH else (LAYER,)
        weights = {name: model.get_parameter(name) for name in names}
        masks = {
            name: mask_of(weight, self.granularity, self.asked, self.score, self.seed)
            for name, weight in weights.items()
        }
        apply_masks(model, masks)
        stored = {
            name: stored_bytes(mask, weights[name].shape, self.granularity, self.asked)
            for name, mask in masks.items()
        }
        idle = 4 * BESIDE.get(self.granularity, 0) * int((~masks[LAYER]).sum())
        row = {
            "reached": round(sparsity(expand_masks(model, masks)), 4),
            "bytes": stored[LAYER],
            "file": dense - sum(4 * weights[name].numel() - stored[name] for name in names) - idle,
        }
        row["before"] = round(accuracy(model, mnist().valid), 2)
        if self.score == "norm":
            train(model, first(mnist().train, IMAGES), epochs=EPOCHS, lr=LR, masks=masks, seed=self.seed)
            row["after"] = round(accuracy(model, mnist().valid), 2)
        return row


def provenance() -> dict:
    return {
        "networks": f"{NETWORK}, seeds {SEEDS}",
        "layer": f"{LAYER}; with {NEXT} in '{BOTH}'",
        "recipe": (
            f"groups with the lowest L2 norm (or random ones) pruned at once; fine-tuned for {EPOCHS} epoch"
            f" on the first {IMAGES:,} training images with {SGD} {LR}; validation accuracy in %"
        ),
        "dense": {
            str(seed): round(accuracy(load_pretrained(NETWORK, seed), mnist().valid), 2) for seed in SEEDS
        },
    }

"""Which shape of a language model repairs best under a token budget? (notebook 10.2; ten minutes on one core)

Three trained models in the form of Llama, paired. Each loses a third of the weights of its blocks: layers,
neurons, neurons and groups of heads, or layers and neurons. It is repaired twice, on the same windows of
training text: by the text's characters, and by the predictions of the dense model. Beside it neurons drawn
at random, and a model of four layers that starts from nothing. Bits are those of the validation text.
"""

import copy
from dataclasses import dataclass

import torch
from torch import nn

from experiments._common import Configuration
from experiments.language_models import calibration, evaluated
from prunelab.criteria import wanda
from prunelab.language import CONTEXT, bits_per_character, train_decoder
from prunelab.llama import LLAMA_SEEDS, load_llama, new_llama, smaller_llama
from prunelab.masks import keep_top
from prunelab.text import load_text

STEPS, BATCH, LR = 64, 8, 1e-3  # 65,536 characters, of the 1,024,000 that the dense model read
FROM_NOTHING = 3e-3
# layers, neurons and groups of heads that stay; of 6, 256 and 2
SHAPES = {
    "layers": (4, 256, 2),
    "neurons": (6, 128, 2),
    "neurons and heads": (6, 192, 1),
    "layers and neurons": (5, 179, 2),
    "random neurons": (6, 128, 2),
}


def configurations() -> list[Configuration]:
    return [Repair(seed, shape) for seed in LLAMA_SEEDS for shape in (*SHAPES, "from nothing")]


@dataclass(frozen=True)
class Repair(Configuration):
    """Cut a model to a shape; its bits at once, repaired by the text, and repaired by the dense model."""

    seed: int
    shape: str

    def measure(self) -> list[dict]:
        text = load_text()
        if self.shape == "from nothing":
            small, repairs = new_llama(self.seed, num_hidden_layers=4), ("labels",)
            dense = None
        else:
            dense = load_llama(self.seed)
            small, repairs = cut(dense, self.shape, self.seed), ("none", "labels", "dense model")
        rows = []
        for repair in repairs:
            trained = copy.deepcopy(small)
            if repair != "none":
                train_decoder(
                    trained,
                    text.train,
                    steps=STEPS,
                    lr=FROM_NOTHING if dense is None else LR,
                    batch_size=BATCH,
                    teacher=dense if repair == "dense model" else None,
                    seed=self.seed,
                )
            size = sum(parameter.numel() for parameter in trained.parameters())
            bits = round(bits_per_character(trained, evaluated(text)), 4)
            rows.append({"repair": repair, "parameters": size, "bits": bits})
        return rows


def cut(dense: nn.Module, shape: str, seed: int = 0) -> nn.Module:
    """Return the model of this shape. What stays is chosen on 16 or 32 windows of training text.

    Layers go one after the other by the bits that they cost, neurons and groups by the sum of Wanda's squared
    scores of what reads them."""
    text, (layers, width, heads) = load_text(), SHAPES[shape]
    data, read = calibration(text), text.train[: 32 * CONTEXT + 1]
    stay = list(range(dense.config.num_hidden_layers))
    while len(stay) > layers:
        rest = [[number for number in stay if number != gone] for gone in stay]
        stay = min(rest, key=lambda kept: bits_per_character(smaller_llama(dense, kept), read))
    squared = {name: score**2 for name, score in wanda(dense, data, batch_size=16).items()}
    neurons, groups = {}, {}
    generator = torch.Generator().manual_seed(seed)
    for number in stay:
        prefix = f"model.layers.{number}"
        scores = squared[f"{prefix}.mlp.down_proj.weight"].sum(0)
        if shape == "random neurons":
            scores = torch.rand(len(scores), generator=generator)
        neurons[number] = keep_top(scores, 1 - width / len(scores))
        reading = squared[f"{prefix}.self_attn.o_proj.weight"].sum(0)
        groups[number] = keep_top(reading.view(2, -1).sum(1), 1 - heads / 2)
    return smaller_llama(dense, stay, neurons, groups)


def provenance() -> dict:
    text = load_text()
    return {
        "networks": f"llama, seeds {LLAMA_SEEDS}",
        "recipe": (
            f"AdamW, {STEPS} steps of {BATCH} windows of {CONTEXT} characters, rate up to {LR}"
            f" ({FROM_NOTHING} from nothing) and along a cosine to 0; the dense model teaches by KL at every"
            " place; scored on"
            " 6,401 validation characters"
        ),
        "tokens": STEPS * BATCH * CONTEXT,
        "dense": {
            str(seed): round(bits_per_character(load_llama(seed), evaluated(text)), 4) for seed in LLAMA_SEEDS
        },
    }

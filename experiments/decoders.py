"""Train the language models in ``data/checkpoints``, three seeds (notebook 10.1; six minutes on one core)

Beside each checkpoint lies a JSON file with the recipe, the bits per character and the checksum that
``prunelab.models.load_pretrained`` compares.
"""

from dataclasses import dataclass

import torch

from experiments._common import Configuration
from prunelab.data import store_weights
from prunelab.language import bits_per_character, train_decoder
from prunelab.models import CHECKPOINTS, DECODER_SEEDS, DECODERS
from prunelab.text import load_text

STEPS, BATCH, LR = 1_000, 8, 3e-3


def configurations() -> list[Configuration]:
    return [Run(model=name, seed=seed) for seed in DECODER_SEEDS for name in DECODERS]


@dataclass(frozen=True)
class Run(Configuration):
    """Train one decoder, store it with its card, and return the card."""

    model: str
    seed: int

    def measure(self) -> dict:
        text = load_text()
        torch.manual_seed(self.seed)
        decoder = DECODERS[self.model]()
        history = train_decoder(decoder, text.train, steps=STEPS, lr=LR, batch_size=BATCH, seed=self.seed)
        card = {
            "model": self.model,
            "seed": self.seed,
            "script": "experiments/decoders.py",
            "data": f"data/text, the {len(text.train):,} characters of load_text().train",
            "recipe": (
                f"AdamW, {STEPS:,} steps of {BATCH} windows of 128 characters, rate up to {LR} and along a"
                " cosine to 0"
            ),
            "train_bits": round(sum(history[-50:]) / 50, 4),
            "valid_bits": round(bits_per_character(decoder, text.valid), 4),
            "test_bits": round(bits_per_character(decoder, text.test), 4),
        }
        return store_weights(CHECKPOINTS / f"{self.model}-seed{self.seed}.safetensors", decoder, card)

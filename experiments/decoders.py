"""Train the language models in ``data/checkpoints``, three seeds (notebook 10.1; six minutes on one core)

Beside each checkpoint lies a JSON file with the recipe, the bits per character and the checksum that
``prunelab.models.load_pretrained`` compares.
"""

import torch

from prunelab.data import store_weights
from prunelab.language import bits_per_character, train_decoder
from prunelab.models import CHECKPOINTS, DECODER_SEEDS, DECODERS
from prunelab.text import load_text

STEPS, BATCH, LR = 1_000, 8, 3e-3


def configurations() -> list[dict]:
    return [{"model": name, "seed": seed} for seed in DECODER_SEEDS for name in DECODERS]


def measure(model: str, seed: int) -> dict:
    """Train one decoder, store it with its card, and return the card."""
    text = load_text()
    torch.manual_seed(seed)
    decoder = DECODERS[model]()
    history = train_decoder(decoder, text.train, steps=STEPS, lr=LR, batch_size=BATCH, seed=seed)
    card = {
        "model": model,
        "seed": seed,
        "script": "experiments/decoders.py",
        "data": f"data/text, the {len(text.train):,} characters of load_text().train",
        "recipe": (
            f"AdamW, {STEPS:,} steps of {BATCH} windows of 128 characters, rate up to {LR} and along a cosine"
            " to 0"
        ),
        "train_bits": round(sum(history[-50:]) / 50, 4),
        "valid_bits": round(bits_per_character(decoder, text.valid), 4),
        "test_bits": round(bits_per_character(decoder, text.test), 4),
    }
    return store_weights(CHECKPOINTS / f"{model}-seed{seed}.safetensors", decoder, card)

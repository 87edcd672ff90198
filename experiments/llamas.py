"""Train the language models in the form of Llama in ``data/checkpoints``, three seeds (notebook 10.1; ten
minutes on one core)

Each is a folder as transformers writes it, with the weights in float16; beside them lie a card with the
recipe and the bits per character, and the checksums that ``prunelab.llama`` compares.
"""

import hashlib
import json
from dataclasses import dataclass

import torch
import transformers

from experiments._common import Configuration
from prunelab.language import bits_per_character, train_decoder
from prunelab.llama import FILES, LLAMA_SEEDS, new_llama
from prunelab.models import CHECKPOINTS
from prunelab.text import load_text

STEPS, BATCH, LR = 1_000, 8, 3e-3


def configurations() -> list[Configuration]:
    return [Run(seed) for seed in LLAMA_SEEDS]


@dataclass(frozen=True)
class Run(Configuration):
    """Train one model, store it with its card, and return the card."""

    seed: int

    def measure(self) -> dict:
        text, model = load_text(), new_llama(self.seed)
        history = train_decoder(model, text.train, steps=STEPS, lr=LR, batch_size=BATCH, seed=self.seed)
        model = model.half()
        folder = CHECKPOINTS / f"llama-seed{self.seed}"
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)  # nothing in it but the version
        model = model.float()  # what is scored is what was stored
        card = {
            "model": "LlamaForCausalLM",
            "seed": self.seed,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "script": "experiments/llamas.py",
            "data": f"data/text, the {len(text.train):,} characters of load_text().train",
            "recipe": (
                f"AdamW, {STEPS:,} steps of {BATCH} windows of 128 characters, rate up to {LR} and along a"
                " cosine to 0; stored in float16"
            ),
            "torch": torch.__version__.split("+")[0],
            "transformers": transformers.__version__,
            "train_bits": round(sum(history[-50:]) / 50, 4),
            "valid_bits": round(bits_per_character(model, text.valid), 4),
            "test_bits": round(bits_per_character(model, text.test), 4),
        }
        (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
        sums = [
            f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
            for name in (*FILES, "card.json")
        ]
        (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
        return card

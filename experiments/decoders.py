"""Train the character-level decoders in ``data/checkpoints``: three seeds of ``decoder``, and small dense ones to compare with.

    python experiments/decoders.py [NAME-SEED ...]      all, or the ones named, such as decoder-0 (two minutes each on one core)

Beside each checkpoint lies a JSON file with the recipe, the bits per character and the checksum that ``load_pretrained`` compares.
"""

import hashlib
import json
import sys
import time

import torch
from safetensors.torch import save

from prunelab.language import bits_per_character, train_decoder
from prunelab.models import CHECKPOINTS, DECODER_SEEDS, DECODERS
from prunelab.text import load_text

STEPS, BATCH, LR = 1_000, 8, 3e-3


def checkpoint(name: str, seed: int) -> str:
    torch.set_num_threads(1)
    text, started = load_text(), time.process_time()
    torch.manual_seed(seed)
    model = DECODERS[name]()
    history = train_decoder(model, text.train, steps=STEPS, lr=LR, batch_size=BATCH, seed=seed)
    raw = save(model.state_dict())
    card = {
        "model": name,
        "seed": seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "script": "experiments/decoders.py",
        "data": f"data/text, the {len(text.train):,} characters of load_text().train",
        "recipe": f"AdamW, {STEPS:,} steps of {BATCH} windows of 128 characters, rate up to {LR} and along a cosine to 0",
        "torch": torch.__version__.split("+")[0],
        "train_bits": round(sum(history[-50:]) / 50, 4),
        "valid_bits": round(bits_per_character(model, text.valid), 4),
        "test_bits": round(bits_per_character(model, text.test), 4),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
    path = CHECKPOINTS / f"{name}-seed{seed}.safetensors"
    path.write_bytes(raw)
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
    minutes = (time.process_time() - started) / 60
    return f"{path.name}: valid {card['valid_bits']:.3f} bits, test {card['test_bits']:.3f} bits, {minutes:.1f} minutes of one core"


if __name__ == "__main__":
    names = sys.argv[1:] or [f"{name}-{seed}" for name in DECODERS for seed in DECODER_SEEDS]
    for name, seed in (entry.rsplit("-", 1) for entry in names):
        print(checkpoint(name, int(seed)), flush=True)

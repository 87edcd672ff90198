"""Do the criteria keep their order on a network that reads text? (notebook 03.5; about ten minutes on one
core)

Three trained decoders lose single weights of their blocks, front to back, each block on what the pruned
blocks before it give; nothing is trained afterwards. Bits per character on validation text."""

from dataclasses import dataclass

import torch
from torch.utils.data import TensorDataset

from experiments._common import Configuration
from experiments.language_models import WINDOWS, calibration, evaluated
from prunelab.criteria import (
    layer_obs,
    magnitude,
    owl_sparsities,
    random_scores,
    refit,
    ria,
    sparsegpt,
    wanda,
)
from prunelab.language import CONTEXT, Decoder, bits_per_character, block_names
from prunelab.masks import apply_masks, mask_model
from prunelab.models import DECODER_SEEDS, load_pretrained
from prunelab.text import load_text

SPARSITIES, BATCH = (0.5, 0.7), 16
SCORES = {
    "random": lambda model, data, seed: random_scores(model, seed=seed),
    "magnitude": lambda model, data, seed: magnitude(model),
    "Wanda": lambda model, data, seed: wanda(model, data, batch_size=BATCH),
    "RIA": lambda model, data, seed: ria(model, data, batch_size=BATCH),
    "layer-wise OBS": lambda model, data, seed: layer_obs(model, data, batch_size=BATCH),
}
METHODS = (
    *SCORES,
    "Wanda per row",
    "RIA per row",
    "Wanda + OWL",
    "magnitude + refit",
    "layer-wise OBS + refit",
    "SparseGPT",
)


def cut(model: Decoder, data: TensorDataset, method: str, sparsity: float, seed: int) -> None:
    """Prune the blocks of ``model`` in place, front to back."""
    name = method.split(" + ")[0].removesuffix(" per row")
    ratios: dict[str, float] | float = sparsity
    if method == "Wanda + OWL":
        inside = [name for names in block_names(model) for name in names]
        ratios = {
            n: r for n, r in owl_sparsities(model, data, sparsity, batch_size=BATCH).items() if n in inside
        }
        sizes = {n: model.get_parameter(n).numel() for n in inside}
        # embeddings and head stay, so the mean is taken over the blocks alone
        excess = sum(ratios[n] * sizes[n] for n in inside) / sum(sizes.values()) - sparsity
        ratios = {n: r - excess for n, r in ratios.items()}
    scope = "output" if method.endswith("per row") else "layer"
    for names in block_names(model):
        if method == "SparseGPT":
            model.load_state_dict(
                sparsegpt(model, data, sparsity, names=names, batch_size=BATCH), strict=False
            )
        else:
            scores = {n: s for n, s in SCORES[name](model, data, seed).items() if n in names}
            shares = {n: ratios[n] for n in names} if isinstance(ratios, dict) else ratios
            masks = mask_model(scores, shares, scope)
            if method.endswith("+ refit"):
                model.load_state_dict(refit(model, masks, data, damping=1e-2, batch_size=BATCH), strict=False)
            else:
                apply_masks(model, masks)


@dataclass(frozen=True)
class Run(Configuration):
    seed: int
    criterion: str
    sparsity: float

    def measure(self) -> dict:
        torch.manual_seed(self.seed)
        text, model = load_text(), load_pretrained("decoder", self.seed)
        cut(model, calibration(text), self.criterion, self.sparsity, self.seed)
        return {"bits": round(bits_per_character(model, evaluated(text)), 4)}


def configurations() -> list[Configuration]:
    return [
        Run(seed=seed, criterion=name, sparsity=sparsity)
        for name in METHODS
        for sparsity in SPARSITIES
        for seed in DECODER_SEEDS
    ]


def provenance() -> dict:
    text = load_text()
    return {
        "networks": f"decoder, seeds {DECODER_SEEDS}",
        "scores": f"on {WINDOWS} windows of {CONTEXT} characters of training text; damping 0.01",
        "bits": "bits per character, on 6,401 characters of validation text",
        "dense": {
            str(seed): round(bits_per_character(load_pretrained("decoder", seed), evaluated(text)), 4)
            for seed in DECODER_SEEDS
        },
    }

"""Which way of pruning costs a language model least? (notebooks 10.1 and 10.2; a quarter of an hour on one
core)

Three trained decoders, paired. The matrices of the blocks are pruned, front to back, each block on what the
pruned blocks before it give; embeddings and head stay. Bits per character are those of the validation text.
"""

import functools
from dataclasses import dataclass, field

import torch
from torch.utils.data import TensorDataset

from experiments._common import Configuration
from prunelab.criteria import magnitude, random_scores, sparsegpt, wanda
from prunelab.language import CONTEXT, Decoder, bits_per_character, block_names, generate, train_decoder
from prunelab.masks import apply_masks, mask_model
from prunelab.models import DECODER_SEEDS, load_pretrained
from prunelab.semi_structured import nm_mask
from prunelab.surgery import block_influence, remove_blocks, remove_heads
from prunelab.text import Text, decode, encode, load_text

WINDOWS = 16  # of 128 characters: the calibration set
SPARSITIES = (0.5, 0.6, 0.7, 0.8, 0.9)
# bits of a value and share of zeros; a bitmap of the zeros costs one bit a weight: in turn 1, 0.625, 0.5,
# 0.375 and 0.25 bytes
SIZES = (
    *((16, 0.5625), (8, 0.0)),
    (8, 0.5),
    *((16, 0.8125), (8, 0.625), (4, 0.0)),
    *((8, 0.75), (4, 0.5), (3, 0.0)),
    *((8, 0.875), (4, 0.75), (2, 0.0)),
)
PROMPT = "\n  Alice "
TUNING = {"steps": 30, "lr": 1e-3, "batch_size": 8}
SCORES = {"random": random_scores, "magnitude": magnitude, "Wanda": functools.partial(wanda, batch_size=16)}
SCOPES = {"random": "layer", "magnitude": "layer", "Wanda": "output"}


def calibration(text: Text, windows: int = WINDOWS, seed: int = 0) -> TensorDataset:
    """Return ``windows`` windows of 128 characters from random places of the training text."""
    starts = torch.randint(
        len(text.train) - CONTEXT, (windows, 1), generator=torch.Generator().manual_seed(seed)
    )
    return TensorDataset(text.train[starts + torch.arange(CONTEXT)])


def evaluated(text: Text) -> torch.Tensor:
    """Return 6,401 characters of the validation text, from As You Like It into Paradise Lost."""
    return text.valid[10_000 : 10_001 + 50 * CONTEXT]


def cut(
    model: Decoder, data: TensorDataset, method: str, sparsity: float | str, scope: str | None = None
) -> dict[str, torch.Tensor]:
    """Prune the blocks of ``model`` in place, front to back; ``sparsity`` may be "2:4". Return the masks."""
    masks = {}
    for names in block_names(model):
        if method == "SparseGPT":
            how = {"pattern": (2, 4)} if sparsity == "2:4" else {"sparsity": sparsity}
            model.load_state_dict(sparsegpt(model, data, names=names, batch_size=16, **how), strict=False)
            found = {name: model.get_parameter(name) != 0 for name in names}
        else:
            scores = {name: score for name, score in SCORES[method](model, data).items() if name in names}
            if sparsity == "2:4":
                found = {name: nm_mask(score, 2, 4) for name, score in scores.items()}
            else:
                found = mask_model(scores, sparsity, scope or SCOPES[method])
            apply_masks(model, found)
        masks |= found
    return masks


@dataclass(frozen=True)
class Cut(Configuration):
    """Prune at once and read the bits per character."""

    seed: int
    part: str = field(default="cut", init=False)
    method: str
    sparsity: float | str

    def measure(self) -> dict:
        model, text = load_pretrained("decoder", self.seed), load_text()
        self.prune(model, text)
        return {"bits": round(bits_per_character(model, evaluated(text)), 4)}

    def prune(self, model: Decoder, text: Text) -> dict[str, torch.Tensor]:
        """Prune ``model`` in place; return the masks."""
        return cut(model, calibration(text), self.method, self.sparsity)


@dataclass(frozen=True)
class Scope(Cut):
    """Compare within the layer, or within each output."""

    part: str = field(default="scope", init=False)
    scope: str

    def prune(self, model: Decoder, text: Text) -> dict[str, torch.Tensor]:
        return cut(model, calibration(text), self.method, self.sparsity, self.scope)


@dataclass(frozen=True)
class Calibration(Cut):
    """Look at fewer or more windows of text."""

    part: str = field(default="calibration", init=False)
    windows: int

    def prune(self, model: Decoder, text: Text) -> dict[str, torch.Tensor]:
        return cut(model, calibration(text, self.windows), self.method, self.sparsity)


@dataclass(frozen=True)
class Tuned(Cut):
    """Prune, and train a little with the masks fixed."""

    part: str = field(default="tuned", init=False)

    def prune(self, model: Decoder, text: Text) -> dict[str, torch.Tensor]:
        masks = super().prune(model, text)
        train_decoder(model, text.train, masks=masks, seed=self.seed, **TUNING)
        return masks


@dataclass(frozen=True)
class Bytes(Configuration):
    """Spend the same bytes on fewer weights or on fewer bits."""

    seed: int
    part: str = field(default="bytes", init=False)
    bits: int
    sparsity: float

    def measure(self) -> dict:
        model, text = load_pretrained("decoder", self.seed), load_text()
        if self.sparsity:
            cut(model, calibration(text), "SparseGPT", self.sparsity)
        round_weights(model, self.bits)
        return {"valid": round(bits_per_character(model, evaluated(text)), 4)}


@dataclass(frozen=True)
class Structure(Configuration):
    """What it costs to remove each head and each block alone, and each block's influence."""

    seed: int
    part: str = field(default="structure", init=False)

    def measure(self) -> list[dict]:
        model, text, rows = load_pretrained("decoder", self.seed), load_text(), []
        for block, influence in enumerate(block_influence(model, calibration(text).tensors[0]).tolist()):
            bits = bits_per_character(remove_blocks(model, [block]), evaluated(text))
            rows.append(
                {"removed": "block", "block": block, "bits": round(bits, 4), "influence": round(influence, 4)}
            )
            for head in range(model.blocks[block].attention.heads):
                kept = torch.arange(model.blocks[block].attention.heads) != head
                bits = bits_per_character(remove_heads(model, {block: kept}), evaluated(text))
                rows.append({"removed": "head", "block": block, "head": head, "bits": round(bits, 4)})
        return rows


@dataclass(frozen=True)
class Sample(Configuration):
    """What the pruned decoder writes."""

    seed: int
    part: str = field(default="sample", init=False)
    method: str
    sparsity: float

    def measure(self) -> dict:
        model, text = load_pretrained("decoder", self.seed), load_text()
        if self.method != "dense":
            cut(model, calibration(text), self.method, self.sparsity)
        written = generate(model, encode(PROMPT, text.characters), 200, temperature=0.6)
        return {"text": decode(written, text.characters)}


def configurations() -> list[Configuration]:
    methods, scored = ("random", "magnitude", "Wanda", "SparseGPT"), ("Wanda", "SparseGPT")
    samples = [("dense", 0.0), *((m, s) for m in ("magnitude", "SparseGPT") for s in (0.5, 0.8))]
    grid: list[Configuration] = [Sample(0, method, sparsity) for method, sparsity in samples]
    for seed in DECODER_SEEDS:
        grid += [Cut(seed, m, s) for s in (*SPARSITIES, "2:4") for m in methods]
        scopes = [(m, scope) for m in ("magnitude", "Wanda") for scope in ("layer", "output")]
        grid += [Scope(seed, m, sparsity, scope) for sparsity in SPARSITIES for m, scope in scopes]
        grid += [Calibration(seed, m, 0.7, windows) for windows in (1, 4, 16, 64) for m in scored]
        grid += [Tuned(seed, m, 0.8) for m in methods]
        grid += [Bytes(seed, bits, sparsity) for bits, sparsity in SIZES]
        grid += [Structure(seed)]
    return grid


@torch.no_grad()
def round_weights(model: Decoder, bits: int) -> None:
    """Round the matrices of the blocks in place: to float16, or to integers of ``bits`` bits with one scale
    for each row.
    """
    for names in block_names(model):
        for weight in map(model.get_parameter, names):
            if bits == 16:
                weight.copy_(weight.half())
            else:
                step = weight.abs().amax(1, keepdim=True).clamp_min(1e-12) / (2 ** (bits - 1) - 1)
                weight.copy_((weight / step).round() * step)


def provenance() -> dict:
    text = load_text()
    dense = {
        str(seed): round(bits_per_character(load_pretrained("decoder", seed), evaluated(text)), 4)
        for seed in DECODER_SEEDS
    }
    return {
        "networks": f"decoder, seeds {DECODER_SEEDS}",
        "recipe": (
            f"{WINDOWS} windows of {CONTEXT} characters of training text; random and magnitude per layer,"
            " Wanda per output; SparseGPT in blocks of 128 columns with damping 0.01; tuned: AdamW,"
            f" {TUNING['steps']} steps of {TUNING['batch_size']} windows, rate up to {TUNING['lr']}, masks"
            " fixed; scored on 6,401 validation characters"
        ),
        "dense": dense,
    }

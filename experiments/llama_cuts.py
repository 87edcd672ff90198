"""Do the methods keep their order on a model in the form of Llama? (notebook 10.1; ten minutes on one core)

Three trained models with grouped queries, rotary positions and a gated MLP, paired. The seven matrices of
each block are pruned, front to back, each block on what the pruned blocks before it give. Score and scope are
told apart: per layer or per output. Bits per character are those of the validation text.
"""

from dataclasses import dataclass

from experiments._common import Configuration
from experiments.language_models import WINDOWS, calibration, cut, evaluated
from prunelab.language import CONTEXT, bits_per_character
from prunelab.llama import LLAMA_SEEDS, load_llama
from prunelab.text import load_text

SPARSITIES = (0.5, 0.6, 0.7, 0.8)
SCOPED = (("random", "layer"), *((m, s) for m in ("magnitude", "Wanda") for s in ("layer", "output")))


@dataclass(frozen=True)
class Cut(Configuration):
    """Prune at once and read the bits per character."""

    seed: int
    method: str
    scope: str
    sparsity: float | str

    def measure(self) -> dict:
        text, model = load_text(), load_llama(self.seed)
        cut(model, calibration(text), self.method, self.sparsity, self.scope)
        return {"bits": round(bits_per_character(model, evaluated(text)), 4)}


def configurations() -> list[Configuration]:
    grid: list[tuple] = [(method, scope, share) for share in SPARSITIES for method, scope in SCOPED]
    grid += [(method, "layer", "2:4") for method in ("random", "magnitude", "Wanda")]
    grid += [("SparseGPT", "layer", share) for share in (*SPARSITIES, "2:4")]
    return [Cut(seed, *entry) for entry in grid for seed in LLAMA_SEEDS]


def provenance() -> dict:
    text = load_text()
    return {
        "networks": f"llama, seeds {LLAMA_SEEDS}",
        "recipe": (
            f"{WINDOWS} windows of {CONTEXT} characters of training text; SparseGPT in blocks of 128 columns"
            " with damping 0.01; no training after the cut; scored on 6,401 validation characters"
        ),
        "dense": {
            str(seed): round(bits_per_character(load_llama(seed), evaluated(text)), 4) for seed in LLAMA_SEEDS
        },
    }

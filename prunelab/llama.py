"""A small language model in the form of Llama and Qwen, as the class that transformers has for them: grouped
queries, rotary positions, a gated MLP, RMSNorm.

``transformers`` is imported where it is needed: it takes seconds, and only chapter 10 reads these models.
"""

from pathlib import Path

import torch
from torch import nn

from prunelab import arguments
from prunelab.data import listed
from prunelab.language import CONTEXT, VOCABULARY
from prunelab.models import CHECKPOINTS

LLAMA_SEEDS = (0, 1, 2)
FILES = ("config.json", "model.safetensors")
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 128,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 256,
    "max_position_embeddings": CONTEXT,
    "tie_word_embeddings": False,
    "initializer_range": 0.05,  # about what torch gives a Linear layer of 128 inputs
    "bos_token_id": None,
    "eos_token_id": None,
}


def new_llama(seed: int = 0, **sizes: int) -> nn.Module:
    """Return an untrained ``LlamaForCausalLM`` of the course's size: 6 layers of width 128, 4 query heads
    that share 2 heads of keys and values, 256 gated neurons; 908,160 parameters.

    ``sizes`` replace entries of its configuration, by transformers' names. Raises TypeError or ValueError for
    a bad seed or an unknown name. Source: Touvron et al., arXiv 2302.13971 and 2307.09288; notebook 10.1."""
    from transformers import LlamaConfig, LlamaForCausalLM

    for name in sizes:
        arguments.one_of("a name in sizes", name, SIZES)
    torch.manual_seed(arguments.count("seed", seed, at_least=0))
    return LlamaForCausalLM(LlamaConfig(**SIZES | sizes)).eval()


def llama_folder(seed: int = 0, folder: Path | str = CHECKPOINTS) -> Path:
    """Return the folder of a trained model, as ``from_pretrained`` takes it, after comparing its files with
    their checksums; ``seed`` is 0, 1 or 2.

    Raises ValueError for an unknown seed and a file that is truncated or altered, FileNotFoundError for a
    missing one; the file is named. Source: ``experiments/llamas.py``; notebook 10.1."""
    arguments.one_of("seed", seed, LLAMA_SEEDS)
    path = arguments.path("folder", folder) / f"llama-seed{seed}"
    for name in (*FILES, "card.json"):
        listed(path / name)
    return path


def load_llama(seed: int = 0, folder: Path | str = CHECKPOINTS) -> nn.Module:
    """Return a trained ``LlamaForCausalLM`` in eval mode, float32: numbers ``(N, T)`` int64 to an output
    whose ``logits`` are ``(N, T, 85)``.

    The three seeds are independently trained; ``card.json`` beside the weights says how, and what they score.
    Raises as ``llama_folder``. Source: ``experiments/llamas.py``; notebook 10.1."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    path = llama_folder(seed, folder)
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, local_files_only=True).eval()

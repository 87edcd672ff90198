"""A small language model in the form of Llama and Qwen, as the class that transformers has for them: grouped
queries, rotary positions, a gated MLP, RMSNorm.

``transformers`` is imported where it is needed: it takes seconds, and only chapter 10 reads these models.
"""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
    "head_dim": 32,
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

    for name, size in sizes.items():
        arguments.one_of("a name in sizes", name, SIZES)
        arguments.count(name, size)
    torch.manual_seed(arguments.count("seed", seed, at_least=0))
    return LlamaForCausalLM(LlamaConfig.from_dict(SIZES | sizes)).eval()


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
    Raises ValueError or FileNotFoundError as ``llama_folder``. Source: ``experiments/llamas.py``; notebook
    10.1."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    path = llama_folder(seed, folder)
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, local_files_only=True).eval()


def smaller_llama(
    model: nn.Module,
    layers: Sequence[int] | None = None,
    neurons: Mapping[int, torch.Tensor] | None = None,
    groups: Mapping[int, torch.Tensor] | None = None,
) -> nn.Module:
    """Return a smaller model of the same class as the ``LlamaForCausalLM`` ``model``, with a configuration
    that says its sizes: what ``save_pretrained`` writes, any programme for such models can load.

    ``layers`` are the numbers of those that stay. ``neurons`` maps the number of a layer to bool
    ``(hidden,)``, ``groups`` to bool ``(key and value heads,)``, True = kept; a group goes with all query
    heads that share it. A configuration has one width for all layers, so each map names every kept layer and
    keeps the same number in each. The result computes what ``model`` would with the columns of ``down_proj``
    and ``o_proj`` at zero and the layers passed by.

    Raises TypeError or ValueError for a model of another form, an unknown layer, or masks that do not fit.
    Source: Xia et al., arXiv 2310.06694; Muralidharan et al., arXiv 2407.14679; notebook 10.2."""
    config = _llama_config(model)
    stay = list(range(config.num_hidden_layers)) if layers is None else _kept_layers(layers, config)
    width = config.intermediate_size
    neurons = _kept("neurons", neurons, stay, width)
    groups = _kept("groups", groups, stay, config.num_key_value_heads)
    shared = config.num_attention_heads // config.num_key_value_heads
    config = copy.deepcopy(config)
    config.num_hidden_layers = len(stay)
    config.intermediate_size = int(neurons[stay[0]].sum())
    config.num_key_value_heads = int(groups[stay[0]].sum())
    config.num_attention_heads = shared * config.num_key_value_heads
    small, state = type(model)(config), model.state_dict()
    for number, old in enumerate(stay):
        own = groups[old].repeat_interleave(config.head_dim)
        # (matrix, rows or columns, which of them stay)
        cuts = {
            f"mlp.{name}_proj": (axis, neurons[old]) for name, axis in (("gate", 0), ("up", 0), ("down", 1))
        }
        cuts |= {f"self_attn.{name}_proj": (0, own) for name in "kv"}
        asking = groups[old].repeat_interleave(shared * config.head_dim)
        cuts |= {"self_attn.q_proj": (0, asking), "self_attn.o_proj": (1, asking)}
        for name, value in small.get_submodule(f"model.layers.{number}").state_dict().items():
            axis, mask = cuts.get(name.rpartition(".")[0], (0, None))
            source = state[f"model.layers.{old}.{name}"]
            value.copy_(source if mask is None else source.index_select(axis, mask.nonzero().flatten()))
    outside = {name: value for name, value in state.items() if not name.startswith("model.layers.")}
    small.load_state_dict(outside, strict=False)
    return small.to(next(model.parameters())).eval()  # its dtype, and its device


def _llama_config(model: nn.Module):
    """Return the configuration of ``model``, or raise if it has another form than Llama's."""
    config: Any = getattr(arguments.module("model", model), "config", None)
    if getattr(config, "model_type", None) != "llama":
        raise TypeError(
            f"model must be a LlamaForCausalLM, got {type(model).__name__}; surgery.remove_filters takes"
            " models of other forms"
        )
    if config.attention_bias or config.mlp_bias:
        raise ValueError("model must have layers without biases, got a configuration with them")
    return config


def _kept_layers(layers: Sequence[int], config) -> list[int]:
    """Return the numbers of the layers that stay, in order, each once."""
    if isinstance(layers, str) or not isinstance(layers, Sequence):
        raise TypeError(f"layers must be a list of numbers, got {layers!r:.80}")
    stay = sorted(arguments.one_of("a number in layers", n, range(config.num_hidden_layers)) for n in layers)
    if not stay or len(set(stay)) < len(stay):
        raise ValueError(f"layers must name at least one layer, each once, got {layers!r}")
    return stay


def _kept(name: str, masks: Mapping[int, torch.Tensor] | None, stay: list[int], size: int) -> dict:
    """Return a mask for each layer that stays; they keep the same number, at least one."""
    if masks is None:
        return {number: torch.ones(size, dtype=torch.bool) for number in stay}
    if sorted(arguments.mapping(name, masks)) != stay:
        raise ValueError(f"{name} must have one mask for each of the layers {stay}, got {sorted(masks)}")
    for number, mask in masks.items():
        arguments.mask(f"{name}[{number}]", mask, (size,))
    counts = {int(mask.sum()) for mask in masks.values()}
    if len(counts) > 1 or 0 in counts:
        raise ValueError(
            f"{name} must keep the same number in each layer, at least one, got {sorted(counts)}"
        )
    return dict(masks)

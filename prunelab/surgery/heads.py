"""Remove attention heads, neurons of the MLP and whole blocks of a ``Decoder``: smaller matrices, the same
output.
"""

import copy
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from prunelab import arguments
from prunelab.language import Decoder
from prunelab.surgery.removal import remove_filters


def remove_heads(model: Decoder, masks: Mapping[int, torch.Tensor]) -> Decoder:
    """Return a copy of ``model`` without the heads that ``masks`` drops: number of a block -> bool
    ``(heads,)``, ``True`` = kept.

    A head is its rows of ``query``, ``key`` and ``value`` and its columns of ``out``: one channel of the
    coupled group that ``coupled_groups`` finds, and ``remove_filters`` takes it out. The copy computes what
    ``model`` would with those columns of ``out`` at zero.

    Raises TypeError or ValueError for a model that is no Decoder, an unknown block, or a mask that is not
    bool, has another length or keeps nothing. Source: Michel et al., "Are sixteen heads really better than
    one?", arXiv 1905.10650; notebook 10.2."""
    _check(model, masks, lambda block: block.attention.heads)
    rows = {}
    for number, kept in masks.items():
        attention = model.blocks[number].attention
        for name in ("query", "key", "value"):
            width = attention.query.out_features // attention.heads
            rows[f"blocks.{number}.attention.{name}"] = kept.repeat_interleave(width)
    return _without(model, rows)


def remove_neurons(model: Decoder, masks: Mapping[int, torch.Tensor]) -> Decoder:
    """Return a copy of ``model`` without the MLP neurons that ``masks`` drops: number of a block -> bool
    ``(hidden,)``.

    A neuron is a row of ``up`` (with its bias) and a column of ``down``. The copy computes what ``model``
    would with those columns of ``down`` at zero. Raises as ``remove_heads``. Source: notebook 10.2."""
    _check(model, masks, lambda block: block.up.out_features)
    return _without(model, {f"blocks.{number}.up": kept for number, kept in masks.items()})


def _without(model: Decoder, rows: Mapping[str, torch.Tensor]) -> Decoder:
    """Return the model without the rows of these layers that are not kept, their biases included."""
    masks = {f"{layer}.weight": kept.view(-1, 1) for layer, kept in rows.items()}
    masks |= {f"{layer}.bias": kept for layer, kept in rows.items()}
    return remove_filters(model, masks, torch.zeros(1, 2, dtype=torch.long))


def remove_blocks(model: Decoder, numbers: Sequence[int]) -> Decoder:
    """Return a copy of ``model`` without the blocks with these ``numbers``: the residual stream passes by.

    Raises TypeError or ValueError for a model that is no Decoder or a number that is no block. Source: arXiv
    2403.03853; notebook 10.2."""
    _check(model, {}, None)
    if not isinstance(numbers, Sequence):
        raise TypeError(f"numbers must be a list of block numbers, got {numbers!r}")
    for number in numbers:
        arguments.one_of("a number in numbers", number, range(len(model.blocks)))
    smaller = copy.deepcopy(model)
    smaller.blocks = nn.ModuleList(
        block for number, block in enumerate(smaller.blocks) if number not in numbers
    )
    return smaller


@torch.inference_mode()
def block_influence(model: Decoder, windows: torch.Tensor) -> torch.Tensor:
    """Return ``1 - mean cosine(what goes into a block, what comes out)`` of every block, ``(blocks,)``
    float64, in [0, 2].

    ``windows`` are characters ``(N, T)``; the mean runs over all places. Near 0 a block hardly turns the
    residual stream.

    Raises TypeError or ValueError for a model that is no Decoder or bad windows. Source: Men et al.,
    "ShortGPT", arXiv 2403.03853; notebook 10.2."""
    _check(model, {}, None)
    if arguments.whole_below("windows", windows, model.embedding.num_embeddings).ndim != 2:
        raise ValueError(f"windows must have shape (N, T), got {tuple(windows.shape)}")
    if windows.shape[1] > model.position.num_embeddings:
        raise ValueError(
            f"windows must have at most {model.position.num_embeddings} characters, got {windows.shape[1]}"
        )
    found = []
    handles = [
        block.register_forward_hook(
            lambda block, x, y: found.append(1 - F.cosine_similarity(x[0], y, dim=2).double().mean())
        )
        for block in model.blocks
    ]
    try:
        model(windows)
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack(found)


def _check(model: Decoder, masks: Mapping[int, torch.Tensor], size) -> None:
    if not isinstance(model, Decoder):
        raise TypeError(f"model must be a Decoder, got {type(model).__name__}")
    if not isinstance(masks, Mapping):
        raise TypeError(f"masks must be a dict of block number -> bool tensor, got {type(masks).__name__}")
    for number, mask in masks.items():
        arguments.one_of("a number in masks", number, range(len(model.blocks)))
        wanted = size(model.blocks[number])
        if (
            not isinstance(mask, torch.Tensor)
            or mask.dtype != torch.bool
            or mask.shape != (wanted,)
            or not mask.any()
        ):
            raise ValueError(
                f"masks[{number}] must be a bool tensor of shape ({wanted},) that keeps at least one, got"
                f" {mask!r:.80}"
            )

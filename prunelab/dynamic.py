"""Masks that change while the network learns: growing holes, and holes that move."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from prunelab import arguments
from prunelab.masks import apply_masks, mask_model, prunable


def regrow(weight: torch.Tensor, mask: torch.Tensor, growth: torch.Tensor, share: float) -> torch.Tensor:
    """Return a mask with as many entries kept as ``mask``: of the ``k`` kept weights the ``round(share * k)``
    smallest are dropped, and as many connections with the largest ``growth`` come in their place.

    ``weight``, ``mask`` (bool, ``True`` = kept) and ``growth`` have one shape. ``growth`` is the size of the
    loss's gradient for Rigging the lottery, random numbers for Sparse Evolutionary Training. A connection
    that was dropped a moment ago is a candidate like any other. Among equal values the earlier position is
    dropped first, and grown first. No argument is changed: a connection that is new must start at zero, which
    it does where ``mask`` was applied to the weight before.

    Raises TypeError or ValueError for tensors that are not finite or differ in shape, a mask that is not
    bool, or a ``share`` outside [0, 1]. Source: Evci et al., arXiv 1911.11134; Mocanu et al., arXiv
    1707.04780; notebook 04.3."""
    arguments.tensor("weight", weight)
    arguments.tensor("growth", growth)
    share = arguments.fraction("share", share)
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        raise TypeError(f"mask must be a bool tensor, got {getattr(mask, 'dtype', type(mask).__name__)}")
    for name, value in (("mask", mask), ("growth", growth)):
        if value.shape != weight.shape:
            raise ValueError(
                f"{name} must have the shape of weight, {tuple(weight.shape)}, got {tuple(value.shape)}"
            )
    new = mask.flatten().clone()
    kept = new.nonzero().squeeze(1)
    count = round(share * len(kept))
    new[kept[weight.detach().abs().flatten()[kept].argsort(stable=True)[:count]]] = False
    absent = (~new).nonzero().squeeze(1)
    new[absent[growth.detach().flatten()[absent].argsort(stable=True, descending=True)[:count]]] = True
    return new.view(mask.shape)


def gradual(
    sparsity_at: Callable[[int], float], every: int
) -> tuple[dict[str, torch.Tensor], Callable[[nn.Module, int], None]]:
    """Return ``(masks, on_step)`` for ``training.train``: every ``every`` steps the masks are set to
    ``sparsity_at(step)``.

    All prunable weights are ranked together by magnitude. What was pruned is zero, hence ranks last and stays
    pruned. ``masks`` is empty at first and holds the masks of the last update after training: ``train(model,
    dataset, masks=masks, on_step=on_step)``.

    Raises TypeError if ``sparsity_at`` is no function, TypeError or ValueError for ``every`` below 1;
    ``on_step`` raises as ``masks.mask_model`` does. Source: Zhu and Gupta, arXiv 1710.01878; notebook 04.3.
    """
    if not callable(sparsity_at):
        raise TypeError(f"sparsity_at must be a function from a step to a sparsity, got {sparsity_at!r}")
    arguments.count("every", every)
    masks: dict[str, torch.Tensor] = {}

    def on_step(model: nn.Module, step: int) -> None:
        if step % every == 0:
            apply_masks(model, masks)  # momentum has just moved what is masked
            scores = {name: weight.detach().abs() for name, weight in prunable(model).items()}
            masks.update(mask_model(scores, sparsity_at(step), scope="global"))

    return masks, on_step


def alternating(
    sparsity: float, compressed: Sequence[tuple[int, int]]
) -> tuple[dict[str, torch.Tensor], Callable[[nn.Module, int], None]]:
    """Return ``(masks, on_step)`` for ``training.train``: in each interval ``(start, stop)`` of steps the
    network is held at ``sparsity``, between them it is dense and what was pruned learns again, from zero.

    At ``start`` all prunable weights are ranked together by magnitude; until ``stop`` the mask stays. The
    network ends sparse if the last ``stop`` lies beyond the last step. ``masks`` holds the masks of the
    moment.

    Raises TypeError or ValueError for a ``sparsity`` outside [0, 1], or intervals that are empty, not pairs
    of integers, or not in order. Source: Peste et al., "AC/DC: Alternating compressed/decompressed
    training", arXiv 2106.12379; notebook 04.3."""
    sparsity, at = arguments.fraction("sparsity", sparsity), 0
    if isinstance(compressed, str) or not isinstance(compressed, Sequence) or not compressed:
        raise TypeError(f"compressed must be a non-empty list of (start, stop), got {compressed!r:.80}")
    for interval in compressed:
        if not isinstance(interval, Sequence) or len(interval) != 2:
            raise TypeError(f"compressed must hold pairs (start, stop), got {interval!r:.80}")
        start = arguments.count("a start in compressed", interval[0], at_least=at + 1)
        at = arguments.count("a stop in compressed", interval[1], at_least=start + 1)
    starts, stops = {start for start, _ in compressed}, {stop for _, stop in compressed}
    masks: dict[str, torch.Tensor] = {}

    def on_step(model: nn.Module, step: int) -> None:
        if step in stops:
            apply_masks(model, masks)  # momentum has just moved what is masked: it starts at zero
            masks.clear()
        if step in starts:
            scores = {name: weight.detach().abs() for name, weight in prunable(model).items()}
            masks.update(mask_model(scores, sparsity, scope="global"))

    return masks, on_step

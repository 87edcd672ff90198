"""Prune, rewind, repeat: what a network goes back to between two rounds of pruning."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from prunelab import arguments
from prunelab.masks import apply_masks, mask_model, prunable


def prune_rounds(
    model: nn.Module,
    fit: Callable[[nn.Module, dict[str, torch.Tensor]], object],
    shares: Mapping[str, float],
    rounds: int,
    rewind_to: Mapping[str, torch.Tensor] | None = None,
) -> dict[str, torch.Tensor]:
    """Train and prune ``model`` in place, ``rounds`` times, and return the masks; the last training is yours.

    Each round calls ``fit(model, masks)``, which trains in place under the masks, removes from each layer
    the smallest ``shares[name]`` (in [0, 1)) of the weights it has left, and goes back: to the state dict
    ``rewind_to``, the initial weights (lottery tickets) or those of an early step (late rewinding), or with
    ``None`` to nothing, so that the trained weights stay and only the learning rate of the next ``fit``
    starts anew (learning-rate rewinding). Layers that ``shares`` does not name stay dense.

    Raises TypeError or ValueError for a ``fit`` that is no function, bad shares or names, ``rounds`` below
    1, or a ``rewind_to`` that does not fit ``model``, before anything is trained. Source: Frankle and
    Carbin, arXiv 1803.03635; Renda et al., "Comparing rewinding and fine-tuning", arXiv 2003.02389; notebook
    04.4."""
    weights = prunable(model)
    rounds = arguments.count("rounds", rounds)
    if not callable(fit) or isinstance(fit, nn.Module):
        raise TypeError(f"fit must be a function of the model and the masks, got {fit!r:.80}")
    for name, share in arguments.mapping("shares", shares).items():
        arguments.one_of("a name in shares", name, weights)
        if arguments.fraction(f"shares[{name!r}]", share) == 1:
            raise ValueError(f"shares[{name!r}] must be below 1, got 1.0: one round would remove everything")
    start = None if rewind_to is None else _state(model, rewind_to)
    masks: dict[str, torch.Tensor] = {}
    for number in range(1, rounds + 1):
        fit(model, masks)
        apply_masks(model, masks)  # momentum may have moved what is masked: zero, it ranks last again
        scores = {name: prunable(model)[name].detach().abs() for name in shares}
        masks = mask_model(scores, {name: 1 - (1 - share) ** number for name, share in shares.items()})
        if start is not None:
            model.load_state_dict(start)
        apply_masks(model, masks)
    return masks


def _state(model: nn.Module, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a copy of ``state`` if ``model`` could load it."""
    own = model.state_dict()
    if not isinstance(state, Mapping) or set(state) != set(own):
        raise ValueError(f"rewind_to must be a state dict of model, with {sorted(own)}, got {state!r:.80}")
    for name, value in state.items():
        arguments.shaped(f"rewind_to[{name!r}]", value, tuple(own[name].shape))
    return {name: value.detach().clone() for name, value in state.items()}

"""From scores to masks: which weights stay, and how they are kept out of a model."""

import itertools
from collections.abc import Mapping

import torch
from torch import nn

from prunelab import arguments
from prunelab.weights import count_nonzero, prunable

SCOPES = ("layer", "global", "output")


def keep_top(scores: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Return a bool mask of the shape of ``scores``, ``True`` = kept, with exactly ``round(sparsity * n)``
    entries pruned.

    The lowest scores go; among equal scores the earlier position goes first, so the result is the same on
    every machine (torch.topk and thresholds do not promise that).

    Raises TypeError or ValueError if ``scores`` is no tensor, empty or not finite, or ``sparsity`` is not a
    number in [0, 1]. Source: notebook 01.

    >>> keep_top(torch.tensor([3.0, 1.0, 2.0, 1.0]), sparsity=0.25)
    tensor([ True, False,  True,  True])
    """
    arguments.tensor("scores", scores)
    sparsity = arguments.fraction("sparsity", sparsity)
    mask = torch.ones(scores.numel(), dtype=torch.bool, device=scores.device)
    order = scores.detach().flatten().argsort(stable=True)
    mask[order[: round(sparsity * scores.numel())]] = False
    return mask.view(scores.shape)


def mask_model(
    scores: Mapping[str, torch.Tensor], sparsity: float | Mapping[str, float], scope: str = "layer"
) -> dict[str, torch.Tensor]:
    """Return one mask per entry of ``scores`` (parameter name -> scores), each of the shape of its scores.

    ``sparsity`` is the fraction of scores to prune. ``scope="layer"`` prunes that fraction of each entry and
    also takes a dict of fractions by parameter name (an entry it does not name keeps everything);
    ``scope="global"`` ranks all scores together and prunes exactly ``round(sparsity * n)`` of the whole;
    ``scope="output"`` is ``"layer"`` for each output unit by itself. Scores may be per group, for example
    ``(out, 1, 1, 1)`` for filters.

    Raises TypeError or ValueError for bad scores, a sparsity outside [0, 1], an unknown scope or parameter
    name, or a dict of sparsities under global scope. Source: notebook 01, for outputs 10.1.

    >>> scores = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0, 4.0])}
    >>> mask_model(scores, sparsity=0.5)
    {'a': tensor([False,  True]), 'b': tensor([False,  True])}
    >>> mask_model(scores, sparsity=0.5, scope="global")
    {'a': tensor([False, False]), 'b': tensor([True, True])}
    """
    arguments.one_of("scope", scope, SCOPES)
    if not isinstance(scores, Mapping) or not scores:
        raise TypeError(f"scores must be a non-empty dict of parameter name -> tensor, got {scores!r:.80}")
    for name, value in scores.items():
        arguments.tensor(f"scores[{name!r}]", value)
    if scope == "global":
        if isinstance(sparsity, Mapping):
            raise ValueError(
                "sparsity must be one number under scope='global', got a dict; per-layer ratios need"
                " scope='layer'"
            )
        flat = keep_top(torch.cat([value.detach().flatten() for value in scores.values()]), sparsity)
        parts = flat.split([value.numel() for value in scores.values()])
        return {
            name: part.view(value.shape) for (name, value), part in zip(scores.items(), parts, strict=True)
        }
    if not isinstance(sparsity, Mapping):
        sparsity = dict.fromkeys(scores, arguments.fraction("sparsity", sparsity))
    for name, ratio in sparsity.items():
        arguments.one_of("a name in sparsity", name, scores)
        arguments.fraction(f"sparsity[{name!r}]", ratio)
    keep = keep_top if scope == "layer" else _keep_top_of_each
    return {name: keep(value, sparsity.get(name, 0.0)) for name, value in scores.items()}


def _keep_top_of_each(scores: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Return ``keep_top`` of every ``scores[i]``, all at once."""
    rows = scores.detach().reshape(len(scores), -1)
    mask = torch.ones(rows.shape, dtype=torch.bool, device=rows.device)
    mask.scatter_(1, rows.argsort(dim=1, stable=True)[:, : round(sparsity * rows.shape[1])], False)
    return mask.view(scores.shape)


def expand_masks(model: nn.Module, masks: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return ``masks`` expanded to the parameters' shapes: ``(out, 1, 1, 1)`` drops filters, ``(1, in, 1,
    1)`` channels.

    Raises TypeError or ValueError for a mask that is not bool or does not fit its parameter, and for an
    unknown parameter name. Source: notebook 02."""
    if not isinstance(masks, Mapping):
        raise TypeError(f"masks must be a dict of parameter name -> bool tensor, got {type(masks).__name__}")
    parameters = dict(arguments.module("model", model).named_parameters(remove_duplicate=False))
    expanded = {}
    for name, mask in masks.items():
        arguments.one_of("a name in masks", name, parameters)
        if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
            raise TypeError(
                f"masks[{name!r}] must be a bool tensor, got {getattr(mask, 'dtype', type(mask).__name__)}"
            )
        shape = parameters[name].shape
        if mask.ndim != len(shape) or any(a not in (1, b) for a, b in zip(mask.shape, shape, strict=True)):
            raise ValueError(
                f"masks[{name!r}] must have shape {tuple(shape)}, or 1 in a dimension kept or dropped as a"
                f" whole, got {tuple(mask.shape)}"
            )
        expanded[name] = mask.expand(shape)
    return expanded


@torch.no_grad()
def apply_masks(model: nn.Module, masks: Mapping[str, torch.Tensor]) -> None:
    """Set the pruned weights of ``model`` to zero, in place; nothing is changed if one of the masks is
    refused.

    Raises as ``expand_masks`` does. Source: notebook 01.

    >>> model = nn.Linear(2, 1, bias=False)
    >>> apply_masks(model, {"weight": torch.tensor([[True, False]])})
    >>> sparsity(model)
    0.5
    """
    expanded = expand_masks(model, masks)
    parameters = dict(model.named_parameters(remove_duplicate=False))
    for name, mask in expanded.items():
        parameters[name].masked_fill_(~mask, 0)  # not a product: NaN * 0 would stay NaN


def living(model: nn.Sequential) -> dict[str, torch.Tensor]:
    """Return masks ``(out, 1, ...)`` of the filters and neurons that have an input and are used, for all
    layers but the last.

    ``model`` is a chain of Linear and convolutional layers. A neuron is dead when all its weights, or all
    weights that read it, are zero; so is one that only dead ones feed or read. ``surgery.remove_filters``
    takes the dead out without changing what the network computes.

    Raises TypeError unless ``model`` is an nn.Sequential and ValueError if it has no prunable layer or one of
    another kind. Source: notebook 08."""
    if not isinstance(model, nn.Sequential):
        raise TypeError(f"model must be a torch.nn.Sequential, got {type(model).__name__}")
    weights = {name: weight.detach() != 0 for name, weight in prunable(model).items()}
    for name in weights:
        layer = model.get_submodule(name.rpartition(".")[0])
        if not isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            raise ValueError(
                f"model must be a chain of Linear and convolutional layers, got {name} of a"
                f" {type(layer).__name__}"
            )
    names = list(weights)
    alive = {name: torch.ones(len(weight), dtype=torch.bool) for name, weight in weights.items()}
    for before, after in reversed(list(itertools.pairwise(names))):  # who is read?
        read = (
            weights[after][alive[after]].flatten(2).any(2)
            if weights[after].ndim > 2
            else weights[after][alive[after]]
        )
        # flattened: a channel has become several inputs
        alive[before] = read.any(0).view(len(alive[before]), -1).any(1)
    alive[names[0]] = alive[names[0]] & weights[names[0]].flatten(1).any(1)
    for before, after in itertools.pairwise(names):  # who has an input?
        inputs = alive[before].repeat_interleave(weights[after].shape[1] // len(alive[before]))
        alive[after] = alive[after] & weights[after][:, inputs].flatten(1).any(1)
    return {name: alive[name].view(-1, *[1] * (weights[name].ndim - 1)) for name in names[:-1]}


def sparsity(subject: torch.Tensor | nn.Module | Mapping[str, torch.Tensor]) -> float:
    """Return zeros / elements, in [0, 1], of a tensor or mask, of a dict of them, or of a model's prunable
    weights taken together.

    Raises TypeError for anything else and ValueError if there is no element. Source: notebook 01.

    >>> sparsity(torch.tensor([0.0, 1.0, 0.0, 2.0]))
    0.5
    """
    if isinstance(subject, nn.Module):
        try:
            tensors: list[torch.Tensor] = list(prunable(subject).values())
        except ValueError as cause:
            raise ValueError(str(cause).replace("model", "subject", 1)) from cause
    elif isinstance(subject, Mapping):
        tensors = list(subject.values())
    else:
        tensors = [subject]
    if not all(isinstance(t, torch.Tensor) for t in tensors):
        raise TypeError(
            f"subject must be a tensor, a model or a dict of tensors, got {type(subject).__name__}"
        )
    elements = sum(t.numel() for t in tensors)
    if elements == 0:
        raise ValueError("subject must have at least one element, got none")
    return 1 - sum(map(count_nonzero, tensors)) / elements

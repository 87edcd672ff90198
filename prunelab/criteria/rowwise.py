"""Optimal Brain Surgeon row by row, exactly: one weight at a time, an update after each (OBC)."""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.layerwise import layer_hessians
from prunelab.criteria.registry import BATCH, Criterion
from prunelab.criteria.second_order import damped
from prunelab.masks import prunable

ROWS = 16  # of a layer at once: each needs an inverse of its own
COMPACT = 32  # removals after which the rows and columns that are gone are cut out of the inverses


def obc(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    sparsity: float = 0.8,
    *,
    damping: float = 1e-4,
    batch_size: int = BATCH,
) -> dict[str, torch.Tensor]:
    """Return the weights of every layer after Optimal Brain Compression, zeros where pruned; the model is
    unchanged.

    A strategy: ``obc_layer`` for each layer, with the Hessian of its inputs in the dense model; the result's
    zeros are its masks, and ``model.load_state_dict(weights, strict=False)`` puts it in. Each layer loses
    ``round(sparsity * n)`` weights.

    Raises TypeError or ValueError for bad data, layers, sparsity or damping. Source: Frantar, Singh and
    Alistarh, arXiv 2208.11580; notebook 03.2."""
    hessians = layer_hessians(model, dataset, batch_size=batch_size)
    return {
        name: obc_layer(weight, hessians[name], sparsity, damping=damping)
        for name, weight in prunable(model).items()
    }


def obc_layer(
    weight: torch.Tensor, hessian: torch.Tensor, sparsity: float, *, damping: float = 1e-4
) -> torch.Tensor:
    """Return ``weight`` without ``round(sparsity * n)`` of its entries, the others moved to make up for them.

    In every row the weight with the lowest ``w**2 / (2 [H^-1]_qq)`` goes, the rest of the row takes its
    optimal step, the weight is eliminated from the inverse, and so on to the row's end. Then the rows are
    compared: what goes is always the next removal of the row in which it costs least. ``hessian`` ``(inputs,
    inputs)`` is ``H`` of ``weight.flatten(1)`` and gets ``damping`` times its mean diagonal. Shape and dtype
    as ``weight``. An inverse for each row: exact, and slow for rows of more than a thousand inputs.

    Raises TypeError or ValueError for arguments that do not fit. Source: Frantar, Singh and Alistarh, arXiv
    2208.11580; notebook 03.2."""
    if arguments.tensor("weight", weight).ndim < 2:
        raise ValueError(f"weight must have a row for each output unit, got shape {tuple(weight.shape)}")
    sparsity = arguments.fraction("sparsity", sparsity)
    old = weight.detach().double().flatten(1)
    arguments.shaped("hessian", hessian, (old.shape[1],) * 2)
    regular = damped(hessian.double(), damping)
    inverse = torch.linalg.inv(regular)
    found = [_removals(rows, inverse) for rows in old.split(ROWS)]
    order, losses = (torch.cat(parts) for parts in zip(*found, strict=True))
    # a row's removals keep their order: one that costs less than the one before it comes right behind it
    gone = losses.cummax(1).values.flatten().argsort(stable=True)[: round(sparsity * old.numel())]
    counts = torch.bincount(gone // old.shape[1], minlength=len(old))
    mask = torch.ones_like(old, dtype=torch.bool)
    for row, removed, count in zip(mask, order, counts.tolist(), strict=True):
        row[removed[:count]] = False
    # the steps of a row add up to the least-squares fit of what is left of it
    target, new = old @ regular, torch.zeros_like(old)
    for row, wanted, kept in zip(new, target, mask, strict=True):
        row[kept] = torch.linalg.solve(regular[kept][:, kept], wanted[kept])
    return new.view(weight.shape).to(weight.dtype)


def _removals(rows: torch.Tensor, inverse: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return in which order each of ``rows`` ``(n, inputs)`` loses its weights, and what each costs."""
    n, size = rows.shape
    weights, inverses, each = rows.clone(), inverse.repeat(n, 1, 1), torch.arange(n)
    names = torch.arange(size).repeat(n, 1)
    gone = torch.zeros(n, size, dtype=torch.bool)
    order, losses = torch.empty(n, size, dtype=torch.long), torch.empty(n, size, dtype=torch.float64)
    for step in range(size):
        if step and step % COMPACT == 0:
            # all rows have lost as many weights, so what is left is a smaller batch
            left = (~gone).nonzero()[:, 1].view(n, -1)
            weights, names = weights.gather(1, left), names.gather(1, left)
            inverses = inverses[each[:, None, None], left[:, :, None], left[:, None, :]]
            gone = torch.zeros_like(left, dtype=torch.bool)
        diagonal = inverses.diagonal(dim1=1, dim2=2)
        saliency = (weights**2 / (2 * diagonal)).masked_fill(gone, torch.inf)
        q = saliency.argmin(1)
        order[:, step], losses[:, step] = names[each, q], saliency[each, q]
        column, pivot = inverses[each, :, q], diagonal[each, q].clone()
        weights = weights - (weights[each, q] / pivot)[:, None] * column
        inverses.baddbmm_(-column[:, :, None] / pivot[:, None, None], column[:, None, :])
        gone[each, q] = True
        # the eliminated row and column would be zeros up to rounding
        inverses[each, q], inverses[each, :, q], inverses[each, q, q] = 0.0, 0.0, 1.0
        weights[each, q] = 0.0
    return order, losses


ENTRIES = (
    Criterion("OBC", obc, ("weight",), ("data", "hessian"), "Frantar et al. 2022, arXiv 2208.11580", True),
)

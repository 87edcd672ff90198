"""What a removed channel does to the next layer's output, and the least-squares refit that repairs most of
it.

A layer computes ``Y = X W^T``, where the rows of ``X`` are what it reads (the patches of a convolution). With
``H = 2 X^T X / N`` (``layer_hessians``) any change ``D`` of the weights makes the squared error ``trace(D H
D^T) / 2`` per example."""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.connections import patches
from prunelab.criteria.flow import forward
from prunelab.criteria.layerwise import layer_hessians
from prunelab.criteria.registry import BATCH, Criterion, batches, check_data, per_unit, unchanged
from prunelab.criteria.second_order import damped
from prunelab.masks import apply_masks, expand_masks, prunable

DAMPING = 1e-4  # of the mean diagonal of H: inputs that are always zero would make it singular


def reconstruction_error(
    model: nn.Module, dataset: TensorDataset | None = None, *, refit: bool = True, batch_size: int = BATCH
) -> dict[str, torch.Tensor]:
    """Return the squared error, per example, that removing a unit makes in the output of the layer that reads
    it.

    With ``refit=True`` the weights of that layer's other inputs are first re-fitted by least squares, so a
    unit that the others can stand in for scores low: ``trace(W_g [(H^-1)_gg]^-1 W_g^T) / 2``, where ``g`` are
    the inputs that come from the unit. Without: ``trace(W_g H_gg W_g^T) / 2``. Several readers add up. Shapes
    ``(out, 1, 1, 1)`` or ``(out, 1)``, float64; labels are not used.

    Raises TypeError or ValueError for bad data, for convolutions with groups and for a model in which no
    layer reads the activations of another through pooling or flattening alone; FloatingPointError for
    activations that are not finite. Source: He, Zhang and Sun, "Channel pruning for accelerating very deep
    neural networks", arXiv 1707.06168; notebook 03.3."""
    dataset = check_data(dataset, labels=False)
    hessians = layer_hessians(model, dataset, batch_size=batch_size)
    with unchanged(model), torch.no_grad():
        sources = {
            name: flow.source
            for name, flow in forward(model, dataset.tensors[0][:2])[1].items()
            if flow.source
        }
    if not sources:
        raise ValueError(
            f"model must have a layer that reads the activations of another, got {type(model).__name__}"
            " without one"
        )
    weights = prunable(model)
    scores: dict[str, torch.Tensor] = {}
    for reader, source in sources.items():
        hessian, units = hessians[reader], len(weights[source])
        if not torch.isfinite(hessian).all():
            raise FloatingPointError(
                f"the inputs of {reader} are not finite; look for NaN or overflow in the weights"
            )
        # (units, out, inputs of each)
        read = weights[reader].detach().double().flatten(1).unflatten(1, (units, -1)).transpose(0, 1)
        matrix = damped(hessian, DAMPING).inverse() if refit else hessian
        blocks = matrix.view(units, read.shape[2], units, -1).diagonal(dim1=0, dim2=2).movedim(-1, 0)
        inner = torch.linalg.solve(blocks, read.mT).mT if refit else read @ blocks
        error = (inner * read).sum((1, 2)).clamp_min(0) / 2
        scores[source] = scores.get(source, 0) + per_unit(error, weights[source])
    return {name: scores[name] for name in weights if name in scores}


def output_error(weight: torch.Tensor, other: torch.Tensor, hessian: torch.Tensor) -> float:
    """Return the squared difference, per example, between a layer's output with ``weight`` and with
    ``other``.

    ``hessian`` is the layer's ``H`` ``(features, features)``. Raises TypeError or ValueError if the three do
    not fit. Source: notebook 03.3."""
    arguments.shaped("other", other, arguments.tensor("weight", weight).shape)
    features = weight[:1].numel()
    hessian = arguments.shaped("hessian", hessian, (features, features)).double()
    change = (weight.detach() - other.detach()).double().flatten(1)
    return float(((change @ hessian) * change).sum() / 2)


def refit_layer(
    weight: torch.Tensor, mask: torch.Tensor, hessian: torch.Tensor, cross: torch.Tensor
) -> torch.Tensor:
    """Return the weights that, with only ``mask`` kept, come closest to a target output in the least-squares
    sense.

    Each row (output unit) solves ``H_SS w_S = c_S`` for its own kept set ``S``. ``hessian`` is ``H``
    ``(features, features)`` of the inputs; ``cross`` ``(features, out)`` is ``2 X^T Y / N`` for the target
    output ``Y``. A damping of 1e-4 of the mean diagonal pulls towards the old weights. Result: shape and
    dtype of ``weight``, zeros where ``mask`` is False.

    Raises TypeError or ValueError for a mask or matrices that do not fit. Source: He et al., arXiv
    1707.06168; notebook 03.3."""
    arguments.tensor("weight", weight)
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.shape != weight.shape:
        raise ValueError(
            f"mask must be a bool tensor of shape {tuple(weight.shape)}, got {getattr(mask, 'shape', mask)}"
        )
    old, kept = weight.detach().double().flatten(1), mask.flatten(1)
    rows, features = old.shape
    if arguments.tensor("hessian", hessian).shape != (features, features):
        raise ValueError(f"hessian must have shape {(features, features)}, got {tuple(hessian.shape)}")
    if arguments.tensor("cross", cross).shape != (features, rows):
        raise ValueError(f"cross must have shape {(features, rows)}, got {tuple(cross.shape)}")
    new = torch.zeros_like(old)
    if not hessian.any():  # the layer reads nothing but zeros: any weights do
        return weight.detach() * mask
    regular = damped(hessian, DAMPING)
    target = cross + (regular - hessian) @ old.T
    patterns, members = kept.unique(dim=0, return_inverse=True)
    for number, pattern in enumerate(patterns):  # rows that keep the same inputs are solved together
        row, column = (members == number).nonzero().flatten(), pattern.nonzero().flatten()
        if len(column):
            new[row[:, None], column] = torch.linalg.solve(
                regular[column][:, column], target[column][:, row]
            ).T
    return new.view(weight.shape).to(weight.dtype)


def refit_model(
    model: nn.Module,
    masks: Mapping[str, torch.Tensor],
    dataset: TensorDataset,
    *,
    order: Sequence[str] | None = None,
    batch_size: int = BATCH,
) -> nn.Module:
    """Return a pruned copy of ``model`` whose kept weights are re-fitted layer by layer, so that each layer's
    output stays close.

    All ``masks`` are applied first (masks of biases too). Then each layer in ``order`` (parameter names,
    default: all of them, front to back) is fitted: its inputs are those of the pruned copy, its target is
    what it puts out in the dense model.

    Raises TypeError or ValueError for masks, data or names that do not fit. Source: He et al., arXiv
    1707.06168; notebook 03.3."""
    weights = prunable(model)
    pruned = copy.deepcopy(model)
    apply_masks(pruned, masks)
    full = expand_masks(model, masks)
    for name in weights if order is None else arguments.labels("order", order):
        arguments.one_of("a name in order", name, weights)
        hessian, cross = moments(pruned, model, name, dataset, batch_size)
        mask = full.get(name, torch.ones_like(weights[name], dtype=torch.bool))
        with torch.no_grad():
            prunable(pruned)[name].copy_(refit_layer(weights[name], mask, hessian, cross))
    return pruned.eval()


def moments(
    pruned: nn.Module, dense: nn.Module, name: str, dataset: TensorDataset, batch_size: int = BATCH
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``2 X^T X / N`` and ``2 X^T Y / N`` of layer ``name``: inputs X of ``pruned``, outputs Y (no
    bias) of ``dense``.

    ``(features, features)`` and ``(features, out)``, float64. Source: notebook 03.4.
    """
    dataset = check_data(dataset, labels=False)
    hessian = cross = torch.zeros((), dtype=torch.float64)
    with unchanged(pruned), unchanged(dense), torch.no_grad():
        old = prunable(dense)[name].double().flatten(1)
        for images, *_ in batches(dataset, batch_size):
            x, reference = (
                patches(flow.layer, flow.inputs).transpose(1, 2).flatten(0, 1)
                for flow in (forward(model, images)[1][name] for model in (pruned, dense))
            )
            hessian, cross = hessian + x.T @ x, cross + x.T @ (reference @ old.T)
    return 2 * hessian / len(dataset), 2 * cross / len(dataset)


ENTRIES = (
    Criterion(
        "reconstruction",
        reconstruction_error,
        ("filter", "neuron"),
        ("data",),
        "He et al. 2017, arXiv 1707.06168",
    ),
)

"""The oracle: remove a unit, look at the loss, put it back. What every criterion tries to guess."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.batchnorm import bn_pairs
from prunelab.criteria.flow import activated, forward
from prunelab.criteria.registry import BATCH, Criterion, batches, check_data, per_unit, unchanged
from prunelab.masks import prunable


def loss_changes(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    *,
    layers: list[str] | None = None,
    batch_size: int = BATCH,
) -> dict[str, torch.Tensor]:
    """Return by how much the mean cross-entropy changes when a unit is removed alone, for every unit; signed,
    float64.

    Removed means that the unit's activation is zero everywhere: weights, bias and BatchNorm shift gone.
    ``layers`` restricts the work to some parameter names. One forward pass of the rest of the network for
    each unit: exact, and too slow for a large network.

    Raises TypeError or ValueError for bad data, a model without a ReLU behind a layer, or an unknown name in
    ``layers``. Source: Molchanov et al., arXiv 1611.06440 (the oracle); notebook 03.3."""
    dataset = check_data(dataset)
    totals: dict[str, torch.Tensor] = {}
    with unchanged(model), torch.no_grad():
        for images, labels in batches(dataset, batch_size):
            output, flows = forward(model, images)
            before = F.cross_entropy(output, labels, reduction="sum").double()
            flows = activated(flows, model)
            for name in flows if layers is None else layers:
                flow = flows[arguments.one_of("a name in layers", name, flows)]
                found = _without_each(model, flow.last, flow.activation.shape[1], images, labels) - before
                totals[name] = totals.get(name, 0) + found
    weights = prunable(model)
    return {name: per_unit(total / len(dataset), weights[name]) for name, total in totals.items()}


def _without_each(
    model: nn.Module, last: nn.Module, units: int, images: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Return the summed loss with each unit of ``last`` silent in turn, ``(units,)`` float64."""
    children = list(model) if isinstance(model, nn.Sequential) else []
    if any(child is last for child in children):  # a chain: what lies before the unit is computed once
        split = next(i for i, child in enumerate(children) if child is last) + 1
        head, tail = nn.Sequential(*children[:split]), nn.Sequential(*children[split:])
        full = head(images)

        def silent(unit: int) -> torch.Tensor:
            output = full.clone()
            output[:, unit] = 0
            return tail(output)

    else:

        def silent(unit: int) -> torch.Tensor:
            hook = last.register_forward_hook(
                lambda module, inputs, output: output.index_fill(1, torch.tensor([unit]), 0)
            )
            try:
                return model(images)
            finally:
                hook.remove()

    return torch.stack(
        [F.cross_entropy(silent(unit), labels, reduction="sum").double() for unit in range(units)]
    )


def oracle(
    model: nn.Module, dataset: TensorDataset | None = None, *, batch_size: int = BATCH
) -> dict[str, torch.Tensor]:
    """Return ``|change of the loss|`` when a unit is removed: ``loss_changes`` without its sign. Source:
    notebook 03.3.
    """
    return {
        name: change.abs() for name, change in loss_changes(model, dataset, batch_size=batch_size).items()
    }


def unit_masks(model: nn.Module, masks: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return ``masks`` of units, ``(out, 1, 1, 1)`` or ``(out, 1)``, with the masks that make a dropped unit
    really silent.

    A filter of zeros still sends its bias, and a BatchNorm its shift. So the layer's bias, and scale and
    shift of a BatchNorm defined right behind it, get the mask ``(out,)`` as well. The result works with
    ``apply_masks`` and ``train``.

    Raises ValueError for an unknown name or a mask that is not one entry per unit. Source: notebook 03.3.
    """
    weights, parameters = prunable(model), dict(model.named_parameters())
    names = {parameter: name for name, parameter in parameters.items()}
    try:
        norms = bn_pairs(model)
    except ValueError:  # no BatchNorm in this model
        norms = {}
    full = {}
    for name, mask in arguments.mapping("masks", masks, at_least=0).items():
        arguments.mask(f"masks[{name!r}]", mask)
        weight = weights[arguments.one_of("a name in masks", name, weights)]
        if mask.shape != per_unit(torch.ones(len(weight)), weight).shape:
            raise ValueError(
                f"masks[{name!r}] must hold one entry per unit, shape ({len(weight)}, 1, ...), got"
                f" {tuple(mask.shape)}"
            )
        full[name] = mask
        bias = name.removesuffix("weight") + "bias"
        extra = [bias] if bias in parameters else []
        if name in norms:
            extra += [names[norms[name][1].weight], names[norms[name][1].bias]]
        full |= {other: mask.flatten() for other in extra}
    return full


ENTRIES = (
    Criterion(
        "oracle", oracle, ("filter", "neuron"), ("data", "labels"), "Molchanov et al. 2017, arXiv 1611.06440"
    ),
)

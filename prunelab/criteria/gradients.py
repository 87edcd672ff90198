"""Criteria from the first derivative of the loss: the gradient alone, and weight times gradient."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.registry import (
    BATCH,
    Criterion,
    batches,
    check_data,
    mean_gradients,
    per_unit,
    unchanged,
    unit_layers,
)
from prunelab.criteria.second_order import curvature_diagonal, watch
from prunelab.masks import prunable


def gradient(
    model: nn.Module, dataset: TensorDataset | None = None, *, batch_size: int = BATCH
) -> dict[str, torch.Tensor]:
    """Return ``|g|`` of every weight, where ``g`` is the gradient of the mean cross-entropy over ``dataset``;
    float64.

    At a minimum of the loss ``g`` is close to zero for every weight, so the ranking is mostly noise: notebook
    03.1 shows it fail.

    Raises TypeError or ValueError for bad data, FloatingPointError for a gradient that is not finite. Source:
    notebook 03.1."""
    return {name: g.abs() for name, g in mean_gradients(model, check_data(dataset), batch_size).items()}


def weight_gradient(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    *,
    granularity: str = "weight",
    batch_size: int = BATCH,
) -> dict[str, torch.Tensor]:
    """Return ``|w * g|`` of every weight: the size of the first-order change of the loss when the weight is
    set to zero; float64.

    ``g`` is the gradient of the mean cross-entropy over ``dataset``. With ``granularity="filter"`` the
    products of a filter (or neuron) are summed, with their signs, before the absolute value: ``(out, 1, 1,
    1)`` or ``(out, 1)``, without the output layer. SNIP is the weight form on one batch at initialisation.
    The mean over the examples comes first here; ``squared_gradient`` squares each example's change before.

    Raises as ``gradient`` does, and ValueError for another granularity.
    Source: Lee et al., arXiv 1810.02340; notebook 03.1.
    """
    arguments.one_of("granularity", granularity, ("weight", "filter"))
    gradients = mean_gradients(model, check_data(dataset), batch_size)
    products = {name: weight.detach().double() * gradients[name] for name, weight in prunable(model).items()}
    if granularity == "weight":
        return {name: product.abs() for name, product in products.items()}
    return {
        name: per_unit(products[name].flatten(1).sum(1).abs(), weight)
        for name, weight in unit_layers(model).items()
    }


def filter_gradient(model: nn.Module, dataset: TensorDataset | None = None) -> dict[str, torch.Tensor]:
    """Return weight times gradient summed per filter: ``weight_gradient(model, dataset,
    granularity="filter")``; 03.1.
    """
    return weight_gradient(model, dataset, granularity="filter")


def squared_gradient(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    *,
    granularity: str = "weight",
    batch_size: int = BATCH,
) -> dict[str, torch.Tensor]:
    """Return the mean over the examples of ``(w * g_n)**2``, where ``g_n`` is the gradient of the loss of
    example ``n`` alone; float64.

    With ``granularity="filter"`` the products of a filter (or neuron) are summed, with their signs, for each
    example, and squared then: ``(out, 1, 1, 1)`` or ``(out, 1)``, without the output layer. Opposite signs of
    two examples do not cancel. For single weights it is twice ``obd(curvature="empirical")``. The authors'
    program squares for each mini-batch; this is the form with one example a batch.

    Raises TypeError or ValueError for bad data, another granularity or a layer as ``obd`` refuses,
    FloatingPointError for a gradient that is not finite. Source: Molchanov et al., arXiv 1906.10771; notebook
    03.1."""
    arguments.one_of("granularity", granularity, ("weight", "filter"))
    dataset = check_data(dataset)
    arguments.fits("dataset", dataset.tensors[0][:1], arguments.module("model", model))
    if granularity == "weight":
        squares = curvature_diagonal(model, dataset, curvature="empirical", batch_size=batch_size)
        return {
            name: squares[name] * weight.detach().double() ** 2 for name, weight in prunable(model).items()
        }
    weights = unit_layers(model)
    totals = {name: torch.zeros(len(weight), dtype=torch.float64) for name, weight in weights.items()}
    with unchanged(model):
        seen = watch(model)
        for images, labels in batches(dataset, batch_size):
            seen.clear()
            loss = F.cross_entropy(model(images), labels, reduction="sum")
            outputs = {name: seen[name][2] for name in totals}
            found = torch.autograd.grad(loss, list(outputs.values()))
            for (name, output), g in zip(outputs.items(), found, strict=True):
                # sum_i g_i w_i of a unit is its output without the bias, times the gradient there
                bias = seen[name][0].bias
                bare = output.detach() - (0 if bias is None else per_unit(bias.detach(), output[0])[None])
                totals[name] += (g * bare).double().reshape(*g.shape[:2], -1).sum(2).square().sum(0)
    for name, total in totals.items():
        if not torch.isfinite(total).all():
            raise FloatingPointError(
                f"the gradient of {name} is not finite; look for NaN or overflow in the weights"
            )
    return {name: per_unit(total / len(dataset), weights[name]) for name, total in totals.items()}


def filter_squared_gradient(
    model: nn.Module, dataset: TensorDataset | None = None
) -> dict[str, torch.Tensor]:
    """Return the mean square, over the examples, of weight times gradient summed per filter:
    ``squared_gradient(model, dataset, granularity="filter")``; 03.1.
    """
    return squared_gradient(model, dataset, granularity="filter")


NEEDS = ("data", "labels", "gradients")
ENTRIES = (
    Criterion("gradient", gradient, ("weight",), NEEDS, "the counterexample of notebook 03.1"),
    Criterion("weight x gradient", weight_gradient, ("weight",), NEEDS, "Lee et al. 2019, arXiv 1810.02340"),
    Criterion(
        "filter weight x gradient",
        filter_gradient,
        ("filter", "neuron"),
        NEEDS,
        "weight x gradient, summed; notebook 03.1",
    ),
    Criterion(
        "squared weight x gradient",
        squared_gradient,
        ("weight",),
        NEEDS,
        "Molchanov et al. 2019, arXiv 1906.10771",
    ),
    Criterion(
        "filter squared weight x gradient",
        filter_squared_gradient,
        ("filter", "neuron"),
        NEEDS,
        "Molchanov et al. 2019, arXiv 1906.10771",
    ),
)

"""Criteria from the first derivative of the loss: the gradient alone, and weight times gradient."""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.registry import BATCH, Criterion, check_data, mean_gradients, per_unit, unit_layers
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

    Raises as ``gradient`` does, and ValueError for another granularity.
    Source: Lee et al., arXiv 1810.02340; Molchanov et al., arXiv 1906.10771 (groups); notebook 03.1.
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


NEEDS = ("data", "labels", "gradients")
ENTRIES = (
    Criterion("gradient", gradient, ("weight",), NEEDS, "the counterexample of notebook 03.1"),
    Criterion("weight x gradient", weight_gradient, ("weight",), NEEDS, "Lee et al. 2019, arXiv 1810.02340"),
    Criterion(
        "filter weight x gradient",
        filter_gradient,
        ("filter", "neuron"),
        NEEDS,
        "Molchanov et al. 2019, arXiv 1906.10771",
    ),
)

"""Energy-aware pruning: an explicit energy model, and a strategy that prunes layers in order of what they
cost.
"""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from numbers import Real

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.flow import forward
from prunelab.criteria.reconstruction import moments, refit_layer
from prunelab.criteria.registry import BATCH, Criterion, check_data, unchanged
from prunelab.masks import expand_masks, keep_top, prunable

REGISTER_ACCESSES = (
    4  # of one multiply-accumulate: it reads a weight, an input and a partial sum, and writes the sum back
)


@dataclass(frozen=True)
class EnergyCosts:
    """What one multiply-accumulate (``mac``) and one access to registers, on-chip ``buffer`` and ``dram``
    cost, relative to a MAC.

    ``batch`` images share one fetch of every weight. The defaults are the relative costs usually quoted for
    the Eyeriss chip; change them to model another machine. Raises TypeError or ValueError for a cost that is
    no number of at least 0. Source: notebook 03.4."""

    mac: float = 1.0
    register: float = 1.0
    buffer: float = 6.0
    dram: float = 200.0
    batch: int = 1

    def __post_init__(self):
        arguments.count("batch", self.batch)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(f"{field.name} must be a number of at least 0, got {value!r}")
            if not (value >= 0 and math.isfinite(value)):
                raise ValueError(f"{field.name} must be finite and at least 0, got {value!r}")


@dataclass(frozen=True)
class LayerEnergy:
    """Energy of one layer for one image, in units of one MAC: computing, fetching weights, moving
    activations.
    """

    compute: float
    weights: float
    activations: float

    @property
    def total(self) -> float:
        return self.compute + self.weights + self.activations


def layer_energies(
    model: nn.Module,
    example_input: torch.Tensor,
    masks: Mapping[str, torch.Tensor] | None = None,
    costs: EnergyCosts | None = None,
) -> dict[str, LayerEnergy]:
    """Return the energy of every prunable layer for one image, by parameter name, under an explicit model.

    Only weights that are kept by ``masks`` and not zero count, as on a machine that skips zeros and pays
    nothing for indices:

    - compute: MACs * (mac + 4 register); a kept weight makes one MAC at each output position
    - weights: kept weights * (buffer + dram) / batch; every weight is fetched once for the batch
    - activations: (inputs + outputs) * (buffer + dram); each is moved once

    ``example_input`` ``(1, ...)`` is one image. Raises TypeError or ValueError for anything else, and as
    ``expand_masks`` does. Source: after Yang, Chen and Sze, arXiv 1611.05128, much simplified; notebook 03.4.
    """
    costs = EnergyCosts() if costs is None else costs
    if not isinstance(costs, EnergyCosts):
        raise TypeError(f"costs must be an EnergyCosts, got {type(costs).__name__}")
    if arguments.tensor("example_input", example_input).ndim == 0 or len(example_input) != 1:
        raise ValueError(
            f"example_input must hold one image, shape (1, ...), got {tuple(example_input.shape)}"
        )
    full = expand_masks(model, {} if masks is None else masks)
    arguments.fits("example_input", example_input, model)
    with unchanged(model), torch.no_grad():
        flows = forward(model, example_input)[1]
        energies = {}
        for name, weight in prunable(model).items():
            outputs = flows[name].layer(flows[name].inputs).numel()
            kept = int((weight * full.get(name, 1)).count_nonzero())
            macs = kept * outputs // len(weight)
            move = costs.buffer + costs.dram
            energies[name] = LayerEnergy(
                compute=macs * (costs.mac + REGISTER_ACCESSES * costs.register),
                weights=kept * move / costs.batch,
                activations=(flows[name].inputs.numel() + outputs) * move,
            )
    return energies


def energy_order(
    model: nn.Module, example_input: torch.Tensor, costs: EnergyCosts | None = None
) -> list[str]:
    """Return the parameter names of the prunable layers in descending energy; equal ones in the order of the
    model.

    Raises as ``layer_energies`` does. Source: Yang et al., arXiv 1611.05128; notebook 03.4.
    """
    energies = layer_energies(model, example_input, costs=costs)
    return sorted(energies, key=lambda name: -energies[name].total)


def restore_gains(weight: torch.Tensor, mask: torch.Tensor, hessian: torch.Tensor) -> torch.Tensor:
    """Return by how much the squared output error falls when one pruned weight is put back; float64, of the
    weight's shape.

    With the removed part ``D`` of a row and ``H = 2 X^T X / N`` ``(features, features)`` of the layer's
    inputs it is ``w (D H)_j - w**2 h_jj / 2`` for the removed weight ``w`` at input ``j``; minus infinity for
    a weight that is there. Raises TypeError or ValueError for a mask or a Hessian that does not fit. Source:
    notebook 03.4."""
    arguments.mask("mask", mask, arguments.tensor("weight", weight).shape)
    features = weight[:1].numel()
    hessian = arguments.shaped("hessian", hessian, (features, features)).double()
    removed = (weight.detach().double() * ~mask).flatten(1)
    gains = removed * (removed @ hessian) - removed**2 * hessian.diagonal() / 2
    return gains.view(weight.shape).masked_fill(mask, -math.inf)


@dataclass(frozen=True)
class EnergyPruned:
    """The outcome of ``energy_aware``: the pruned copy, its masks, the order of the layers, and the energy
    after each of them.
    """

    model: nn.Module
    masks: dict[str, torch.Tensor]
    order: list[str]
    energies: list[float]


def energy_aware(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    sparsity: float | Mapping[str, float] = 0.8,
    *,
    costs: EnergyCosts | None = None,
    restore: float = 0.1,
    batch_size: int = BATCH,
) -> EnergyPruned:
    """Prune the layers in descending energy, each with a local repair; a strategy, which returns a pruned
    copy and its masks.

    In each layer: remove the smallest weights, by magnitude, a share ``restore`` of the kept ones more than
    wanted; put back as many of the removed weights as were removed too much, those whose return lowers the
    output error most; re-fit the kept weights by least squares to the dense layer's output, on the inputs
    that the copy, as pruned so far, gives. Exactly ``round(sparsity * n)`` weights of each layer end up zero;
    a dict gives a sparsity by parameter name, and a layer it does not name is left alone.

    Raises TypeError or ValueError for bad data, a sparsity or ``restore`` outside [0, 1] or an unknown name.
    Source: Yang, Chen and Sze, arXiv 1611.05128; notebook 03.4.
    """
    dataset = check_data(dataset, labels=False)
    restore = arguments.fraction("restore", restore)
    weights = prunable(model)
    ratios = sparsity if isinstance(sparsity, Mapping) else dict.fromkeys(weights, sparsity)
    for name, ratio in ratios.items():
        arguments.one_of("a name in sparsity", name, weights)
        arguments.fraction(f"sparsity[{name!r}]", ratio)
    example = dataset.tensors[0][:1]
    order = [name for name in energy_order(model, example, costs) if name in ratios]
    pruned, masks, energies = copy.deepcopy(model).eval(), {}, []
    for name in order:
        weight, ratio = weights[name].detach(), ratios[name]
        hessian, cross = moments(pruned, model, name, dataset, batch_size)
        mask = keep_top(weight.abs(), min(1.0, ratio + restore * (1 - ratio)))
        back = int((~mask).sum()) - round(ratio * weight.numel())
        gains = restore_gains(weight, mask, hessian).flatten()
        mask.view(-1)[gains.argsort(descending=True, stable=True)[:back]] = True
        with torch.no_grad():
            prunable(pruned)[name].copy_(refit_layer(weight, mask, hessian, cross))
        masks[name] = mask
        energies.append(sum(e.total for e in layer_energies(pruned, example, costs=costs).values()))
    return EnergyPruned(pruned, masks, order, energies)


PAPER = "Yang, Chen and Sze 2017, arXiv 1611.05128"
ENTRIES = (Criterion("energy-aware", energy_aware, ("weight",), ("data",), PAPER, strategy=True),)

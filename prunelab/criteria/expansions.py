"""What a Taylor expansion of the loss makes of a pruning step, and what it leaves out."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.registry import BATCH, batches, check_data, unchanged
from prunelab.masks import apply_masks, expand_masks, prunable


@dataclass(frozen=True)
class Expansion:
    """The change of the mean cross-entropy when weights are set to zero: ``slope`` and ``curvature`` are the
    first two terms of its expansion, ``true`` is the change itself.
    """

    slope: float
    curvature: float
    true: float

    @property
    def rest(self) -> float:
        """What the two terms leave out: everything of third and higher order."""
        return self.true - self.slope - self.curvature


def expansion(
    model: nn.Module,
    masks: Mapping[str, torch.Tensor],
    dataset: TensorDataset | None = None,
    *,
    batch_size: int = BATCH,
) -> Expansion:
    """Return what the step to zero of all weights that ``masks`` drop does to the loss on ``dataset``, and
    what the expansion says of it.

    With the step ``d`` (minus the weight where a mask is False, else 0) the slope is ``g . d`` and the
    curvature ``d . H d / 2``, with the exact Hessian: the derivative of ``g . d`` is ``H d``, so two backward
    passes give it without any matrix. ``masks`` are those of weights, by parameter name.

    Raises TypeError or ValueError for bad data or masks, FloatingPointError for a loss that is not finite.
    Source: Pearlmutter, "Fast exact multiplication by the Hessian" (1994); notebook 03.2."""
    dataset = check_data(dataset)
    arguments.fits("dataset", dataset.tensors[0][:1], arguments.module("model", model))
    weights = prunable(model)
    for name in arguments.mapping("masks", masks):
        arguments.one_of("a name in masks", name, weights)
    full = expand_masks(model, masks)
    before = slope = curvature = after = 0.0
    with unchanged(model):
        moved = [weights[name] for name in full]
        steps = [-(weights[name].detach() * ~mask) for name, mask in full.items()]
        for images, labels in batches(dataset, batch_size):
            loss = F.cross_entropy(model(images), labels, reduction="sum")
            gradients = torch.autograd.grad(loss, moved, create_graph=True)
            along = sum((g * d).sum() for g, d in zip(gradients, steps, strict=True))
            products = torch.autograd.grad(along, moved)
            before, slope = before + loss.item(), slope + along.item()
            curvature += float(sum((h * d).double().sum() for h, d in zip(products, steps, strict=True))) / 2
        apply_masks(model, full)
        with torch.no_grad():
            for images, labels in batches(dataset, batch_size):
                after += float(F.cross_entropy(model(images), labels, reduction="sum").double())
    values = torch.tensor([slope, curvature, after - before], dtype=torch.float64) / len(dataset)
    if not torch.isfinite(values).all():
        raise FloatingPointError("the loss is not finite; look for NaN or overflow in the weights")
    return Expansion(*values.tolist())

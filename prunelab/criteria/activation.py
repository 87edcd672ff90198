"""Criteria that look at what a unit does on data: APoZ, entropy, Taylor expansion on feature maps,
intra-class correlation.

A unit is a filter of a convolution, whose activation is a map ``(n, H, W)``, or a neuron of a linear layer,
with one number for each example. All activations are taken right after the ReLU, in eval mode, and sums run
in float64."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.flow import activated, activations, forward
from prunelab.criteria.registry import BATCH, Criterion, batches, check_data, per_unit, unchanged
from prunelab.masks import prunable

NORMALIZE = ("layer", "none")


def apoz(
    model: nn.Module, dataset: TensorDataset | None = None, *, batch_size: int = BATCH
) -> dict[str, torch.Tensor]:
    """Return 1 - APoZ of every unit: the share of its activations after the ReLU that are not zero, over
    examples and positions.

    APoZ (average percentage of zeros) is high for a unit to drop, so its complement is the score. A dead unit
    has APoZ 1, score 0. Shapes ``(out, 1, 1, 1)`` or ``(out, 1)``, float64; the labels of ``dataset`` are not
    used.

    Raises TypeError or ValueError for bad data or a model without an ``nn.ReLU`` behind a layer,
    FloatingPointError for activations that are not finite. Source: Hu et al., arXiv 1607.03250; notebook
    03.3."""
    active: dict[str, torch.Tensor] = {}
    total: dict[str, int] = {}
    with unchanged(model):
        for found in activations(model, dataset, batch_size):
            for name, z in found.items():
                per_example = z.flatten(2) if z.ndim > 2 else z.unsqueeze(2)
                active[name] = active.get(name, 0) + (per_example > 0).sum((0, 2)).double()
                total[name] = total.get(name, 0) + per_example[:, 0].numel()
    return _shaped(model, {name: count / total[name] for name, count in active.items()})


def entropy(
    model: nn.Module, dataset: TensorDataset | None = None, *, bins: int = 100, batch_size: int = BATCH
) -> dict[str, torch.Tensor]:
    """Return the entropy, in nats, of every unit's mean activation: how differently it answers to different
    examples.

    A feature map becomes its mean over the positions; the N means of a unit are counted in ``bins`` equal
    bins between its own smallest and largest one; the score is ``-sum p log p``, from 0 (a constant unit) to
    ``log(bins)``. float64, shapes as ``apoz``.

    Raises as ``apoz`` does, and TypeError or ValueError for ``bins`` that is no integer of at least 2.
    Source: Luo and Wu, arXiv 1706.05791; notebook 03.3.
    """
    arguments.count("bins", bins, at_least=2)
    return _shaped(
        model,
        {
            name: _entropies(means, bins)
            for name, means in _pooled(model, dataset, batch_size, "mean").items()
        },
    )


def taylor(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    *,
    normalize: str = "layer",
    batch_size: int = BATCH,
) -> dict[str, torch.Tensor]:
    """Return the Taylor criterion of every unit: how much an example's loss changes, to first order, without
    the unit.

    For the map ``z`` of a unit: the mean over the examples of ``|mean over the positions of dL/dz * z|``,
    where ``L`` is the loss of that one example. The absolute value comes before the mean over the examples;
    otherwise opposite signs cancel. With ``normalize="layer"`` the scores of a layer are divided by their L2
    norm, so that layers can be compared. float64.

    Raises as ``apoz`` does, for labels that are missing, and for an unknown normalisation.
    Source: Molchanov et al., arXiv 1611.06440; notebook 03.3.
    """
    arguments.one_of("normalize", normalize, NORMALIZE)
    dataset = check_data(dataset)
    totals: dict[str, torch.Tensor] = {}
    with unchanged(model):
        for images, labels in batches(dataset, batch_size):
            output, flows = forward(model, images)
            maps = {name: flow.activation for name, flow in activated(flows, model).items()}
            # a sum: each example keeps its own, unscaled gradient
            loss = F.cross_entropy(output, labels, reduction="sum")
            for (name, z), g in zip(
                maps.items(), torch.autograd.grad(loss, list(maps.values())), strict=True
            ):
                if not torch.isfinite(g * z).all():
                    raise FloatingPointError(
                        f"activation times gradient of {name} is not finite; look for NaN in the weights"
                    )
                change = (g * z).detach().double().reshape(*z.shape[:2], -1).mean(2)
                totals[name] = totals.get(name, 0) + change.abs().sum(0)
    scores = {name: total / len(dataset) for name, total in totals.items()}
    if normalize == "layer":
        scores = {
            name: score / score.norm().clamp_min(torch.finfo(torch.float64).tiny)
            for name, score in scores.items()
        }
    return _shaped(model, scores)


def icc(
    model: nn.Module, dataset: TensorDataset | None = None, *, batch_size: int = BATCH
) -> dict[str, torch.Tensor]:
    """Return the intra-class correlation of every unit: how far the class of the image explains the unit's
    response, 0 to 1.

    The response to an image is the maximum of the map. From the one-way analysis of variance over the
    classes, ``(MSB - MSW) / (MSB + (n0 - 1) MSW)``: 1 when the class alone decides, near 0 for noise. It can
    come out slightly negative; then, and for a constant unit, the score is 0. float64, shapes as ``apoz``.

    Raises as ``apoz`` does, and ValueError for labels that are missing, of one class only, or all of
    different classes. Source: Tian et al., arXiv 1704.06305 (class separation by LDA); notebook 03.3."""
    dataset = check_data(dataset)
    labels = dataset.tensors[1]
    classes = len(labels.unique())
    if not 1 < classes < len(labels):
        raise ValueError(
            f"dataset must hold at least 2 classes and an example more than classes, got {classes} in"
            f" {len(labels)} examples"
        )
    responses = _pooled(model, dataset, batch_size, "max")
    return _shaped(
        model, {name: intra_class_correlation(r, labels).clamp_min(0) for name, r in responses.items()}
    )


def intra_class_correlation(responses: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the intra-class correlation of every column of ``responses`` ``(N, units)`` over the classes
    ``labels`` ``(N,)``.

    The signed value, from a little below 0 to 1, shape ``(units,)``, float64; 0 for a constant column.
    Source: notebook 03.3."""
    arguments.tensor("responses", responses)
    if arguments.tensor("labels", labels).is_floating_point() or labels.dtype == torch.bool:
        raise TypeError(f"labels must be whole numbers, got {labels.dtype}")
    if responses.ndim != 2 or labels.shape != responses.shape[:1]:
        raise ValueError(
            f"responses must be (N, units) with labels (N,), got {tuple(responses.shape)} and"
            f" {tuple(labels.shape)}"
        )
    _, groups, sizes = labels.unique(return_inverse=True, return_counts=True)
    values, sizes = responses.double(), sizes.double()
    n, k = len(values), len(sizes)
    means = torch.zeros(k, values.shape[1], dtype=torch.float64).index_add(0, groups, values) / sizes[:, None]
    between = (sizes[:, None] * (means - values.mean(0)) ** 2).sum(0) / (k - 1)
    within = ((values - means[groups]) ** 2).sum(0) / (n - k)
    n0 = (n - (sizes**2).sum() / n) / (k - 1)
    scale = between + (n0 - 1) * within
    return torch.where(scale > 0, (between - within) / scale.clamp_min(torch.finfo(torch.float64).tiny), 0.0)


def _pooled(
    model: nn.Module, dataset: TensorDataset | None, batch_size: int, how: str
) -> dict[str, torch.Tensor]:
    """Return one number per example and unit, ``(N, units)`` float64: the mean or the maximum of the map."""
    parts: dict[str, list[torch.Tensor]] = {}
    with unchanged(model):
        for found in activations(model, dataset, batch_size):
            for name, z in found.items():
                maps = z.double().reshape(*z.shape[:2], -1)
                parts.setdefault(name, []).append(maps.mean(2) if how == "mean" else maps.amax(2))
    return {name: torch.cat(values) for name, values in parts.items()}


def _entropies(values: torch.Tensor, bins: int) -> torch.Tensor:
    """Return the entropy of each column of ``values`` ``(N, units)``, in ``bins`` equal bins over the
    column's own range.
    """
    low, high = values.amin(0), values.amax(0)
    width = torch.where(high > low, high - low, 1.0)
    index = ((values - low) / width * bins).long().clamp(max=bins - 1)
    counts = torch.zeros(bins, values.shape[1], dtype=torch.float64).scatter_add(
        0, index, torch.ones_like(values)
    )
    return torch.special.entr(counts / len(values)).sum(0)


def _shaped(model: nn.Module, scores: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    weights = prunable(model)
    return {name: per_unit(score, weights[name]) for name, score in scores.items()}


UNITS = ("filter", "neuron")
ENTRIES = (
    Criterion("APoZ", apoz, UNITS, ("data",), "Hu et al. 2016, arXiv 1607.03250"),
    Criterion("entropy", entropy, UNITS, ("data",), "Luo and Wu 2017, arXiv 1706.05791"),
    Criterion(
        "Taylor", taylor, UNITS, ("data", "labels", "gradients"), "Molchanov et al. 2017, arXiv 1611.06440"
    ),
    Criterion("ICC", icc, UNITS, ("data", "labels"), "Tian et al. 2017, arXiv 1704.06305"),
)

"""Criteria that look at the weights alone: magnitude, group norms, LAMP, and random scores as the control."""

import copy

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.registry import Criterion, per_unit, unchanged, unit_layers
from prunelab.granularity import group_scores
from prunelab.masks import prunable

NORMALIZE = ("none", "size", "layer")
GROUPS = ("filter", "channel")
TINY = torch.finfo(torch.float64).tiny


def magnitude(model: nn.Module, dataset: TensorDataset | None = None) -> dict[str, torch.Tensor]:
    """Return ``|w|`` of every Linear and Conv2d weight, by parameter name, each of the weight's shape.

    The square ``w**2`` ranks single weights alike, so "L1 or L2" is a choice for groups only
    (``group_norm``). ``dataset`` is not used. Raises TypeError or ValueError if there is nothing to score.
    Source: Han et al., arXiv 1506.02626; notebook 03.1.

    >>> layer = torch.nn.Linear(2, 1)
    >>> layer.weight.data = torch.tensor([[-2.0, 1.0]])
    >>> magnitude(layer)
    {'weight': tensor([[2., 1.]])}
    """
    return {name: weight.detach().abs() for name, weight in prunable(model).items()}


def group_norm(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    *,
    granularity: str = "filter",
    norm: int = 2,
    normalize: str = "none",
) -> dict[str, torch.Tensor]:
    """Return ``(sum |w|**norm) ** (1/norm)`` of every filter (or neuron), ``(out, 1, 1, 1)`` or ``(out, 1)``.

    With ``granularity="channel"`` the sum runs over ``W[:, i]`` and the shape is ``(1, in, 1, 1)`` or ``(1,
    in)``. The output layer has no filter scores and the first layer no channel scores: classes and pixels are
    not pruned. ``normalize`` prepares the scores for global scope: ``"size"`` uses the mean of ``|w|**norm``
    instead of the sum, ``"layer"`` divides by the L2 norm of the layer's scores. ``dataset`` is not used.

    Raises ValueError for an unknown granularity or normalisation or a ``norm`` other than 1 and 2.
    Source: Li et al., arXiv 1608.08710 (L1 of filters); notebook 03.1.
    """
    arguments.one_of("granularity", granularity, GROUPS)
    arguments.one_of("normalize", normalize, NORMALIZE)
    weights = unit_layers(model) if granularity == "filter" else dict(list(prunable(model).items())[1:])
    if not weights:
        raise ValueError("model must have a second layer: the channels of the first layer are the input")
    scores = {
        name: group_scores(weight.detach().double(), granularity, norm) for name, weight in weights.items()
    }
    if normalize == "size":
        return {
            name: score / (weights[name].numel() / score.numel()) ** (1 / norm)
            for name, score in scores.items()
        }
    if normalize == "layer":
        return {name: score / score.norm().clamp_min(TINY) for name, score in scores.items()}
    return scores


def filter_l1(model: nn.Module, dataset: TensorDataset | None = None) -> dict[str, torch.Tensor]:
    """Return the L1 norm of every filter: ``group_norm(model, granularity="filter", norm=1)``. Source:
    notebooks 03.1 and 03.4.

    >>> from prunelab.models import LeNet300
    >>> {name: tuple(score.shape) for name, score in filter_l1(LeNet300()).items()}
    {'fc1.weight': (300, 1), 'fc2.weight': (100, 1)}
    """
    return group_norm(model, granularity="filter", norm=1)


def filter_l2(model: nn.Module, dataset: TensorDataset | None = None) -> dict[str, torch.Tensor]:
    """Return the L2 norm of every filter: ``group_norm(model, granularity="filter", norm=2)``. Source:
    notebook 03.1.
    """
    return group_norm(model, granularity="filter", norm=2)


def fpgm(model: nn.Module, dataset: TensorDataset | None = None) -> dict[str, torch.Tensor]:
    """Return the sum of the Euclidean distances from every filter (or neuron) to the others of its layer,
    float64, ``(out, 1, 1, 1)`` or ``(out, 1)``.

    The filter nearest to all others, the geometric median, scores lowest: the others can stand in for it. A
    filter of zeros far from the rest scores high. The output layer has no scores. ``dataset`` is not used.

    Raises TypeError or ValueError for a model without units to prune. Source: He et al., "Filter pruning via
    geometric median", arXiv 1811.00250; notebook 03.5."""
    scores = {}
    for name, weight in unit_layers(model).items():
        filters = weight.detach().double().flatten(1)
        # distances from differences: through squared norms they would come out inexact for equal filters
        apart = torch.cdist(filters, filters, compute_mode="donot_use_mm_for_euclid_dist")
        scores[name] = per_unit(apart.sum(1), weight)
    return scores


def lamp(model: nn.Module, dataset: TensorDataset | None = None) -> dict[str, torch.Tensor]:
    """Return, for every weight, ``w**2`` over the sum of the squares of all weights of its layer that are at
    least as large.

    Inside a layer the order is that of the magnitudes. Across layers the scores are comparable, and the
    largest weight of every layer scores 1, so that a global threshold never empties a layer before the rest.
    Equal magnitudes count as ordered by position. A layer of zeros scores 0. ``dataset`` is not used.

    Source: Lee et al., "Layer-adaptive sparsity for the magnitude-based pruning", arXiv 2010.07611; notebook
    03.1."""
    scores = {}
    for name, weight in prunable(model).items():
        squares = weight.detach().double().flatten() ** 2
        order = squares.argsort(stable=True)
        tails = squares[order].flip(0).cumsum(0).flip(0)
        score = torch.zeros_like(squares)
        score[order] = squares[order] / tails.clamp_min(TINY)
        scores[name] = score.view(weight.shape)
    return scores


@torch.no_grad()
def rescaled(model: nn.Module, first: str, second: str, factor: float) -> nn.Module:
    """Return a copy of ``model`` with layer ``first`` (weight and bias) times ``factor``, the weight of
    ``second`` divided by it.

    If only ReLU, pooling and flattening lie between the two layers, the copy computes the same function,
    because ``ReLU(c x) = c ReLU(x)`` for positive ``c``.

    Raises TypeError or ValueError for a factor that is not positive or a name that is no Linear or Conv2d
    layer. Source: Neyshabur et al., "Path-SGD", arXiv 1506.02617; notebook 03.1."""
    arguments.positive("factor", factor)
    names = [name.removesuffix(".weight") for name in prunable(model)]
    for argument, name in (("first", first), ("second", second)):
        arguments.one_of(argument, name, names)
    copied = copy.deepcopy(model)
    for parameter in copied.get_submodule(first).parameters():
        parameter *= factor
    copied.get_submodule(second).weight /= factor
    return copied


def random_scores(
    model: nn.Module, dataset: TensorDataset | None = None, *, granularity: str = "weight", seed: int = 0
) -> dict[str, torch.Tensor]:
    """Return uniform random numbers in [0, 1), float64, of every weight's shape: the control any criterion
    has to beat.

    With ``granularity="filter"`` one number per filter or neuron, ``(out, 1, 1, 1)`` or ``(out, 1)``, without
    the output layer. The same ``seed`` gives the same scores; torch's random state is left alone. ``dataset``
    is not used.

    Raises TypeError or ValueError for a bad ``seed`` or granularity. Source: notebook 03.1.
    """
    arguments.one_of("granularity", granularity, ("weight", "filter"))
    if granularity == "weight":
        shapes = {name: weight.shape for name, weight in prunable(model).items()}
    else:
        shapes = {
            name: (len(weight), *[1] * (weight.ndim - 1)) for name, weight in unit_layers(model).items()
        }
    with unchanged(model, seed):
        return {name: torch.rand(shape, dtype=torch.float64) for name, shape in shapes.items()}


def random_filters(model: nn.Module, dataset: TensorDataset | None = None) -> dict[str, torch.Tensor]:
    """Return one random number per filter: ``random_scores(model, granularity="filter")``. Source: notebook
    03.1.
    """
    return random_scores(model, granularity="filter")


ENTRIES = (
    Criterion("magnitude", magnitude, ("weight",), (), "Han et al. 2015, arXiv 1506.02626"),
    Criterion("filter L1", filter_l1, ("filter", "neuron"), (), "Li et al. 2017, arXiv 1608.08710"),
    Criterion("filter L2", filter_l2, ("filter", "neuron"), (), "He et al. 2018, arXiv 1808.06866"),
    Criterion("FPGM", fpgm, ("filter", "neuron"), (), "He et al. 2019, arXiv 1811.00250"),
    Criterion("LAMP", lamp, ("weight",), (), "Lee et al. 2021, arXiv 2010.07611"),
    Criterion("random", random_scores, ("weight",), (), "the control"),
    Criterion("random filters", random_filters, ("filter", "neuron"), (), "the control"),
)

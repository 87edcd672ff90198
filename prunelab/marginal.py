"""Ratios of layers by what the next weight costs."""

from collections.abc import Mapping
from itertools import pairwise

from torch import nn

from prunelab import arguments
from prunelab.masks import prunable
from prunelab.schedules import _check_curves, _whole_counts


def equal_marginal_drop(
    model: nn.Module, curves: Mapping[str, Mapping[float, float]], sparsity: float
) -> dict[str, float]:
    """Return the ratios at which the *next* weight costs the same accuracy in every scanned layer, and the
    total is ``sparsity``: of all ratios with this total, those with the smallest sum of drops.

    Each curve of a ``schedules.sensitivity_scan`` becomes drop over weights removed, monotone, and is
    replaced by its lower convex hull, so that a layer pays its cheap weights first. Pieces of all hulls are
    taken from the cheapest per weight on. Given to ``mask_model`` the ratios prune exactly ``round(sparsity
    * n)`` of the ``n`` weights of the scanned layers.

    Raises TypeError or ValueError for bad curves, a name the model lacks, or a sparsity above what the curves
    reach. Source: notebook 04.1."""
    _check_curves(curves)
    sparsity = arguments.fraction("sparsity", sparsity)
    weights = prunable(model)
    for name in curves:
        arguments.one_of("a name in curves", name, weights)
    sizes = {name: weights[name].numel() for name in curves}
    most = sum(max(curves[name]) * size for name, size in sizes.items()) / sum(sizes.values())
    if sparsity > most:
        raise ValueError(
            f"sparsity must be at most {most:.3f}, the most that the curves cover, got {sparsity}"
        )
    # pieces (points per weight, weights, layer) of all layers, the cheapest first
    pieces = [
        ((drop_b - drop_a) / (b - a) / size, (b - a) * size, name)
        for name, size in sizes.items()
        for (a, drop_a), (b, drop_b) in _steps(curves[name])
    ]
    # a piece costs at least as much as those before it in its layer, so sorting keeps a layer's order
    left = sparsity * sum(sizes.values())
    wanted = dict.fromkeys(sizes, 0.0)
    for _, amount, name in sorted(pieces):
        taken = min(amount, left)
        wanted[name] += taken
        left -= taken
    return _whole_counts(wanted, sizes, sparsity)


def _steps(curve: Mapping[float, float]) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return the pieces of the lower convex hull of (sparsity, drop), from left to right."""
    hull: list[tuple[float, float]] = []
    worst = 0.0
    for s in sorted(curve):
        worst = max(worst, curve[0.0] - curve[s])
        point = (s, worst)
        # drop points that lie on or above the line from their left neighbour to the new point
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) >= _slope(hull[-2], point):
            hull.pop()
        hull.append(point)
    return list(pairwise(hull))


def _slope(a: tuple[float, float], b: tuple[float, float]) -> float:
    return (b[1] - a[1]) / (b[0] - a[0])

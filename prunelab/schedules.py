"""How much, when and where: sparsity over time, and one ratio per layer."""

import bisect
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.masks import expand_masks, keep_top, prunable
from prunelab.progress import progress
from prunelab.training import evaluator


def cubic(step: int, start: int, end: int, final: float, initial: float = 0.0) -> float:
    """Return the sparsity at ``step``: ``initial`` up to ``start``, ``final`` from ``end`` on, and between
    the two ``final + (initial - final) * (1 - (step - start) / (end - start)) ** 3``: fast while there is
    much to remove, slow at the end.

    Raises TypeError or ValueError if the steps are no integers of at least 0, ``end`` is not after ``start``,
    a sparsity is outside [0, 1] or ``final`` is below ``initial``. Source: Zhu and Gupta, arXiv 1710.01878;
    notebook 04.3."""
    step, start = arguments.count("step", step, at_least=0), arguments.count("start", start, at_least=0)
    end = arguments.count("end", end, at_least=start + 1)
    initial, final = arguments.fraction("initial", initial), arguments.fraction("final", final)
    if final < initial:
        raise ValueError(f"final must be at least initial = {initial}, got {final}")
    if step <= start:
        return initial
    if step >= end:
        return final
    return final + (initial - final) * (1 - (step - start) / (end - start)) ** 3


def iterative(final: float, rounds: int) -> list[float]:
    """Return the sparsity after each of ``rounds`` rounds that each remove the same share of what is left.

    After round k it is ``1 - (1 - final) ** (k / rounds)``. One round is one-shot pruning, ``[final]``.
    ``final=1`` is refused: all would go in the first round.

    Raises TypeError or ValueError for a ``final`` outside [0, 1) or ``rounds`` not from 1 to a million.
    Source: Han et al., arXiv 1506.02626; notebook 04.1.
    """
    final, rounds = arguments.fraction("final", final), arguments.count("rounds", rounds, at_most=10**6)
    if final == 1:
        raise ValueError("final must be below 1, got 1.0: no share of what is left ever removes everything")
    return [1 - (1 - final) ** (k / rounds) for k in range(1, rounds)] + [final]


def erk(model: nn.Module, sparsity: float) -> dict[str, float]:
    """Return a sparsity per prunable weight (parameter name -> fraction) after Erdos-Renyi-kernel: a layer's
    density is proportional to (sum of its dimensions) / (product of its dimensions), so small layers keep
    more.

    A density above 1 is clipped and the rest shared by the other layers. Given to ``mask_model`` the ratios
    prune exactly ``round(sparsity * n)`` of the ``n`` weights.

    Raises TypeError or ValueError for a model without prunable layers or a sparsity outside [0, 1].
    Source: Evci et al., "Rigging the lottery", arXiv 1911.11134; notebook 04.1.
    """
    weights = prunable(model)
    sparsity = arguments.fraction("sparsity", sparsity)
    sizes = {name: weight.numel() for name, weight in weights.items()}
    # density * size is proportional to it
    share = {name: sum(weight.shape) for name, weight in weights.items()}
    full: set[str] = set()
    keep = sum(sizes.values()) * (1 - sparsity)
    while True:
        free = [name for name in sizes if name not in full]
        if not free:
            return dict.fromkeys(sizes, 0.0)
        factor = (keep - sum(sizes[name] for name in full)) / sum(share[name] for name in free)
        over = [name for name in free if factor * share[name] > sizes[name]]
        if not over:
            break
        full.update(over)
    # weights to prune, not yet whole numbers
    wanted = {name: sizes[name] - factor * share[name] for name in free}
    return _whole_counts(wanted, sizes, sparsity)


def sensitivity_scan(
    model: nn.Module,
    dataset: TensorDataset | Callable[[nn.Module], float],
    sparsities: Iterable[float],
    scores: Mapping[str, torch.Tensor] | None = None,
) -> dict[str, dict[float, float]]:
    """Return {parameter name: {sparsity: accuracy in percent}}: one layer pruned at a time, all others left
    dense.

    ``scores`` (parameter name -> scores, possibly one per group such as ``(out, 1, 1, 1)``) says which layers
    to scan and what goes first; without it every prunable weight is scanned by magnitude. Each curve begins
    with the dense accuracy at sparsity 0. Use the validation split: the curves are for choosing. ``dataset``
    may also be a function ``evaluate(model) -> percent``. The model is unchanged afterwards.

    Raises TypeError or ValueError for a sparsity outside [0, 1], bad scores or a bad dataset. Source: Han et
    al., arXiv 1506.02626; notebook 04.1."""
    if isinstance(sparsities, str | torch.Tensor) or not isinstance(sparsities, Iterable):
        raise TypeError(f"sparsities must be numbers in [0, 1], got {sparsities!r:.80}")
    arguments.module("model", model)
    grid = sorted({arguments.fraction("a value in sparsities", s) for s in sparsities} - {0.0})
    if not grid:
        raise ValueError("sparsities must hold a value above 0, got none")
    if scores is None:
        scores = {name: weight.detach().abs() for name, weight in prunable(model).items()}
    parameters = dict(model.named_parameters())
    ranked = arguments.mapping("scores", scores)
    # refuses names and shapes before the work
    expand_masks(model, {name: keep_top(value, 0) for name, value in ranked.items()})
    evaluate = evaluator(dataset)
    dense = evaluate(model)
    curves = {name: {0.0: dense} for name in ranked}
    with progress(len(grid) * len(ranked), "sensitivity") as bar:
        for name, value in ranked.items():
            original = parameters[name].detach().clone()
            try:
                for sparsity in grid:
                    parameters[name].data.copy_(original).masked_fill_(~keep_top(value, sparsity), 0)
                    curves[name][sparsity] = evaluate(model)
                    bar.update()
            finally:
                parameters[name].data.copy_(original)
    return curves


def from_sensitivity(curves: Mapping[str, Mapping[float, float]], tau: float) -> dict[str, float]:
    """Return, for each layer of a ``sensitivity_scan``, the largest sparsity whose accuracy is less than
    ``tau`` percentage points under the dense one. A layer for which no sparsity qualifies is left out, so
    ``mask_model`` leaves it dense.

    Raises TypeError or ValueError for empty curves, a curve without its dense accuracy at 0 or a ``tau`` that
    is not positive. Source: Li et al., arXiv 1608.08710; notebook 04.1."""
    _check_curves(curves)
    if isinstance(tau, bool) or not isinstance(tau, int | float) or not tau > 0:
        raise ValueError(f"tau must be a positive number of percentage points, got {tau!r}")
    passed = {
        name: [s for s, value in curve.items() if s > 0 and curve[0.0] - value < tau]
        for name, curve in curves.items()
    }
    return {name: max(values) for name, values in passed.items() if values}


def equal_drop(
    model: nn.Module, curves: Mapping[str, Mapping[float, float]], sparsity: float
) -> dict[str, float]:
    """Return the ratios at which every scanned layer loses the same accuracy on its curve and the total is
    ``sparsity``.

    The curves are made monotone and read between their points by straight lines; the drop is found by
    bisection. Given to ``mask_model`` the ratios prune exactly ``round(sparsity * n)`` of the ``n`` weights
    of the scanned layers.

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
    target = sparsity * sum(sizes.values())

    def pruned(drop: float) -> dict[str, float]:
        return {name: _read(curves[name], drop) * size for name, size in sizes.items()}

    # what costs nothing on any curve is enough: all ratios shrink alike
    low, high = 0.0, 100.0
    below = pruned(low)
    if sum(below.values()) >= target:
        part = target / max(sum(below.values()), 1)
        return _whole_counts({name: part * value for name, value in below.items()}, sizes, sparsity)
    # bisection for the drop at which the total is reached
    for _ in range(60):
        drop = (low + high) / 2
        low, high = (drop, high) if sum(pruned(drop).values()) < target else (low, drop)
    # where curves are flat, layers jump together from just below it to just above: a part of that jump
    below, above = pruned(low), pruned(high)
    part = (target - sum(below.values())) / (sum(above.values()) - sum(below.values()))
    wanted = {name: below[name] + part * (above[name] - below[name]) for name in sizes}
    return _whole_counts(wanted, sizes, sparsity)


def predicted_accuracy(curves: Mapping[str, Mapping[float, float]], ratios: Mapping[str, float]) -> float:
    """Return what the curves predict for all ``ratios`` (parameter name -> sparsity) together: dense minus
    the sum of the drops.

    Between two points of a curve the drop is read from a straight line; never below 0. It is a sum of drops
    measured one at a time, so it knows nothing of how the layers' damages meet. Raises TypeError or
    ValueError for bad curves, a layer without a curve or a ratio beyond its curve. Source: notebook 04.1."""
    _check_curves(curves)
    total = 0.0
    for name, ratio in arguments.mapping("ratios", ratios, at_least=0).items():
        curve = curves[arguments.one_of("a name in ratios", name, curves)]
        points = sorted(curve)
        if arguments.fraction(f"ratios[{name!r}]", ratio) > points[-1]:
            raise ValueError(
                f"ratios[{name!r}] must be at most {points[-1]}, where its curve ends, got {ratio}"
            )
        right = max(1, bisect.bisect_left(points, ratio))
        a, b = points[right - 1], points[right]
        total += curve[0.0] - curve[a] - (curve[b] - curve[a]) * (ratio - a) / (b - a)
    return max(0.0, next(iter(curves.values()))[0.0] - total)


def guard_masks(
    masks: Mapping[str, torch.Tensor],
    scores: Mapping[str, torch.Tensor],
    at_least: int = 1,
    multiple: int = 1,
) -> dict[str, torch.Tensor]:
    """Return masks in which every entry keeps at least ``at_least`` of its scores, and a multiple of
    ``multiple``.

    Entries are brought back from the highest score down; nothing else changes, so the total sparsity falls a
    little. Global pruning can empty a layer, which cuts the network in two: ``at_least=1`` prevents it.
    ``multiple=8`` rounds the number of filters up to what a processor likes (never beyond all of them).

    Raises TypeError or ValueError if ``scores`` and ``masks`` differ in names or shapes, or a number is below
    1. Source: notebooks 04.1 (empty layers) and 04.2 (multiples)."""
    at_least, multiple = arguments.count("at_least", at_least), arguments.count("multiple", multiple)
    if not isinstance(masks, Mapping) or not isinstance(scores, Mapping) or set(masks) != set(scores):
        raise ValueError(
            f"masks and scores must be dicts of the same parameters, got {masks!r:.60} and {scores!r:.60}"
        )
    guarded = {}
    for name, mask in masks.items():
        value = arguments.tensor(f"scores[{name!r}]", scores[name])
        if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.shape != value.shape:
            raise ValueError(
                f"masks[{name!r}] must be a bool tensor of shape {tuple(value.shape)} like its scores, "
                f"got {mask!r:.60}"
            )
        kept = int(mask.sum())
        target = min(mask.numel(), -(-max(kept, at_least) // multiple) * multiple)
        dropped = (~mask).flatten().nonzero().squeeze(1)
        best = dropped[value.detach().flatten()[dropped].argsort(stable=True, descending=True)]
        guarded[name] = mask.clone()
        guarded[name].view(-1)[best[: target - kept]] = True
    return guarded


def _check_curves(curves: Mapping[str, Mapping[float, float]]) -> None:
    if not isinstance(curves, Mapping) or not curves:
        raise TypeError(
            f"curves must be a non-empty dict of parameter name -> {{sparsity: accuracy}}, got {curves!r:.80}"
        )
    for name, curve in curves.items():
        if not isinstance(curve, Mapping) or 0.0 not in curve or len(curve) < 2:
            raise ValueError(
                f"curves[{name!r}] must hold the dense accuracy at 0.0 and at least one more sparsity, got"
                f" {curve!r:.80}"
            )


def _read(curve: Mapping[float, float], drop: float) -> float:
    """Return the largest sparsity whose drop, on the monotone curve joined by straight lines, is at most
    ``drop``.
    """
    points = sorted(curve)
    drops = [0.0]
    for s in points[1:]:
        drops.append(max(drops[-1], curve[0.0] - curve[s]))
    right = bisect.bisect_right(drops, drop)
    if right == len(points):
        return points[-1]
    part = (drop - drops[right - 1]) / (drops[right] - drops[right - 1])
    return points[right - 1] + part * (points[right] - points[right - 1])


def _whole_counts(wanted: Mapping[str, float], sizes: Mapping[str, int], sparsity: float) -> dict[str, float]:
    """Return ratios whose counts are whole and add up to round(sparsity * total): the largest remainders are
    rounded up.
    """
    missing = {name: 0.0 for name in sizes} | dict(wanted)
    counts = {name: int(value) for name, value in missing.items()}
    left = round(sparsity * sum(sizes.values())) - sum(counts.values())
    by_remainder = sorted((n for n in wanted if counts[n] < sizes[n]), key=lambda n: counts[n] - wanted[n])
    for name in by_remainder[:left]:
        counts[name] += 1
    return {name: counts[name] / sizes[name] for name in sizes}

"""Optimal Brain Surgeon layer by layer: every layer keeps its own output, which is a least-squares
problem.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.registry import BATCH, Criterion, batches, check_data, unchanged
from prunelab.criteria.second_order import columns, damped, obs_saliency, watch
from prunelab.masks import expand_masks, prunable
from prunelab.semi_structured import nm_mask


def layer_hessians(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    *,
    names: Sequence[str] | None = None,
    batch_size: int = BATCH,
) -> dict[str, torch.Tensor]:
    """Return ``H = (2 / N) sum_n x_n x_n^T`` over the inputs of every layer, ``(inputs, inputs)``, float64.

    It is the Hessian, for each output unit alike, of the mean squared change of the layer's output. A
    convolution's inputs are the patches under its kernel, ``in * kh * kw`` numbers each, summed over all
    positions; a Linear layer in a model of sequences sums over their places. ``names`` restricts the work to
    some parameters.

    Raises TypeError or ValueError for bad data, layers (as ``obd``) or names. Source: arXiv 1705.07565;
    notebook 03.2."""
    dataset = check_data(dataset, labels=False)
    weights = prunable(model)
    arguments.fits("dataset", dataset.tensors[0][:1], model)
    wanted = [arguments.one_of("a name in names", name, weights) for name in _names(names, weights)]
    totals: dict[str, torch.Tensor] = {}
    with unchanged(model), torch.no_grad():
        seen = watch(model)
        for images, *_ in batches(dataset, batch_size):
            seen.clear()
            model(images)
            for name in wanted:
                layer, x, _ = seen[name]
                rows = columns(layer, x).transpose(1, 2).flatten(0, 1).detach().double()
                totals[name] = totals.get(name, 0) + 2 * rows.T @ rows / len(dataset)
    return totals


def _names(names: Sequence[str] | None, default: Iterable[str]) -> list[str]:
    return list(default) if names is None else arguments.labels("names", names)


def layer_obs(
    model: nn.Module, dataset: TensorDataset | None = None, *, damping: float = 1e-4, batch_size: int = BATCH
) -> dict[str, torch.Tensor]:
    """Return layer-wise OBS's saliency ``w_q**2 / (2 [H^-1]_qq)`` of every weight, float64, with ``H`` of
    ``layer_hessians``.

    It is the rise of the layer's squared output error when the weight goes and its row makes up for it, so
    the scores of different layers do not compare: use them with ``scope="layer"``, and ``refit`` after
    pruning.

    Raises TypeError or ValueError for bad data, layers or damping. Source: Dong et al., arXiv 1705.07565;
    notebook 03.2."""
    hessians = layer_hessians(model, dataset, batch_size=batch_size)
    weights = prunable(model)
    scores = {}
    for name, hessian in hessians.items():
        flat = weights[name].detach().double().flatten(1)
        scores[name] = obs_saliency(flat, torch.linalg.inv(damped(hessian, damping))).view(
            weights[name].shape
        )
    return scores


def refit(
    model: nn.Module,
    masks: dict[str, torch.Tensor],
    dataset: TensorDataset | None = None,
    *,
    damping: float = 1e-4,
    batch_size: int = BATCH,
) -> dict[str, torch.Tensor]:
    """Return, for every mask, the kept weights that reproduce the layer's output best, zeros elsewhere; the
    model is unchanged.

    Row by row ``w_S = H_SS^-1 (H w)_S``, where ``S`` are the kept inputs of the row: least squares, whatever
    criterion chose the masks. The result has the weights' shape and type; ``model.load_state_dict(refit(...),
    strict=False)`` puts it in.

    Raises TypeError or ValueError for bad data, masks, layers or damping. Source: arXiv 1705.07565; notebook
    03.2."""
    expanded = expand_masks(model, masks)
    hessians = layer_hessians(model, dataset, batch_size=batch_size)
    weights = prunable(model)
    result = {}
    for name, mask in expanded.items():
        hessian = hessians[arguments.one_of("a name in masks", name, weights)]
        regular = damped(hessian, damping)
        target = weights[name].detach().double().flatten(1) @ regular
        rows = torch.zeros_like(target)
        for row, wanted, kept in zip(rows, target, mask.flatten(1), strict=True):
            if kept.any():
                row[kept] = torch.linalg.solve(regular[kept][:, kept], wanted[kept])
        result[name] = rows.view(weights[name].shape).to(weights[name].dtype)
    return result


def sparsegpt(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    sparsity: float | None = None,
    *,
    pattern: tuple[int, int] | None = None,
    masks: dict[str, torch.Tensor] | None = None,
    names: Sequence[str] | None = None,
    block: int = 128,
    damping: float = 1e-2,
    batch_size: int = BATCH,
) -> dict[str, torch.Tensor]:
    """Return SparseGPT's weights of every layer in ``names``, zeros where pruned; the model is unchanged.

    ``sparsegpt_layer`` is applied to each layer with the Hessian of its inputs in ``model`` as it is. The
    paper goes from front to back, so that a layer is fitted to the inputs that the pruned layers before it
    give: call this for one group of ``names`` after the other, and load each result with
    ``model.load_state_dict(weights, strict=False)``. Give one of ``sparsity``, ``pattern`` and ``masks`` (by
    parameter name). ``names`` default to those of ``masks``, else to all layers.

    Raises TypeError or ValueError for bad data, masks, names or numbers. Source: Frantar and Alistarh, arXiv
    2301.00774; notebook 10.1."""
    weights = prunable(model)
    expanded = None if masks is None else expand_masks(model, masks)
    names = _names(names, masks or weights)
    hessians = layer_hessians(model, dataset, names=names, batch_size=batch_size)
    result = {}
    for name in names:
        mask = None if expanded is None else expanded[arguments.one_of("a name in names", name, expanded)]
        result[name] = sparsegpt_layer(
            weights[name], hessians[name], sparsity, pattern=pattern, mask=mask, block=block, damping=damping
        )
    return result


def sparsegpt_layer(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    sparsity: float | None = None,
    *,
    pattern: tuple[int, int] | None = None,
    mask: torch.Tensor | None = None,
    block: int = 128,
    damping: float = 1e-2,
) -> torch.Tensor:
    """Return the pruned ``weight``: columns are pruned from left to right, and those to the right make up for
    each loss.

    ``hessian`` ``(inputs, inputs)`` is ``H`` of ``weight.flatten(1)``. With ``U`` the upper Cholesky factor
    of ``H^-1``, removing column ``j`` costs ``w_j**2 / U_jj**2`` (twice layer-wise OBS's saliency when the
    columns before ``j`` are fixed) and moves the columns behind it by ``-w_j / U_jj * U[j]``: one inverse
    serves all rows. What goes is chosen anew for every ``block`` columns (``sparsity``: exactly
    ``round(sparsity * n)`` weights in all, the rows of a block compared together; ties by position), for
    every group (``pattern`` ``(n, m)``, 2-D weights), or given (``mask``). ``H`` gets ``damping`` times its
    mean diagonal, 1 % as in the authors' code; a weight that only reads zeros goes first; without any input
    that is not zero ``H`` is taken as ``I``.

    Raises TypeError or ValueError for arguments that do not fit, or if not exactly one of the three is given.
    Source: Frantar and Alistarh, arXiv 2301.00774; notebook 10.1.
    """
    columns = _check_sparsegpt(weight, hessian, sparsity, pattern, mask, block)
    block = min(block, columns)
    old = weight.detach().double().flatten(1).clone()
    dead, factor = hessian.diagonal() == 0, _inverse_factor(hessian.double(), damping)
    diagonal = factor.diagonal()
    kept = torch.ones(old.shape, dtype=torch.bool) if mask is None else mask.flatten(1)

    def saliency(part: slice) -> torch.Tensor:
        return (old[:, part] / diagonal[part]).square().masked_fill(dead[part], 0)

    for start in range(0, columns, block):
        end = min(start + block, columns)
        if sparsity is not None:
            lowest = saliency(slice(start, end)).flatten().argsort(stable=True)
            quota = round(sparsity * len(old) * end) - round(sparsity * len(old) * start)
            stays = torch.ones(len(lowest), dtype=torch.bool).index_fill(0, lowest[:quota], False)
            kept[:, start:end] = stays.view(len(old), -1)
        errors = torch.zeros(len(old), end - start, dtype=torch.float64)
        for j in range(start, end):
            if pattern is not None and j % pattern[1] == 0:
                kept[:, j : j + pattern[1]] = nm_mask(saliency(slice(j, j + pattern[1])), *pattern)
            errors[:, j - start] = torch.where(kept[:, j], 0, old[:, j]) / diagonal[j]
            old[:, j:end] -= errors[:, j - start, None] * factor[j, j:end]
        # the columns of later blocks wait until the block is done
        old[:, end:] -= errors @ factor[start:end, end:]
    return (old * kept).view(weight.shape).to(weight.dtype)


def _inverse_factor(hessian: torch.Tensor, damping: float) -> torch.Tensor:
    """Return the upper Cholesky factor of the inverse of the damped ``hessian``; of I if it is 0."""
    regular = damped(hessian, damping) if hessian.any() else torch.eye(len(hessian), dtype=torch.float64)
    try:
        return torch.linalg.cholesky(torch.linalg.inv(regular), upper=True)
    except torch.linalg.LinAlgError as cause:
        raise ValueError(f"hessian must be symmetric and positive semidefinite: {cause}") from cause


def _check_sparsegpt(weight, hessian, sparsity, pattern, mask, block) -> int:
    if arguments.tensor("weight", weight).ndim < 2:
        raise ValueError(f"weight must have a row for each output unit, got shape {tuple(weight.shape)}")
    columns = weight[0].numel()
    if arguments.tensor("hessian", hessian).shape != (columns, columns):
        raise ValueError(f"hessian must have shape {(columns, columns)}, got {tuple(hessian.shape)}")
    arguments.count("block", block)
    given = [
        name
        for name, value in (("sparsity", sparsity), ("pattern", pattern), ("mask", mask))
        if value is not None
    ]
    if len(given) != 1:
        raise ValueError(
            f"exactly one of sparsity, pattern and mask must be given, got {', '.join(given) or 'none'}"
        )
    if sparsity is not None:
        arguments.fraction("sparsity", sparsity)
    if mask is not None and (
        not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.shape != weight.shape
    ):
        raise ValueError(f"mask must be a bool tensor of shape {tuple(weight.shape)}, got {mask!r:.80}")
    if pattern is not None:
        if not isinstance(pattern, tuple) or len(pattern) != 2:
            raise TypeError(f"pattern must be a pair (n, m), got {pattern!r}")
        n, m = arguments.count("n", pattern[0]), arguments.count("m", pattern[1])
        if weight.ndim != 2 or n > m or columns % m or (block < columns and block % m):
            raise ValueError(
                f"pattern must be (n, m) with n <= m, where m divides the {columns} inputs of a 2-D weight"
                f" and block = {block}, got {pattern}"
            )
    return columns


ENTRIES = (
    Criterion(
        "layer-wise OBS", layer_obs, ("weight",), ("data", "hessian"), "Dong et al. 2017, arXiv 1705.07565"
    ),
)

"""Optimal Brain Surgeon layer by layer: every layer keeps its own output, which is a least-squares problem."""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.registry import BATCH, Criterion, batches, check_data, unchanged
from prunelab.criteria.second_order import columns, damped, obs_saliency, watch
from prunelab.masks import expand_masks, prunable


def layer_hessians(model: nn.Module, dataset: TensorDataset | None = None, *, batch_size: int = BATCH) -> dict[str, torch.Tensor]:
    """Return ``H = (2 / N) sum_n x_n x_n^T`` over the inputs of every layer, ``(inputs, inputs)``, float64.

    It is the Hessian, for each output unit alike, of the mean squared change of the layer's output. A convolution's inputs are the
    patches under its kernel, ``in * kh * kw`` numbers each, summed over all positions.

    Raises TypeError or ValueError for bad data or layers as ``obd``. Source: Dong et al., arXiv 1705.07565; notebook 03.2.
    """
    dataset = check_data(dataset, labels=False)
    totals: dict[str, torch.Tensor] = {}
    with unchanged(model):
        seen = watch(model)
        for images, *_ in batches(dataset, batch_size):
            seen.clear()
            model(images)
            for name, (layer, x, _) in seen.items():
                rows = columns(layer, x).transpose(1, 2).flatten(0, 1).detach().double()
                totals[name] = totals.get(name, 0) + 2 * rows.T @ rows / len(dataset)
    return totals


def layer_obs(
    model: nn.Module, dataset: TensorDataset | None = None, *, damping: float = 1e-4, batch_size: int = BATCH
) -> dict[str, torch.Tensor]:
    """Return layer-wise OBS's saliency ``w_q**2 / (2 [H^-1]_qq)`` of every weight, float64, with ``H`` of ``layer_hessians``.

    It is the rise of the layer's squared output error when the weight goes and its row makes up for it, so the scores of
    different layers do not compare: use them with ``scope="layer"``, and ``refit`` after pruning.

    Raises TypeError or ValueError for bad data, layers or damping. Source: Dong et al., arXiv 1705.07565; notebook 03.2.
    """
    hessians = layer_hessians(model, dataset, batch_size=batch_size)
    weights = prunable(model)
    scores = {}
    for name, hessian in hessians.items():
        flat = weights[name].detach().double().flatten(1)
        scores[name] = obs_saliency(flat, torch.linalg.inv(damped(hessian, damping))).view(weights[name].shape)
    return scores


def refit(
    model: nn.Module,
    masks: dict[str, torch.Tensor],
    dataset: TensorDataset | None = None,
    *,
    damping: float = 1e-4,
    batch_size: int = BATCH,
) -> dict[str, torch.Tensor]:
    """Return, for every mask, the kept weights that reproduce the layer's output best, zeros elsewhere; the model is unchanged.

    Row by row ``w_S = H_SS^-1 (H w)_S``, where ``S`` are the kept inputs of the row: least squares, whatever criterion chose the
    masks. The result has the weights' shape and type; ``model.load_state_dict(refit(...), strict=False)`` puts it in.

    Raises TypeError or ValueError for bad data, masks, layers or damping. Source: arXiv 1705.07565; notebook 03.2.
    """
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


ENTRIES = (Criterion("layer-wise OBS", layer_obs, ("weight",), ("data", "hessian"), "Dong et al. 2017, arXiv 1705.07565"),)

"""Repairs BatchNorm's memory after pruning."""

import torch
from torch import nn

from prunelab import arguments


@torch.no_grad()
def reestimate_batchnorm(model: nn.Module, images: torch.Tensor) -> None:
    """Replace the running mean and variance of every BatchNorm of ``model``, in place, by their averages over
    ``images`` (N, ...).

    Pruning changes what reaches a BatchNorm, so its stored statistics no longer fit. No label and no gradient
    is needed, and nothing else of the model changes. Batches of 500.

    Raises TypeError or ValueError for a model without a BatchNorm that keeps statistics, or fewer than two
    images. Source: notebook 04.2."""
    if arguments.tensor("images", images).ndim == 0 or len(images) < 2:
        raise ValueError(f"images must hold at least 2 examples, got shape {tuple(images.shape)}")
    arguments.module("model", model)
    norms = [
        m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats
    ]
    if not norms:
        raise ValueError(
            f"model must have a BatchNorm with running statistics, got {type(model).__name__} without one"
        )
    arguments.fits("images", images[:2], model)
    modes = {module: module.training for module in model.modules()}
    momenta = [norm.momentum for norm in norms]
    try:
        model.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain average over the batches
            norm.train()
        for batch in images.tensor_split(-(-len(images) // 500)):
            model(batch)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, mode in modes.items():
            module.training = mode

"""The explorer of notebook 03.1: magnitudes that move while the function stays."""

import ipywidgets as w
import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.criteria.magnitudes import magnitude, rescaled
from prunelab.criteria.registry import check_data
from prunelab.masks import apply_masks, mask_model
from prunelab.plot import kept_by_layer
from prunelab.training import accuracy
from prunelab.widgets._explorer import explorer


def scale_trick(model: nn.Module, dataset: TensorDataset, first: str = "fc1", second: str = "fc2") -> w.VBox:
    """Return an explorer: one slider scales ``first`` up and ``second`` down, the other sets the global
    sparsity of magnitude.

    The picture shows what every layer keeps, the text the largest change of the dense output and the accuracy
    after pruning. Raises TypeError or ValueError for bad data or layer names. Source: notebook 03.1."""
    check_data(dataset)
    rescaled(model, first, second, 1.0)  # refuses bad names
    with torch.inference_mode():
        dense = model(dataset.tensors[0])

    def draw(doublings: float, sparsity: float):
        factor = 2.0**doublings
        other = rescaled(model, first, second, factor)
        with torch.inference_mode():
            change = (other(dataset.tensors[0]) - dense).abs().max().item()
        masks = mask_model(magnitude(other), sparsity, scope="global")
        apply_masks(other, masks)
        found = accuracy(other, dataset)
        text = (
            f"{first} x {factor:.3g}, {second} / {factor:.3g}: the dense outputs move by at most"
            f" {change:.1e}; "
        )
        return (
            kept_by_layer({f"{sparsity:.0%} pruned": masks}),
            text + f"after pruning {sparsity:.0%}: {found:.1f} % right",
        )

    return explorer(
        draw,
        doublings=w.FloatSlider(value=0, min=-4, max=4, step=0.5, description="doublings"),
        sparsity=w.FloatSlider(value=0.8, min=0, max=0.98, step=0.02, description="sparsity"),
    )

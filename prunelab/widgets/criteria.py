"""The explorers of chapters 03.1 and 03.2: magnitudes that move while the function stays, and the surgeon's
step on a quadratic.
"""

import ipywidgets as w
import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.magnitudes import magnitude, rescaled
from prunelab.criteria.registry import check_data
from prunelab.criteria.second_order import obs_saliency
from prunelab.masks import apply_masks, mask_model
from prunelab.plot.criteria import kept_by_layer, surgery
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


def quadratic(
    weights: tuple[float, float] = (0.6, 0.9), curvatures: tuple[float, float] = (1.0, 1.5)
) -> w.VBox:
    """Return an explorer of a quadratic loss over two weights: the slider couples them, the picture shows
    OBD's and OBS's step.

    ``coupling`` is the off-diagonal element of the Hessian over the root of the product of the diagonal ones,
    between -1 and 1. Raises TypeError or ValueError if a curvature is not positive. Source: notebook 03.2.
    """
    weights = tuple(arguments.numbers("weights", weights, length=2).tolist())
    curvatures = tuple(arguments.numbers("curvatures", curvatures, length=2).tolist())
    for curvature in curvatures:
        arguments.positive("an entry of curvatures", curvature)
    start = torch.tensor(weights, dtype=torch.float64)

    def draw(coupling: float):
        off = coupling * (curvatures[0] * curvatures[1]) ** 0.5
        hessian = torch.tensor([[curvatures[0], off], [off, curvatures[1]]], dtype=torch.float64)
        obd = hessian.diagonal() * start**2 / 2
        obs = obs_saliency(start, torch.linalg.inv(hessian))
        both = start @ hessian @ start / 2
        text = (
            f"remove weight 1: OBD {obd[0]:.3f}, OBS {obs[0]:.3f}. Remove both: sum of OBD {obd.sum():.3f},"
            f" true loss {both:.3f}"
        )
        return surgery(start, hessian), text

    return explorer(
        draw, coupling=w.FloatSlider(value=0.6, min=-0.95, max=0.95, step=0.05, description="coupling")
    )

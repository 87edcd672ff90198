"""The explorer of notebook 03.2: the surgeon's step on a quadratic."""

import ipywidgets as w
import torch

from prunelab import arguments
from prunelab.criteria.second_order import obs_saliency
from prunelab.plot import surgery
from prunelab.widgets._explorer import explorer


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

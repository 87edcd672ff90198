"""The explorer of chapter 04: a ratio per layer on the sensitivity curves, what they predict, and what is
measured.
"""

import copy
from collections.abc import Mapping

import ipywidgets as w
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments, plot
from prunelab.masks import apply_masks, mask_model
from prunelab.measure import parameters
from prunelab.schedules import predicted_accuracy
from prunelab.surgery import remove_filters
from prunelab.training import accuracy
from prunelab.widgets._explorer import explorer


def ratio_explorer(
    model: nn.Module,
    dataset: TensorDataset,
    scores: Mapping[str, torch.Tensor],
    curves: Mapping[str, Mapping[float, float]],
) -> w.VBox:
    """Return an explorer with a slider per layer of ``scores``: the share of its filters or neurons that go.

    The picture shows the sensitivity ``curves`` (of ``sensitivity_scan`` with the same scores) with the
    chosen points. The text sets the accuracy that the curves predict, dense minus the sum of the drops,
    beside the one measured on ``dataset`` with all layers pruned together and no fine-tuning, and the size
    that the ratios suggest beside the parameters really left after ``remove_filters``. ``model`` is left as
    it is.

    Raises TypeError or ValueError if an argument is of another kind, or ``curves`` lack a layer of
    ``scores``. Source: notebook 04.1.
    """
    dense = parameters(model)
    accuracy(model, dataset)  # refuses a bad dataset at once, not when a slider moves
    arguments.mapping("curves", curves)
    for name in arguments.mapping("scores", scores):
        arguments.one_of("a name in scores", name, set(curves) & set(dict(model.named_parameters())))
        keys = list(arguments.mapping(f"curves[{name!r}]", curves[name]))
        arguments.numbers(f"the sparsities of curves[{name!r}]", keys, 0, 1)

    def draw(**ratios: float) -> tuple[Figure, str]:
        masks = mask_model(scores, ratios)
        pruned = copy.deepcopy(model)
        apply_masks(pruned, masks)
        left = parameters(remove_filters(model, masks))
        weights = {name: model.get_parameter(name).numel() for name in scores}
        suggested = 1 - sum(ratios[name] * n for name, n in weights.items()) / dense
        predicted, measured = predicted_accuracy(curves, ratios), accuracy(pruned, dataset)
        text = (
            f"accuracy: predicted ~{predicted:.2f} %, measured ~{measured:.2f} %; parameters left: the ratios"
            f" suggest {100 * suggested:.1f} %, really {left:,} of {dense:,} = {100 * left / dense:.1f} %"
        )
        return plot.sensitivity(curves, ratios), text

    sliders = {
        name: w.FloatSlider(
            value=0.3,
            min=0,
            max=max(curves[name]),
            step=0.05,
            description=name.removesuffix(".weight"),
            readout_format=".0%",
        )
        for name in scores
    }
    return explorer(draw, **sliders)

"""The explorer of notebook 03.3: units, and what a criterion drops."""

import copy
from functools import cache

import ipywidgets as w
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import plot
from prunelab.criteria import CRITERIA, unit_masks
from prunelab.criteria.flow import activated, forward
from prunelab.criteria.registry import check_data, unchanged
from prunelab.masks import apply_masks, keep_top
from prunelab.training import accuracy
from prunelab.widgets._explorer import explorer

UNIT_CRITERIA = ("Taylor", "APoZ", "entropy", "ICC", "reconstruction", "filter L1")


def drop_units(model: nn.Module, dataset: TensorDataset, judge: TensorDataset) -> w.VBox:
    """Return an explorer: a criterion, a convolution and a number of filters -> which of them go, and the
    accuracy that is left.

    Scores come from ``dataset``, the accuracy from ``judge``; the maps are those of the first image.
    ``model`` is left as it is. Raises ValueError if ``model`` has no convolution with a ReLU behind it,
    TypeError for bad data. Source: notebook 03.3."""

    @cache
    def scores(criterion: str) -> dict[str, torch.Tensor]:
        return CRITERIA[criterion].function(model, dataset)

    dense = accuracy(model, judge)
    check_data(dataset)
    with unchanged(model), torch.no_grad():
        flows = activated(forward(model, dataset.tensors[0][:1])[1], model)
    maps = {name: flow.activation[0] for name, flow in flows.items() if flow.activation.ndim == 4}
    if not maps:
        raise ValueError(
            f"model must have a convolution with an nn.ReLU behind it, got {type(model).__name__} without one"
        )
    largest = max(len(m) for m in maps.values())
    dense = accuracy(model, judge)

    def draw(criterion: str, layer: str, dropped: int) -> tuple[Figure, str]:
        score = scores(criterion)[layer].flatten()
        count = min(dropped, len(score) - 1)
        kept = keep_top(score, count / len(score))
        pruned = copy.deepcopy(model)
        apply_masks(pruned, unit_masks(model, {layer: kept.view(-1, 1, 1, 1)}))
        gone = (~kept).nonzero().flatten().tolist()
        text = (
            f"{criterion} drops filters {gone} of {layer}: accuracy {accuracy(pruned, judge):.2f} %, before"
            f" {dense:.2f} %"
        )
        labels = [f"{k}: {value:.3g}" for k, value in enumerate(score.tolist())]
        return plot.unit_maps(maps[layer], labels, kept), text

    return explorer(
        draw,
        criterion=w.Dropdown(options=UNIT_CRITERIA, value="APoZ", description="criterion"),
        layer=w.Dropdown(options=list(maps), value=list(maps)[-1], description="layer"),
        dropped=w.IntSlider(value=largest // 2, min=0, max=largest - 1, description="filters"),
    )

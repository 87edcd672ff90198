"""The explorer of chapter 02: what a hole of each shape looks like in a trained convolution, and what it
costs.
"""

import copy
from functools import cache

import ipywidgets as w
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.granularity import GRANULARITIES, group_scores
from prunelab.masks import apply_masks, keep_top, prunable, sparsity
from prunelab.plot import tensor_and_accuracy
from prunelab.training import accuracy
from prunelab.widgets._explorer import explorer


def granularity_explorer(model: nn.Module, dataset: TensorDataset, name: str = "conv2.weight") -> w.VBox:
    """Return an explorer of granularity and sparsity for one convolution weight of ``model``, the parameter
    ``name``.

    The picture shows the pruned weight and the accuracy on ``dataset`` (nothing else pruned, no fine-tuning)
    at every granularity; the text states the sparsity asked for and the one reached. ``model`` is left as it
    is.

    Raises ValueError if ``name`` is not a convolution weight of ``model``. Source: notebook 02.
    """
    weights = prunable(model)
    arguments.one_of("name", name, [key for key, value in weights.items() if value.ndim == 4])
    weight = weights[name].detach().clone()
    dense = accuracy(model, dataset)

    def mask(granularity: str, asked: float) -> torch.Tensor:
        return keep_top(group_scores(weight, granularity), asked)

    @cache
    def pruned_accuracy(granularity: str, groups: int) -> float:
        pruned = copy.deepcopy(model)
        scores = group_scores(weight, granularity)
        apply_masks(pruned, {name: keep_top(scores, groups / scores.numel())})
        return accuracy(pruned, dataset)

    def draw(granularity: str, sparsity_asked: float) -> tuple[Figure, str]:
        masks = {g: mask(g, sparsity_asked) for g in GRANULARITIES}
        gone = {g: int((~m).sum()) for g, m in masks.items()}
        accuracies = {g: pruned_accuracy(g, gone[g]) for g in GRANULARITIES}
        chosen = masks[granularity]
        text = (
            f"{gone[granularity]:,} of {chosen.numel():,} groups pruned: asked for {100 * sparsity_asked:.0f}"
            f" %, reached {100 * sparsity(chosen):.1f} %; accuracy ~{accuracies[granularity]:.2f} %, dense"
            f" ~{dense:.2f} %"
        )
        return tensor_and_accuracy(chosen.expand(weight.shape), accuracies, granularity, dense), text

    return explorer(
        draw,
        granularity=w.Dropdown(options=GRANULARITIES, value="filter", description="granularity"),
        sparsity_asked=w.FloatSlider(
            value=0.6, min=0, max=1, step=0.05, description="sparsity", readout_format=".0%"
        ),
    )

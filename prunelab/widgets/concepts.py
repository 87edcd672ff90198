"""The explorer of notebook 01: the threshold behind a mask, and what it costs."""

import copy

import ipywidgets as w
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import plot
from prunelab.masks import SCOPES, apply_masks, mask_model, prunable, sparsity
from prunelab.training import accuracy
from prunelab.widgets._explorer import explorer


def prune_by_size(model: nn.Module, dataset: TensorDataset) -> w.VBox:
    """Return an explorer that prunes ``model`` by magnitude to the sparsity of its slider.

    It shows one layer's histogram with the threshold, that layer's mask, and the accuracy of the whole pruned
    network on ``dataset``. The scope says whether each layer loses the same share or all weights are ranked
    together. ``model`` is not changed.

    Raises TypeError or ValueError if ``model`` has nothing to prune or ``dataset`` is none. Source: notebook
    01."""
    weights = {name: weight.detach() for name, weight in prunable(model).items()}
    accuracy(model, dataset)  # refuses a bad dataset at once, not when the slider moves
    scores = {name: weight.abs() for name, weight in weights.items()}

    def draw(sparsity_asked: float, scope: str, layer: str) -> tuple[Figure, str]:
        masks = mask_model(scores, sparsity_asked, scope)
        small = copy.deepcopy(model)
        apply_masks(small, masks)
        gone = scores[layer][~masks[layer]]
        threshold = f"threshold {gone.max():.3f}" if len(gone) else "no threshold"
        text = (
            f"{layer}: {threshold}, {100 * sparsity(masks[layer]):.1f} % of it pruned. "
            f"Whole network: {100 * sparsity(masks):.1f} % pruned, accuracy {accuracy(small, dataset):.2f} %."
        )
        return plot.cut(weights[layer], masks[layer], title=layer), text

    layers = list(weights)
    return explorer(
        draw,
        sparsity_asked=w.FloatSlider(value=0.5, min=0, max=1, step=0.05, description="sparsity"),
        scope=w.Dropdown(options=SCOPES, value="layer", description="scope"),
        layer=w.Dropdown(
            options=layers, value=max(layers, key=lambda name: weights[name].numel()), description="shown"
        ),
    )

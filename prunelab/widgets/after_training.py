"""The explorer of chapter 04.2: filters that are masked beside filters that are removed."""

import copy
from collections.abc import Mapping

import ipywidgets as w
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import plot
from prunelab.masks import apply_masks, mask_model
from prunelab.measure import bytes_on_disk, macs
from prunelab.surgery import remove_filters
from prunelab.training import accuracy
from prunelab.widgets._explorer import explorer


def removal_explorer(model: nn.Module, dataset: TensorDataset, scores: Mapping[str, torch.Tensor]) -> w.VBox:
    """Return an explorer with a slider for the share of filters and neurons that go from every layer of
    ``scores``.

    The picture sets the dense network, the one with masks and the one without these filters side by side:
    bytes on disk, MACs of one image, error on ``dataset``; nothing is fine-tuned. ``scores`` hold a score per
    filter or neuron, as ``criteria.filter_l1`` gives them. ``model`` is not changed.

    Raises TypeError or ValueError for scores that do not fit and if ``dataset`` is none. Source: notebook
    04.2."""
    mask_model(scores, 0)  # refuses what are no scores
    accuracy(model, dataset)
    rows = {"dense": _measures(model, dataset)}

    def draw(share: float) -> tuple[Figure, str]:
        masks = mask_model(scores, share)
        masked = copy.deepcopy(model)
        apply_masks(masked, masks)
        removed = remove_filters(model, masks)
        shown = rows | {"masked": _measures(masked, dataset), "removed": _measures(removed, dataset)}
        left = {name: shown["removed"][name] / rows["dense"][name] for name in ("KiB", "thousand MACs")}
        text = (
            f"{share:.0%} of the filters: masked, nothing is smaller; removed, {left['KiB']:.1%} of the bytes"
            f" and {left['thousand MACs']:.1%} of the MACs are left, accuracy"
            f" {100 - shown['removed']['error (%)']:.2f} %"
        )
        return plot.answer_bars(shown), text

    return explorer(
        draw, share=w.SelectionSlider(value=0.5, options=[0.0, 0.25, 0.5, 0.75], description="filters gone")
    )


def _measures(model: nn.Module, dataset: TensorDataset) -> dict[str, float]:
    return {
        "KiB": bytes_on_disk(model) / 1024,
        "thousand MACs": macs(model, dataset.tensors[0][:1]) / 1000,
        "error (%)": 100 - accuracy(model, dataset),
    }

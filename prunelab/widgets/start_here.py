"""The explorers of notebook 00: a network that fails as its slider moves, and what a cut leaves as it was."""

import copy
import gzip

import ipywidgets as w
import torch
from matplotlib.figure import Figure
from safetensors.torch import save
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import plot
from prunelab.masks import SCOPES, apply_masks, mask_model, prunable
from prunelab.training import accuracy
from prunelab.widgets._explorer import explorer


def filmstrip(model: nn.Sequential, dataset: TensorDataset) -> w.VBox:
    """Return an explorer that prunes ``model`` by magnitude and shows what becomes of one image of
    ``dataset``.

    The picture has the maps that the convolutions pass on and the probability of each class, dense above,
    pruned below; the text says what the pruned network reads, and its accuracy on all of ``dataset``.
    ``model`` is not changed.

    Raises TypeError or ValueError if ``model`` has nothing to prune or ``dataset`` is none. Source: notebook
    00."""
    scores = {name: weight.detach().abs() for name, weight in prunable(model).items()}
    accuracy(model, dataset)
    images, labels = dataset.tensors

    def draw(sparsity_asked: float, scope: str, image: int) -> tuple[Figure, str]:
        small = copy.deepcopy(model)
        apply_masks(small, mask_model(scores, sparsity_asked, scope))
        with torch.inference_mode():
            answer = small(images[image : image + 1])[0].softmax(0)
        text = (
            f"{100 * sparsity_asked:.0f} % pruned: it reads a {int(answer.argmax())}, with probability"
            f" {float(answer.max()):.2f}; the label is {int(labels[image])}. Accuracy on {len(images):,}"
            f" images: {accuracy(small, dataset):.2f} %."
        )
        return plot.feature_maps({"dense": model, "pruned": small}, images[image]), text

    return explorer(
        draw,
        sparsity_asked=w.FloatSlider(value=0.8, min=0, max=1, step=0.05, description="sparsity"),
        scope=w.Dropdown(options=SCOPES, value="layer", description="scope"),
        image=w.IntSlider(value=min(3, len(images) - 1), min=0, max=len(images) - 1, description="image"),
    )


def file_explorer(model: nn.Module, dataset: TensorDataset) -> w.VBox:
    """Return an explorer that prunes ``model`` by magnitude and saves it: the file, its gzip and the error,
    beside the dense ones.

    The file is the safetensors file of the whole network; its bytes do not depend on what the weights are.
    The error is measured on ``dataset``. ``model`` is not changed.

    Raises TypeError or ValueError if ``model`` has nothing to prune or ``dataset`` is none. Source: notebook
    00."""
    scores = {name: weight.detach().abs() for name, weight in prunable(model).items()}
    dense = _sizes(model, dataset)

    def draw(sparsity_asked: float, scope: str) -> tuple[Figure, str]:
        small = copy.deepcopy(model)
        apply_masks(small, mask_model(scores, sparsity_asked, scope))
        now = _sizes(small, dataset)
        written = [f"{1024 * row['file (KiB)']:,.0f}" for row in (now, dense)]
        text = (
            f"{100 * sparsity_asked:.0f} % pruned: file {written[0]} bytes, dense {written[1]}; gzip"
            f" {now['gzip (KiB)'] / dense['gzip (KiB)']:.0%} of the dense one; accuracy"
            f" {100 - now['error (%)']:.2f} %"
        )
        return plot.answer_bars({"dense": dense, "pruned": now}), text

    return explorer(
        draw,
        sparsity_asked=w.SelectionSlider(
            value=0.8, options=[0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 1.0], description="sparsity"
        ),
        scope=w.Dropdown(options=SCOPES, value="layer", description="scope"),
    )


def _sizes(model: nn.Module, dataset: TensorDataset) -> dict[str, float]:
    file = save({name: tensor.contiguous() for name, tensor in model.state_dict().items()})
    return {
        "file (KiB)": len(file) / 1024,
        "gzip (KiB)": len(gzip.compress(file, 6)) / 1024,
        "error (%)": 100 - accuracy(model, dataset),
    }

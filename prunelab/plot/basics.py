"""Figures that every chapter uses: a matrix, the weights of a model, and what is left of it."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import nn

from prunelab import arguments
from prunelab.masks import prunable
from prunelab.measure import layer_sparsity
from prunelab.plot import _style

VALUES_UP_TO = 200  # cells; more than that and the numbers in them cannot be read
HISTOGRAMS = (  # the looks of the first, second and third model, laid over one another
    {"color": _style.SKY, "histtype": "stepfilled", "alpha": 0.8},
    {"color": _style.RED, "histtype": "step", "linewidth": 1.5},
    {"color": _style.GREEN, "histtype": "step", "linewidth": 1.5},
)


def heatmap(
    matrices: torch.Tensor | Mapping[str, torch.Tensor], masks: Mapping[str, torch.Tensor] | None = None
) -> Figure:
    """Draw one matrix ``(rows, columns)``, or several by title side by side on one colour scale, with the
    values in the cells.

    Zeros are grey and hatched; with ``masks`` (title -> bool tensor) the cells that a mask prunes are hatched
    over their colour instead, so that one sees what would go. Values are written when a matrix has at most
    200 cells.

    Raises ValueError if a matrix is not 2-D or a mask does not fit it. Source: notebook 01.
    """
    matrices = arguments.mapping("matrices", matrices if isinstance(matrices, Mapping) else {"": matrices})
    masks = {} if masks is None else arguments.mapping("masks", masks, at_least=0)
    for title, matrix in matrices.items():
        if arguments.tensor(f"matrices[{title!r}]", matrix).ndim != 2:
            raise ValueError(f"matrices[{title!r}] must be 2-D, got shape {tuple(matrix.shape)}")
    for title, mask in masks.items():
        arguments.one_of("a title in masks", title, matrices)
        arguments.mask(f"masks[{title!r}]", mask, matrices[title].shape)
    # + 0.0 turns -0 into 0
    arrays = {title: matrix.detach().double().numpy() + 0.0 for title, matrix in matrices.items()}
    limit = max(float(np.abs(a).max()) for a in arrays.values()) or 1.0
    rows, columns = (max(a.shape[i] for a in arrays.values()) for i in (0, 1))
    digits = 2 if columns * len(arrays) <= 20 else 1  # what fits into a cell of a figure 9 inches wide
    height = float(np.clip(0.42 * rows + 0.6, 1.6, 3.9))
    width = float(np.clip(0.55 * columns * len(arrays) + 1.0, 3.0, 9.0))
    figure, axes = plt.subplots(1, len(arrays), figsize=(width, height), squeeze=False)
    for axis, (title, array) in zip(axes[0], arrays.items(), strict=True):
        mask = masks.get(title)
        _cells(axis, array, limit, digits, None if mask is None else mask.numpy())
        lengths = {"xlabel": f"{array.shape[1]} columns", "ylabel": f"{array.shape[0]} rows"}
        axis.set(title=title, xticks=[], yticks=[], **lengths)
        axis.grid(False)
    return figure


def _cells(axis: Axes, array: np.ndarray, limit: float, digits: int, mask: np.ndarray | None) -> None:
    """Draw the cells of one matrix of ``heatmap``: colours, hatching, values."""
    axis.set_facecolor(_style.PRUNED)
    shown = np.ma.masked_equal(array, 0) if mask is None else array
    shape = "auto" if array.size > VALUES_UP_TO else "equal"
    axis.imshow(shown, cmap=_style.DIVERGING, vmin=-limit, vmax=limit, aspect=shape)
    hatched = {"fill": False, "hatch": _style.HATCH, "linewidth": 0, "edgecolor": "#8C8C8C"}
    for i, j in np.argwhere(array == 0 if mask is None else ~mask) if array.size <= 4 * VALUES_UP_TO else ():
        axis.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, **hatched))
    for (i, j), value in np.ndenumerate(array) if array.size <= VALUES_UP_TO else ():
        text = f"{value:.{digits}g}"
        if len(text) > 5:
            text = f"{value:.2f}" if abs(value) >= 0.005 else "~0"  # nearly 0, and not pruned
        colour = "white" if abs(value) > 0.65 * limit else "black"
        axis.text(j, i, text, ha="center", va="center", fontsize=_style.SMALL, color=colour)


def weight_histograms(models: nn.Module | Mapping[str, nn.Module], zeros: bool = True) -> Figure:
    """Draw a histogram of each prunable weight's values, one panel per layer; several models by name are laid
    over one another.

    All panels have the same bins, and the number of weights is logarithmic, so that the few large ones show
    beside the many small ones. ``zeros=False`` leaves the zeros out: after pruning the hole around zero
    shows. Raises ValueError if the models differ in their layers. Source: notebooks 00 and 01."""
    models = arguments.mapping("models", models if isinstance(models, Mapping) else {"": models})
    for label, model in models.items():
        try:
            prunable(arguments.module(f"models[{label!r}]", model))
        except ValueError as error:
            raise ValueError(f"models[{label!r}]: {error}") from None
    arguments.flag("zeros", zeros)
    values = {
        label: [w.detach().flatten() for w in prunable(model).values()] for label, model in models.items()
    }
    names = list(prunable(next(iter(models.values()))))
    for label, model in models.items():
        if list(prunable(model)) != names:
            raise ValueError(
                f"models must have the same layers, got {', '.join(names)} and, in {label!r},"
                f" {', '.join(prunable(model))}"
            )
        for name, weight in zip(names, values[label], strict=True):
            arguments.tensor(f"{name} of models[{label!r}]", weight)
    limit = max(float(w.abs().max()) for layers in values.values() for w in layers) or 1.0
    bins = np.linspace(-limit, limit, 62)  # one bin has zero in its middle
    size = (max(_style.WIDTH, 1.9 * len(names)), 2.4)
    figure, axes = plt.subplots(1, len(names), figsize=size, squeeze=False, sharex=True, sharey=True)
    for i, (axis, name) in enumerate(zip(axes[0], names, strict=True)):
        for look, (label, layers) in zip(HISTOGRAMS, values.items(), strict=False):
            shown = layers[i] if zeros else layers[i][layers[i] != 0]
            axis.hist(shown.numpy(), bins=bins, label=label, **look)
        axis.set_title(name, fontsize=9)
        axis.set(xlabel="weight", yscale="log")
    axes[0, 0].set_ylabel("number of weights")
    if len(models) > 1:
        _style.legend_below(figure)
    return figure


def density_bars(model: nn.Module) -> Figure:
    """Draw the density (nonzeros / elements) of each prunable weight as a bar; what is missing to 100 % is
    hatched.

    Source: notebook 01.
    """
    weights = prunable(model)
    density = 1 - np.array(list(layer_sparsity(model).values()))
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 2.4))
    axis.bar(list(weights), 100 * density, color=_style.KEPT, label="kept")
    look = {"color": _style.PRUNED, "hatch": _style.HATCH, "label": "pruned"}
    axis.bar(list(weights), 100 * (1 - density), bottom=100 * density, **look)
    for i, (share, weight) in enumerate(zip(density, weights.values(), strict=True)):
        axis.text(i, 103, f"{100 * share:.0f} % of {weight.numel():,}", ha="center", fontsize=8)
    axis.set(ylabel="weights (%)", ylim=(0, 115))
    _style.legend_beside(axis)
    return figure

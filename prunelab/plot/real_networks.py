"""One channel throughout a network."""

from collections.abc import Mapping

import torch
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import nn

from prunelab import arguments
from prunelab.plot import _style

OTHERS = "#ECECEC"


def group_members(model: nn.Module, group: Mapping[tuple[str, int], torch.Tensor], channel: int) -> Figure:
    """Draw the parameters of ``model`` as (out, in) grids, and which of their entries belong to ``channel``
    of a coupled ``group``.

    ``group`` is one that ``surgery.coupled_groups`` returns. A kernel is one cell; biases and BatchNorm's
    scale and shift are single columns. Raises TypeError or ValueError if ``model`` is no module, ``group``
    has other members or no such channel. Source: notebook 09.1."""
    arguments.module("model", model)
    parameters = dict(model.named_parameters())
    known = isinstance(group, Mapping) and all(isinstance(k, tuple) and k[0] in parameters for k in group)
    if not known or not group:
        raise TypeError(
            f"group must map (parameter name, dimension) to indices of this model, got {group!r:.80}"
        )
    arguments.one_of("channel", channel, range(len(next(iter(group.values())))))
    shapes = {name: (*parameter.shape, 1)[:2] for name, parameter in parameters.items()}
    rows = max(shape[0] for shape in shapes.values())
    widths = [max(shape[1], 4) for shape in shapes.values()]
    figure, axes = plt.subplots(
        1, len(shapes), figsize=(_style.WIDTH, 2.4), width_ratios=widths, sharey=True, squeeze=False
    )
    for axis, (name, shape) in zip(axes[0], shapes.items(), strict=True):
        cells = torch.zeros(shape, dtype=torch.long)
        for dim in (0, 1):
            if (name, dim) in group:
                cells.index_fill_(dim, group[name, dim][channel], dim + 1)
        colours = ListedColormap([OTHERS, _style.BLUE, _style.ORANGE])
        axis.pcolormesh(cells, cmap=colours, vmin=0, vmax=2, edgecolors="white", lw=0.6)
        axis.set(xlim=(0, max(shape[1], 4)), ylim=(rows, 0), aspect="equal", anchor="N")
        axis.axis("off")
        axis.set_title(
            name.replace(".", "\n"), fontsize=_style.SMALL, rotation=60, ha="left", va="bottom", x=0
        )
    named = {
        f"makes channel {channel}": _style.BLUE,
        f"reads channel {channel}": _style.ORANGE,
        "other channels": OTHERS,
    }
    handles = [Patch(color=colour, label=label) for label, colour in named.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=_style.SMALL)
    return figure

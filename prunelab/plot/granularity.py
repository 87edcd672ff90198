"""The figure of the explorer of chapter 02: a pruned convolution weight beside the accuracy that it leaves."""

from collections.abc import Mapping

import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from prunelab.plot import _style
from prunelab.plot.tensors import draw_tensor


def tensor_and_accuracy(kept: torch.Tensor, accuracies: Mapping[str, float], chosen: str, dense: float) -> Figure:
    """Draw the 4-D bool tensor ``kept`` and, beside it, ``accuracies`` (label -> percent) as bars; ``dense`` (percent) is a line.

    The bar of the label ``chosen`` is solid, the others are hatched. Raises ValueError if ``chosen`` is not among the labels.
    Source: notebook 02.
    """
    if chosen not in accuracies:
        raise ValueError(f"chosen must be one of {', '.join(map(repr, accuracies))}, got {chosen!r}")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), gridspec_kw={"width_ratios": [2.1, 1]})
    draw_tensor(left, kept)
    left.set_title(f"{chosen}: kept (blocks), pruned (flat tiles)")
    for position, (label, value) in enumerate(accuracies.items()):
        here = label == chosen
        right.barh(position, value, color=_style.KEPT if here else _style.PRUNED, hatch="" if here else _style.HATCH)
        right.text(103, position, f"{value:.1f}", va="center", fontsize=9, fontweight="bold" if here else "normal")
    right.axvline(dense, color=_style.VERMILLION, linestyle="--", label=f"dense {dense:.1f}")
    right.set(
        yticks=range(len(accuracies)), yticklabels=list(accuracies), xlim=(0, 124), xticks=range(0, 101, 25), xlabel="accuracy (%)"
    )
    right.invert_yaxis()
    right.legend(loc="upper center", bbox_to_anchor=(0.5, 1.14), fontsize=8)
    return figure

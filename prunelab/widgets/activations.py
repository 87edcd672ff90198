"""The explorers of chapters 03.3, 03.4 and 03.5: units and what a criterion drops, the energy model, the
board of criteria.
"""

import copy
from collections.abc import Mapping, Sequence
from functools import cache

import ipywidgets as w
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments, plot
from prunelab.criteria import CRITERIA, EnergyCosts, layer_energies, unit_masks
from prunelab.criteria.flow import activated, forward
from prunelab.criteria.registry import check_data, unchanged
from prunelab.masks import apply_masks, keep_top
from prunelab.sweep import paired_interval
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


def energy_explorer(model: nn.Module, example_input: torch.Tensor) -> w.VBox:
    """Return an explorer of the energy model: costs and batch -> the layers by energy, and the total.

    ``example_input`` ``(1, ...)`` is one image. Raises as ``layer_energies`` does. Source: notebook 03.4.
    """
    layer_energies(model, example_input)

    def draw(mac: float, buffer: float, dram: float, batch: int) -> tuple[Figure, str]:
        energies = layer_energies(
            model, example_input, costs=EnergyCosts(mac=mac, buffer=buffer, dram=dram, batch=batch)
        )
        order = sorted(energies, key=lambda name: -energies[name].total)
        parts = ("compute", "weights", "activations")
        bars = {
            name.removesuffix(".weight"): {part: getattr(energies[name], part) for part in parts}
            for name in order
        }
        total = sum(e.total for e in energies.values())
        text = f"prune in this order: {', '.join(bars)}; total {total:,.0f} per image, in units of one MAC"
        return plot.stacked_bars({"": bars}, "energy (1 = one MAC)"), text

    return explorer(
        draw,
        mac=w.FloatSlider(value=1, min=0, max=10, step=0.5, description="MAC"),
        buffer=w.FloatSlider(value=6, min=0, max=50, step=1, description="buffer"),
        dram=w.FloatSlider(value=200, min=0, max=400, step=10, description="DRAM"),
        batch=w.SelectionSlider(options=[1, 4, 16, 64, 256], value=1, description="batch"),
    )


def compare_criteria(results: Mapping[str, Mapping[str, Sequence[float]]]) -> w.VBox:
    """Return an explorer of stored results: two criteria and a setting -> the paired differences and whether
    one is real.

    ``results`` maps a setting ("filters, 50 %, before") to {criterion: one value per network}. Raises
    ValueError if it is empty or a setting has fewer than two criteria. Source: notebook 03.5."""
    if any(
        len(arguments.mapping("a table in results", table)) < 2
        for table in arguments.mapping("results", results).values()
    ):
        raise ValueError("results must hold settings with at least two criteria each")
    settings = list(results)
    names = list(results[settings[0]])

    def draw(setting: str, first: str, second: str) -> tuple[Figure, str]:
        table = results[setting]
        for name in (first, second):
            arguments.one_of("criterion", name, table)
        difference = [a - b for a, b in zip(table[first], table[second], strict=True)]
        mean, low, high = paired_interval(table[first], table[second])
        real = (
            "real: the interval excludes zero"
            if low > 0 or high < 0
            else "not shown to be real: the interval includes zero"
        )
        text = (
            f"{first} minus {second}: mean {mean:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f};"
            f" {real}"
        )
        return (
            plot.forest({f"{first} - {second}": (difference, low, high)}, "difference in accuracy (points)"),
            text,
        )

    return explorer(
        draw,
        setting=w.Dropdown(options=settings, value=settings[0], description="setting"),
        first=w.Dropdown(options=names, value=names[0], description="first"),
        second=w.Dropdown(options=names, value=names[1], description="second"),
    )

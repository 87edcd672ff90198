"""The explorer of notebook 03.4: the energy model."""

import ipywidgets as w
import torch
from matplotlib.figure import Figure
from torch import nn

from prunelab import plot
from prunelab.criteria import EnergyCosts, layer_energies
from prunelab.widgets._explorer import explorer


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

"""The explorer of chapter 05: what ``torch.nn.utils.prune`` hangs on a layer."""

import html
import io

import ipywidgets as w
import torch
from matplotlib import pyplot as plt
from torch import nn
from torch.nn.utils import prune

from prunelab import plot
from prunelab.widgets._explorer import Explorer

METHODS = {
    "l1_unstructured, amount=0.5": lambda m: prune.l1_unstructured(m, "weight", amount=0.5),
    "random_unstructured, amount=0.5": lambda m: prune.random_unstructured(m, "weight", amount=0.5),
    "ln_structured, amount=1, n=2, dim=0": lambda m: prune.ln_structured(m, "weight", amount=1, n=2, dim=0),
    "identity": lambda m: prune.identity(m, "weight"),
}


def _module_state(module: nn.Linear | nn.Conv2d) -> list[str]:
    """Return lines that name the parameters, the buffers, the type of ``weight``, the hooks, their history
    and the zeros.
    """
    hooks = list(module._forward_pre_hooks.values())
    history = [
        type(step).__name__
        for hook in hooks
        for step in (hook if isinstance(hook, prune.PruningContainer) else [hook])
    ]
    return [
        "parameters: " + ", ".join(name for name, _ in module.named_parameters()),
        "buffers:    " + (", ".join(name for name, _ in module.named_buffers()) or "none"),
        "weight is:  " + ("a parameter" if isinstance(module.weight, nn.Parameter) else "a plain attribute"),
        "hooks:      " + (", ".join(type(hook).__name__ for hook in hooks) or "none"),
        "history:    " + (", ".join(history) or "none"),
        f"zeros:      {int((module.weight == 0).sum())} of {module.weight.numel()}",
    ]


def torch_prune_explorer() -> w.VBox:
    """Return buttons that apply a method to a small layer, remove the re-parametrisation, or start anew;
    source: notebook 05.

    After each press ``.text`` (HTML) lists the layer's keys, hooks and history, and ``.picture`` (PNG) draws
    ``weight``. The buttons are ``.buttons`` by name, the choice of method is ``.method``."""
    method = w.Dropdown(options=list(METHODS), description="method")
    buttons = {name: w.Button(description=name) for name in ("apply", "remove", "start anew")}
    picture = w.Image(format="png", layout=w.Layout(max_width="100%", object_fit="contain"))
    text = w.HTML()
    layer: nn.Linear

    def show(note: str = "") -> None:
        figure = plot.heatmap({"weight": layer.weight})
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        plt.close(figure)
        picture.value = buffer.getvalue()
        # last: it says that all is drawn
        text.value = "<pre>" + html.escape("\n".join([*_module_state(layer), note])) + "</pre>"

    def start(_=None) -> None:
        nonlocal layer
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            layer = nn.Linear(6, 4)
        show()

    def apply(_) -> None:
        METHODS[method.value](layer)
        show()

    def remove(_) -> None:
        if prune.is_pruned(layer):
            prune.remove(layer, "weight")
            show()
        else:
            show("There is nothing to remove: apply a method first.")

    for button, act in zip(buttons.values(), (apply, remove, start), strict=True):
        button.on_click(act)
    start()
    box = Explorer(
        [w.HBox([method, *buttons.values()], layout=w.Layout(flex_flow="row wrap")), text, picture]
    )
    box.method, box.buttons, box.picture, box.text = method, buttons, picture, text
    return box

"""Who feeds whom: the activations of every layer's units, found by following the tensors of a forward
pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.criteria.registry import BATCH, batches, check_data, unit_layers
from prunelab.masks import prunable

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
PASSES = (
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.Flatten,
    nn.Dropout,
    nn.Dropout2d,
    nn.Identity,
)


@dataclass
class Flow:
    """What one forward pass showed of one layer.

    ``inputs`` is what the layer read; ``source`` the parameter name of the layer whose activations these are
    (perhaps pooled, flattened or dropped out on the way), or None; ``activation`` what a ReLU made of its
    output (perhaps after BatchNorm), or None; ``last`` the module whose output a unit is removed at: the
    BatchNorm behind the layer, or the layer."""

    layer: nn.Module
    inputs: torch.Tensor
    source: str | None
    last: nn.Module
    activation: torch.Tensor | None = None


def forward(model: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, dict[str, Flow]]:
    """Return the model's output and the ``Flow`` of every prunable layer, by parameter name.

    A tensor is followed from module to module; an operation that is no module, like the addition of a
    shortcut, makes a new tensor and ends the trail: the units behind it cannot be removed alone. Raises
    ValueError for a layer that runs twice or not at all. Source: notebook 03.3."""
    names = {weight: name for name, weight in prunable(model).items()}
    # id -> tensor (kept alive, so that ids stay unique), layer, activated
    trail: dict[int, tuple[torch.Tensor, str, bool]] = {}
    flows: dict[str, Flow] = {}

    def look(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        if not inputs or not isinstance(inputs[0], torch.Tensor):
            return
        _, origin, activated = trail.get(id(inputs[0]), (None, None, False))
        if isinstance(module, nn.Linear | nn.Conv2d):
            name = names[module.weight]
            if name in flows:
                raise ValueError(f"model must run each layer once, got {name} twice in one forward pass")
            flows[name] = Flow(module, inputs[0], origin if activated else None, module)
            trail[id(output)] = output, name, False
        elif origin is not None and isinstance(module, nn.ReLU) and not activated:
            flows[origin].activation = output
            trail[id(output)] = output, origin, True
        elif origin is not None and isinstance(module, NORMS) and not activated:
            flows[origin].last = module
            trail[id(output)] = output, origin, False
        elif origin is not None and isinstance(module, PASSES):
            trail[id(output)] = output, origin, activated

    hooks = [module.register_forward_hook(look) for module in model.modules() if not list(module.children())]
    try:
        output = model(images)
    except RuntimeError as cause:  # only the layers know what they take
        shape = tuple(images.shape)
        raise ValueError(
            f"the images of the dataset must fit the model, got shape {shape}: {str(cause)!r:.120}"
        ) from cause
    finally:
        for hook in hooks:
            hook.remove()
    for name in names.values():
        if name not in flows:
            raise ValueError(f"model must run each layer once, got {name} never run in a forward pass")
    return output, flows


def activated(flows: dict[str, Flow], model: nn.Module) -> dict[str, Flow]:
    """Return the flows of the layers whose units can be scored: those with a ReLU right behind them, without
    the output layer.

    Raises ValueError if there is none. Source: notebook 03.3.
    """
    scored = {name: flows[name] for name in unit_layers(model) if flows[name].activation is not None}
    if not scored:
        raise ValueError(
            f"model must have an nn.ReLU module right behind a layer, got {type(model).__name__} without one"
        )
    return scored


def activations(
    model: nn.Module, dataset: TensorDataset | None, batch_size: int = BATCH
) -> Iterator[dict[str, torch.Tensor]]:
    """Yield, batch by batch, the activations after the ReLU by parameter name, ``(n, units, ...)``.

    Raises as ``check_data`` and ``activated`` do, and FloatingPointError for activations that are not finite.
    The model must be in eval mode (``unchanged``). Source: notebook 03.3."""
    dataset = check_data(dataset, labels=False)
    for images, *_ in batches(dataset, batch_size):
        with torch.no_grad():
            _, flows = forward(model, images)
        found = {name: flow.activation for name, flow in activated(flows, model).items()}
        for name, activation in found.items():
            if not torch.isfinite(activation).all():
                raise FloatingPointError(
                    f"the activations of {name} are not finite; look for NaN or overflow in the weights"
                )
        yield found

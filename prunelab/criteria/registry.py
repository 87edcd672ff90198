"""What a criterion is, and what every criterion shares: the model left unchanged, checked data, batches, mean
gradients.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.masks import prunable

UNITS = ("weight", "filter", "channel", "neuron")
NEEDS = ("data", "labels", "gradients", "hessian", "batchnorm")
BATCH = 250
HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)


@dataclass(frozen=True)
class Criterion:
    """One entry of ``CRITERIA``.

    ``function(model, dataset)`` returns scores by parameter name, large = keep. ``scores`` names what one
    score stands for, ``needs`` what the function asks for beside the weights, and ``paper`` where it comes
    from. A ``strategy`` is no score of its own but a procedure built on scores (an order of layers, a
    search); its docstring says what it returns.

    Raises ValueError for an unknown entry of ``scores`` or ``needs``. Source: notebooks 03.1 to 03.5.
    """

    name: str
    function: Callable
    scores: tuple[str, ...]
    needs: tuple[str, ...]
    paper: str
    strategy: bool = False

    def __post_init__(self):
        for unit in self.scores:
            arguments.one_of(f"an entry of scores of {self.name!r}", unit, UNITS)
        for need in self.needs:
            arguments.one_of(f"an entry of needs of {self.name!r}", need, NEEDS)


@contextmanager
def unchanged(model: nn.Module, seed: int = 0) -> Iterator[nn.Module]:
    """Yield ``model`` in eval mode, and give it back as it was, also after an error.

    Restored are parameters, buffers (the BatchNorm statistics), gradients, ``requires_grad``, the mode of
    every module and its hooks; torch's random state too, which starts from ``seed`` inside. Inside, gradients
    can be computed (also under no_grad).

    Raises TypeError if ``model`` is no module or ``seed`` no integer. Source: notebook 03.1.
    """
    arguments.module("model", model)
    arguments.count("seed", seed, at_least=0)
    tensors = [*model.parameters(), *model.buffers()]
    values = [tensor.detach().clone() for tensor in tensors]
    gradients = [
        (p, p.requires_grad, p.grad, None if p.grad is None else p.grad.clone()) for p in model.parameters()
    ]
    hooks = [(module, kind, getattr(module, kind).copy()) for module in model.modules() for kind in HOOKS]
    try:
        with (
            arguments.eval_mode(model),
            torch.random.fork_rng(devices=[]),
            torch.inference_mode(False),
            torch.enable_grad(),
        ):
            torch.manual_seed(seed)
            for parameter, *_ in gradients:
                parameter.requires_grad_(True)
            yield model
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                if not torch.equal(tensor, value):
                    tensor.copy_(value)
            for parameter, requires_grad, gradient, copy in gradients:
                parameter.requires_grad_(requires_grad)
                parameter.grad = gradient
                if gradient is not None:
                    gradient.copy_(copy)
        for module, kind, before in hooks:
            current = getattr(module, kind)
            current.clear()
            current.update(before)


def check_data(dataset: TensorDataset | None, labels: bool = True) -> TensorDataset:
    """Return ``dataset`` if it can be scored on: finite images and, if ``labels`` is true, one int64 class
    for each.

    Raises TypeError if it is no TensorDataset (``None`` included) or its labels are no classes, ValueError if
    it is empty, has no labels, or holds images that are not finite. Source: notebook 03.1."""
    arguments.flag("labels", labels)
    wanted = "a TensorDataset of images and labels" if labels else "a TensorDataset of images"
    if not isinstance(dataset, TensorDataset):
        raise TypeError(f"dataset must be {wanted} for this criterion, got {type(dataset).__name__}")
    if len(dataset) == 0:
        raise ValueError("dataset must not be empty, got 0 examples")
    arguments.tensor("dataset's images", dataset.tensors[0])
    if labels:
        if len(dataset.tensors) != 2:
            raise ValueError(
                f"dataset must be {wanted}: this criterion needs labels, got {len(dataset.tensors)} tensors"
            )
        if dataset.tensors[1].dtype != torch.int64 or dataset.tensors[1].ndim != 1:
            found = f"{dataset.tensors[1].dtype} of shape {tuple(dataset.tensors[1].shape)}"
            raise TypeError(f"dataset's labels must be int64 classes of shape (N,), got {found}")
    return dataset


def batches(dataset: TensorDataset, batch_size: int = BATCH) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield the tensors of ``dataset`` in order, ``batch_size`` examples at a time (the last batch may be
    smaller).
    """
    arguments.count("batch_size", batch_size)
    yield from zip(*(tensor.split(batch_size) for tensor in dataset.tensors), strict=True)


def unit_layers(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weights whose output units may be pruned: all of ``prunable(model)`` but the last, whose
    units are the classes.

    Raises ValueError if nothing is left. Source: notebook 03.1.
    """
    weights = prunable(model)
    weights.popitem()
    if not weights:
        raise ValueError(
            "model must have a layer before its output layer: the units of the output layer are the classes"
        )
    return weights


def per_unit(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return one value per output unit, ``(out,)``, shaped to broadcast over ``weight``: ``(out, 1)`` or
    ``(out, 1, 1, 1)``.
    """
    return values.reshape(-1, *[1] * (weight.ndim - 1))


def mean_gradients(
    model: nn.Module, dataset: TensorDataset, batch_size: int = BATCH
) -> dict[str, torch.Tensor]:
    """Return the gradient of the mean cross-entropy over ``dataset``, float64, for every weight of
    ``prunable(model)``.

    The model is in eval mode and left unchanged; the result does not depend on ``batch_size``.

    Raises TypeError or ValueError for bad data, FloatingPointError when a gradient is not finite. Source:
    notebook 03.1."""
    dataset = check_data(dataset)
    with unchanged(model):
        weights = prunable(model)
        arguments.fits("dataset", dataset.tensors[0][:1], model)
        totals = {name: torch.zeros_like(weight, dtype=torch.float64) for name, weight in weights.items()}
        for images, labels in batches(dataset, batch_size):
            loss = F.cross_entropy(model(images), labels, reduction="sum")
            for total, gradient in zip(
                totals.values(), torch.autograd.grad(loss, list(weights.values())), strict=True
            ):
                total += gradient
        result = {name: (total / len(dataset)).detach() for name, total in totals.items()}
    for name, gradient in result.items():
        if not torch.isfinite(gradient).all():
            raise FloatingPointError(
                f"the gradient of {name} is not finite; look for NaN or overflow in the weights"
            )
    return result

"""One training loop for the whole course, and accuracy."""

import math
from collections.abc import Callable
from numbers import Real
from typing import NoReturn

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.masks import apply_masks
from prunelab.progress import progress

BATCH = 128
MOMENTUM = 0.9
FITS = 100  # images whose feature maps fit the processor's cache: twice as fast as 1,000 at a time


def steps_per_epoch(dataset: TensorDataset) -> int:
    """Return the number of optimizer steps that ``train`` takes in one epoch: examples / 128, rounded up.

    Raises TypeError if ``dataset`` is none. Source: notebook 00.
    """
    _tensors(dataset)
    return math.ceil(len(dataset) / BATCH)


def train(
    model: nn.Module,
    dataset: TensorDataset,
    *,
    epochs: int,
    lr: float = 0.05,
    masks: dict[str, torch.Tensor] | None = None,
    penalty: Callable[[nn.Module], torch.Tensor] | None = None,
    on_step: Callable[[nn.Module, int], None] | None = None,
    seed: int = 0,
) -> list[float]:
    """Train ``model`` in place with SGD (momentum 0.9, batches of 128, cosine learning rate from ``lr`` to
    0).

    ``dataset`` holds images and labels: int64 classes ``(N,)``, or class probabilities ``(N, classes)`` for
    distillation; the loss is the cross-entropy. ``masks`` (parameter name -> mask) are applied before the
    first step and again after every step, because momentum moves pruned weights whose gradient is zero.
    ``penalty(model)`` is added to the loss. ``on_step(model, step)`` is called after each step (1, 2, ...)
    while the gradients are still there; it may replace entries of ``masks``, which are applied right after
    it. ``seed`` fixes the order of the examples and dropout; torch's global random state is left as it was.

    Returns the mean training loss of each epoch. The model is left in eval mode. Raises ValueError or
    TypeError for a bad argument before anything is changed, and FloatingPointError when the loss becomes NaN.
    Source: notebook 00.

    >>> images, labels = torch.eye(2).repeat(64, 1), torch.arange(2).repeat(64)
    >>> model = nn.Linear(2, 2)
    >>> losses = train(model, TensorDataset(images, labels), epochs=20, lr=0.5)
    >>> len(losses), losses[-1] < losses[0]
    (20, True)
    """
    _check(model, epochs, lr, seed, {"penalty": penalty, "on_step": on_step})
    images, labels = _tensors(dataset)
    arguments.fits("dataset", images[:1], model)
    masks = {} if masks is None else masks
    apply_masks(model, masks)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr, momentum=MOMENTUM)
    steps, step, history = epochs * steps_per_epoch(dataset), 0, []
    with torch.random.fork_rng(devices=[]), progress(steps, "training") as bar:
        torch.manual_seed(seed)
        model.train()
        for epoch in range(epochs):
            total = torch.zeros(())
            for batch in torch.randperm(len(images)).split(BATCH):
                value = F.cross_entropy(model(images[batch]), labels[batch])
                total += value.detach() * len(batch)
                if penalty is not None:
                    value = value + _number("penalty", penalty(model))
                _descend(optimizer, value, lr * (1 + math.cos(math.pi * step / steps)) / 2)
                step += 1
                bar.update()
                if on_step is not None:
                    on_step(model, step)
                apply_masks(model, masks)
            history.append(float(total / len(images)))
            if math.isnan(history[-1]):
                _diverged(epoch + 1, lr)
    model.eval()
    return history


@torch.inference_mode()
def accuracy(model: nn.Module, dataset: TensorDataset) -> float:
    """Return the accuracy of ``model`` on ``dataset`` in percent, in eval mode; the model's own mode is left
    as it was.

    Raises TypeError or ValueError if ``dataset`` is not a TensorDataset of images and labels. Source:
    notebook 00.

    >>> model = nn.Identity()  # the class with the largest input
    >>> accuracy(model, TensorDataset(torch.eye(4), torch.tensor([0, 1, 2, 2])))
    75.0
    """
    images, labels = _tensors(dataset)
    arguments.fits("dataset", images[:1], arguments.module("model", model))
    with arguments.eval_mode(model):
        parts = zip(images.split(FITS), labels.split(FITS), strict=True)
        correct = sum(_right(model(x), y) for x, y in parts)
    return 100 * correct / len(images)


def _right(outputs: torch.Tensor, labels: torch.Tensor) -> int:
    if outputs.ndim != 2 or len(outputs) != len(labels):
        raise ValueError(
            f"model must return a number for each class, (N, classes), got shape {tuple(outputs.shape)}"
        )
    return int((outputs.argmax(1) == labels).sum())


def _check(model: nn.Module, epochs: int, lr: float, seed: int, functions: dict[str, object]) -> None:
    arguments.count("epochs", epochs, at_least=0)
    arguments.positive("lr", lr)
    arguments.count("seed", seed, at_least=0)
    for name, value in functions.items():
        if value is not None and not callable(value):
            raise TypeError(f"{name} must be a function, got {value!r}")
    if isinstance(functions["on_step"], nn.Module):
        raise TypeError(
            f"on_step must be a function of the model and the step, got {functions['on_step']!r:.80}"
        )
    arguments.module("model", model)


def _diverged(epoch: int, lr: float) -> NoReturn:
    raise FloatingPointError(f"the training loss became NaN in epoch {epoch}; try a smaller lr than {lr}")


def _number(name: str, value: torch.Tensor) -> torch.Tensor:
    if not isinstance(value, torch.Tensor | float):
        raise TypeError(f"{name} must return a number, got {value!r:.80}")
    return value


def _descend(optimizer: torch.optim.Optimizer, loss: torch.Tensor, lr: float) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.param_groups[0]["lr"] = lr
    optimizer.step()


def evaluator(dataset: TensorDataset | Callable[[nn.Module], float]) -> Callable[[nn.Module], float]:
    """Return ``dataset`` if it is a function ``evaluate(model) -> percent``, else the function that gives
    ``accuracy`` on it.

    Raises TypeError or ValueError if it is neither. Source: notebook 09.2.
    """
    if isinstance(dataset, nn.Module):  # callable, but no judge of models
        raise TypeError(
            "dataset must be a TensorDataset of images and labels or a function, got"
            f" {type(dataset).__name__}"
        )
    if callable(dataset):
        return lambda model: _finite(dataset(model))
    _tensors(dataset)
    return lambda model: accuracy(model, dataset)


def _finite(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise TypeError(f"evaluate(model) must return a finite number, got {value!r:.80}")
    return float(value)


def _tensors(dataset: TensorDataset) -> tuple[torch.Tensor, torch.Tensor]:
    if not isinstance(dataset, TensorDataset) or len(dataset.tensors) != 2:
        raise TypeError(f"dataset must be a TensorDataset of images and labels, got {type(dataset).__name__}")
    if len(dataset) == 0:
        raise ValueError("dataset must not be empty, got 0 examples")
    return dataset.tensors

"""What several experiments share: the data, the first so many examples of them, and the scores that their
rows report.
"""

import functools
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.data import Mnist, load_mnist
from prunelab.training import accuracy

SGD = "SGD, momentum 0.9, batch 128, cosine learning rate from"


@dataclass(frozen=True)
class Configuration(ABC):
    """One entry of an experiment's grid. Its fields are JSON values; they stand in front of its rows."""

    @abstractmethod
    def measure(self) -> dict | list[dict]:
        """Return the row of this configuration, or a list of rows."""


@functools.cache
def mnist() -> Mnist:
    """Return MNIST, read once in each process."""
    return load_mnist()


def first(dataset: TensorDataset, examples: int) -> TensorDataset:
    return TensorDataset(*(tensor[:examples] for tensor in dataset.tensors))


def accuracies(model: nn.Module) -> dict[str, float]:
    """Return the accuracy in percent on the validation and on the test split."""
    return {split: round(accuracy(model, getattr(mnist(), split)), 2) for split in ("valid", "test")}


def errors(model: nn.Module) -> dict[str, float]:
    """Return the error in percent on the validation and on the test split."""
    return {split: round(100 - percent, 2) for split, percent in accuracies(model).items()}


def shuffled(masks: dict[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
    """Return masks with as many weights kept in each layer, at random places."""
    draw = torch.Generator().manual_seed(seed)
    return {
        name: mask.flatten()[torch.randperm(mask.numel(), generator=draw)].view_as(mask)
        for name, mask in masks.items()
    }

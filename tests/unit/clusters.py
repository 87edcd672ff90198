"""A data set and a network so small that a test trains in no time."""

import torch
from torch import nn
from torch.utils.data import TensorDataset


def digits(examples=300, classes=3, seed=0):
    """Return a small data set that a linear network can learn: clusters around random centres."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, 8, generator=generator) * 3
    labels = torch.randint(classes, (examples,), generator=generator)
    return TensorDataset(centres[labels] + torch.randn(examples, 8, generator=generator), labels)


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))


def with_dropout():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.5), nn.Linear(16, 3))

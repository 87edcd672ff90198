"""The tiny network and the data that the tests of the criteria share."""

import torch
from torch import nn
from torch.utils.data import TensorDataset


def tiny(seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential()
    for name, module in {
        "conv1": nn.Conv2d(1, 4, 3),
        "bn1": nn.BatchNorm2d(4),
        "relu1": nn.ReLU(),
        "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(4, 5, 3),
        "bn2": nn.BatchNorm2d(5),
        "relu2": nn.ReLU(),
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(20, 6),
        "relu3": nn.ReLU(),
        "fc2": nn.Linear(6, 3),
    }.items():
        model.add_module(name, module)
    for norm in (model.bn1, model.bn2):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    return model


def data(examples=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return TensorDataset(torch.randn(examples, 1, 10, 10, generator=generator), torch.arange(examples) % 3)

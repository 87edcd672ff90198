"""Networks, masks and the comparison that the tests of surgery share."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from prunelab.masks import apply_masks, mask_model
from prunelab.models import MODELS

HIDDEN = {
    "lenet5": ("conv1", "conv2", "fc1", "fc2"),
    "lenet5_bn": ("conv1", "conv2", "fc1", "fc2"),
    "lenet300": ("fc1", "fc2"),
    "lenet5_caffe": ("conv1", "conv2", "fc1"),
}


class OwnCNN(nn.Module):
    """A network with a forward of its own, as a reader would write it: functional ReLU, a pool used twice,
    two heads.
    """

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8))
        self.conv = nn.Conv2d(8, 12, 3, stride=2)
        self.pool = nn.MaxPool2d(2)
        self.mean = nn.AvgPool2d(2)
        self.norm = nn.BatchNorm1d(20)
        self.fc = nn.Linear(108, 20)
        self.head, self.other = nn.Linear(20, 10), nn.Linear(20, 3)

    def forward(self, x):
        x = self.pool(F.relu(self.body(x)))
        x = self.mean(F.leaky_relu(self.conv(x), 0.2))
        x = F.dropout(torch.flatten(x, 1), training=self.training)
        x = torch.tanh(self.norm(self.fc(x)))
        return torch.cat([self.head(x), self.other(x)], 1)


def net(name: str) -> nn.Module:
    """A random network in float64 whose biases and BatchNorm statistics are far from their defaults."""
    torch.manual_seed(3)
    return randomise(MODELS[name]())


def randomise(model: nn.Module) -> nn.Module:
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.uniform_(-1, 1)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.track_running_stats:
                module.running_mean.uniform_(-1, 1)
                module.running_var.uniform_(0.5, 2)
    return model.double().eval()


def filter_masks(model: nn.Module, layers, sparsity=0.5) -> dict[str, torch.Tensor]:
    norms = {f"{n}.weight": model.get_submodule(n).weight.detach().abs().flatten(1).sum(1) for n in layers}
    return {
        n: m.view(-1, *[1] * (model.get_parameter(n).ndim - 1))
        for n, m in mask_model(norms, sparsity).items()
    }


def masked(model: nn.Module, masks) -> nn.Module:
    copied = copy.deepcopy(model)
    apply_masks(copied, masks)
    return copied


@torch.no_grad()
def assert_same(small: nn.Module, big: nn.Module, shape=(7, 1, 28, 28)) -> None:
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(small(x), big(x), rtol=0, atol=1e-10)


def size(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())

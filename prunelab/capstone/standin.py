"""The stand-in for a network of the reader's own: MNIST made harder, and a small residual network trained on
it.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.data import DATA, MEAN, STD, load_weights

ANGLE, SHIFT = 40.0, 4.0  # degrees and pixels, at most, to either side
PIECES, SIDE = 6, 7  # pieces of other digits in each image, and their side in pixels
WEIGHTS = DATA / "checkpoints" / "capstone-seed0.safetensors"


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with BatchNorm and a way around them; ``stride`` 2 halves the map, and the way
    around is a 1 x 1 then.

    Source: He et al., arXiv 1512.03385; notebook capstone.
    """

    def __init__(self, channels: int, width: int, stride: int = 1):
        super().__init__()
        channels, width = arguments.count("channels", channels), arguments.count("width", width)
        stride = arguments.count("stride", stride)
        self.conv1, self.bn1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.around: nn.Module = nn.Identity()
        if stride > 1 or channels != width:
            self.around = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(inner)) + self.around(x))


class ResidualNet(nn.Module):
    """A convolution and three residual blocks of 16, 32 and 64 channels; input ``(N, 1, 28, 28)``, 10
    outputs, 77,754 parameters.

    Source: He et al., arXiv 1512.03385; notebook capstone.
    """

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.block1, self.block2, self.block3 = (
            ResidualBlock(16, 16),
            ResidualBlock(16, 32, 2),
            ResidualBlock(32, 64, 2),
        )
        self.fc = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.block3(self.block2(self.block1(self.stem(x))))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


def load_standin() -> ResidualNet:
    """Return the trained network in eval mode. Raises as ``data.load_weights``.

    Source: ``experiments/capstone.py``; notebook capstone.
    """
    model = ResidualNet()
    model.load_state_dict(load_weights(WEIGHTS))
    return model.eval()


def harder(dataset: TensorDataset, examples: int, seed: int = 0) -> TensorDataset:
    """Return the first ``examples`` of ``dataset``, made harder: rotated, shifted, and cluttered with pieces
    of other digits.

    ``dataset`` holds MNIST images ``(N, 1, 28, 28)``, normalised as ``load_mnist`` does, and labels ``(N,)``;
    so does the result. Each image is turned by up to 40 degrees, moved by up to 4 pixels and gets six pieces
    of 7 x 7 pixels from other images. The same ``seed`` gives the same images; torch's global random state is
    not touched.

    Raises TypeError or ValueError for another dataset, more examples than it has, or a bad seed. Source:
    notebook capstone."""
    if (
        not isinstance(dataset, TensorDataset)
        or len(dataset.tensors) != 2
        or dataset.tensors[0].shape[1:] != (1, 28, 28)
    ):
        raise TypeError(
            "dataset must be a TensorDataset of images (N, 1, 28, 28) and labels, got"
            f" {type(dataset).__name__}"
        )
    if arguments.count("examples", examples) > len(dataset):
        raise ValueError(f"examples must be at most {len(dataset)}, got {examples}")
    draw = torch.Generator().manual_seed(arguments.count("seed", seed, at_least=0))
    images, labels = (tensor[:examples] for tensor in dataset.tensors)
    ink = images * STD + MEAN
    angle = (2 * torch.rand(examples, generator=draw) - 1) * ANGLE * math.pi / 180
    shift = (2 * torch.rand(examples, 2, generator=draw) - 1) * SHIFT / 14  # the grid counts half widths
    turn = torch.stack([torch.cos(angle), -torch.sin(angle), torch.sin(angle), torch.cos(angle)], 1).view(
        -1, 2, 2
    )
    grid = F.affine_grid(torch.cat([turn, shift[:, :, None]], 2), list(ink.shape), align_corners=False)
    moved = F.grid_sample(ink, grid, align_corners=False)
    return TensorDataset((torch.maximum(moved, _clutter(ink, draw)) - MEAN) / STD, labels.clone())


def _clutter(ink: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Return images ``(N, 1, 28, 28)`` of ``PIECES`` patches each, cut from random images of ``ink``, at
    random places.
    """
    n, room = len(ink), 28 - SIDE + 1
    patches = ink.unfold(2, SIDE, 1).unfold(3, SIDE, 1)  # (N, 1, room, room, SIDE, SIDE), a view
    canvas = torch.zeros_like(ink)
    for _ in range(PIECES):
        donor, row, column = (torch.randint(high, (n,), generator=draw) for high in (n, room, room))
        down, right = (torch.randint(room, (n,), generator=draw) for _ in range(2))
        piece = patches[donor, 0, row, column]
        rows = (down[:, None] + torch.arange(SIDE))[:, :, None]
        columns = (right[:, None] + torch.arange(SIDE))[:, None, :]
        canvas[torch.arange(n)[:, None, None], 0, rows, columns] = piece
    return canvas

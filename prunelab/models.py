"""The course's networks and their trained checkpoints.

Each image network is an ``nn.Sequential`` with named children: a chain can be read, hooked and taken apart
layer by layer."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import nn

from prunelab import arguments
from prunelab.data import DATA, load_weights
from prunelab.language import Decoder

SEEDS = (0, 1, 2, 3, 4)
CHECKPOINTS = DATA / "checkpoints"


class LeNet5(nn.Sequential):
    """Conv 6, conv 16, then 120, 84 and 10 units; input ``(N, 1, 28, 28)``, 44,426 parameters, 281,640 MACs.

    After LeCun et al., "Gradient-based learning applied to document recognition" (1998), with ReLU and max
    pooling; notebook 00."""

    def __init__(self):
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(1, 6, 5),
                relu1=nn.ReLU(),
                pool1=nn.MaxPool2d(2),
                conv2=nn.Conv2d(6, 16, 5),
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(2),
                flatten=nn.Flatten(),
                fc1=nn.Linear(256, 120),
                relu3=nn.ReLU(),
                fc2=nn.Linear(120, 84),
                relu4=nn.ReLU(),
                fc3=nn.Linear(84, 10),
            )
        )


class LeNet5BN(nn.Sequential):
    """``LeNet5`` with BatchNorm after each convolution: the network for criteria that read the BatchNorm
    scale; notebook 03.1.

    The convolutions keep their biases, so that one rule for biases serves every network. Input ``(N, 1, 28,
    28)``; 44,470 parameters, 44 of them BatchNorm's."""

    def __init__(self):
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(1, 6, 5),
                bn1=nn.BatchNorm2d(6),
                relu1=nn.ReLU(),
                pool1=nn.MaxPool2d(2),
                conv2=nn.Conv2d(6, 16, 5),
                bn2=nn.BatchNorm2d(16),
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(2),
                flatten=nn.Flatten(),
                fc1=nn.Linear(256, 120),
                relu3=nn.ReLU(),
                fc2=nn.Linear(120, 84),
                relu4=nn.ReLU(),
                fc3=nn.Linear(84, 10),
            )
        )


class LeNet300(nn.Sequential):
    """LeNet-300-100: 784 inputs, 300, 100 and 10 units; input ``(N, 1, 28, 28)``, 266,610 parameters, 266,200
    of them weights.

    The fully connected network of Han et al. (arXiv 1506.02626) and most pruning papers on MNIST; notebooks
    03.2, 07.2, 08."""

    def __init__(self):
        super().__init__(
            OrderedDict(
                flatten=nn.Flatten(),
                fc1=nn.Linear(784, 300),
                relu1=nn.ReLU(),
                fc2=nn.Linear(300, 100),
                relu2=nn.ReLU(),
                fc3=nn.Linear(100, 10),
            )
        )


class LeNet5Caffe(nn.Sequential):
    """Conv 20, conv 50, then 500 and 10 units: the "LeNet-5" of the pruning papers; input ``(N, 1, 28, 28)``,
    431,080 parameters.

    430,500 of them are weights; 2,293,000 MACs. Caffe's example network has a ReLU after fc1 only; like most
    later reproductions this one also has it after each convolution. Notebooks 04.2 and 08."""

    def __init__(self):
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(1, 20, 5),
                relu1=nn.ReLU(),
                pool1=nn.MaxPool2d(2),
                conv2=nn.Conv2d(20, 50, 5),
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(2),
                flatten=nn.Flatten(),
                fc1=nn.Linear(800, 500),
                relu3=nn.ReLU(),
                fc2=nn.Linear(500, 10),
            )
        )


MODELS = {"lenet5": LeNet5, "lenet5_bn": LeNet5BN, "lenet300": LeNet300, "lenet5_caffe": LeNet5Caffe}
DECODERS: dict[str, Callable[[], nn.Module]] = {  # character-level language models; notebook 10.1
    "decoder": Decoder,
    "decoder_fifth": partial(Decoder, width=60),  # about as many parameters as a cut of 80 % leaves
}
DECODER_SEEDS = (0, 1, 2)


def load_pretrained(name: str, seed: int = 0, folder: Path | str = CHECKPOINTS) -> nn.Module:
    """Return a trained network in eval mode: ``name`` is a key of ``MODELS``, ``seed`` one of 0 to 4; or
    ``name`` is a key of ``DECODERS`` and ``seed`` one of 0 to 2.

    Different seeds are independently trained networks, so a comparison over seeds is a comparison over
    networks. The JSON file beside each checkpoint says how it was trained and what it scores.

    Raises ValueError for an unknown name or seed and for a checkpoint that is truncated or altered,
    FileNotFoundError for a missing one; the file and its checksum are named. Source:
    ``experiments/checkpoints.py`` and ``decoders.py``; notebook 00."""
    arguments.one_of("name", name, MODELS | DECODERS)
    arguments.one_of("seed", seed, DECODER_SEEDS if name in DECODERS else SEEDS)
    model = (MODELS | DECODERS)[name]()
    model.load_state_dict(load_weights(arguments.path("folder", folder) / f"{name}-seed{seed}.safetensors"))
    return model.eval()

"""CREPE, a pitch tracker that people use: the network, its pretrained weights, and how its outputs become a
pitch.
"""

import math
import warnings
from collections import OrderedDict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.data import DATA, load_weights
from prunelab.progress import progress

# torch pads an even kernel by one more zero on the right, as the published network does, and warns that this
# takes a copy
warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")
FOLDER = DATA / "crepe"
RATE = 16_000  # samples per second
FRAME = 1024  # samples, 64 ms
BINS = 360
CENTS_PER_BIN = 20
LOWEST = 1997.3794084376191  # cents above 10 Hz of the first bin, about 31.7 Hz
BLUR = 25  # cents: how wide a true pitch is spread over the bins
BATCH = 16
FILTERS = (128, 16, 16, 16, 32, 64)  # of "tiny", the smallest of the five published sizes


class Crepe(nn.Sequential):
    """CREPE "tiny": input ``(N, 1024)``, one frame at 16 kHz each; output ``(N, 360)``, the probability of
    each pitch.

    Six times convolution over time, ReLU, BatchNorm, max pooling by 2, then one Linear and a sigmoid. Time is
    the width of images of height 1. ``filters`` are the widths of the six convolutions. Frames have mean 0
    and variance 1 (``normalise``). 486,552 parameters, 485,376 of them weights; 36,792,320 MACs per frame.

    Raises TypeError or ValueError unless ``filters`` are six positive integers.
    Source: Kim, Salamon, Li and Bello, arXiv 1802.06182; notebook 09.2.
    """

    def __init__(self, filters: tuple[int, ...] = FILTERS):
        if not isinstance(filters, tuple | list) or len(filters) != len(FILTERS):
            raise ValueError(f"filters must be {len(FILTERS)} positive integers, got {filters!r:.80}")
        layers: OrderedDict[str, nn.Module] = OrderedDict(unflatten=nn.Unflatten(1, (1, 1, FRAME)))
        channels = 1
        for i, width in enumerate(filters, start=1):
            width = arguments.count(f"filters[{i - 1}]", width)
            kernel, stride, padding = ((1, 512), (1, 4), (0, 254)) if i == 1 else ((1, 64), 1, "same")
            layers[f"conv{i}"] = nn.Conv2d(channels, width, kernel, stride, padding)
            layers[f"relu{i}"] = nn.ReLU()
            layers[f"bn{i}"] = nn.BatchNorm2d(width, eps=0.001)
            layers[f"pool{i}"] = nn.MaxPool2d((1, 2))
            channels = width
        positions = FRAME // 4 // 2 ** len(filters)
        layers |= {
            "flatten": nn.Flatten(),
            "fc": nn.Linear(channels * positions, BINS),
            "sigmoid": nn.Sigmoid(),
        }
        super().__init__(layers)


def load_crepe(folder: Path | str = FOLDER) -> Crepe:
    """Return the pretrained "tiny" network in eval mode; ``crepe-tiny.json`` says where its weights come
    from.

    Raises FileNotFoundError for a missing file and ValueError for an altered one; the file and its checksum
    are named. Source: ``scripts/crepe.py``; notebook 09.2."""
    model = Crepe()
    model.load_state_dict(load_weights(arguments.path("folder", folder) / "crepe-tiny.safetensors"))
    return model.eval()


def normalise(frames: torch.Tensor) -> torch.Tensor:
    """Return ``frames`` ``(N, 1024)`` with mean 0 and standard deviation 1 each, as the network expects them;
    silence stays 0.

    Raises TypeError or ValueError if ``frames`` is no such tensor. Source: notebook 09.2.
    """
    _shaped("frames", frames, FRAME)
    centred = frames - frames.mean(1, keepdim=True)
    return centred / centred.std(1, keepdim=True).clamp_min(1e-10)


def decode(outputs: torch.Tensor) -> torch.Tensor:
    """Return the pitch ``(N,)`` in cents above 10 Hz of ``outputs`` ``(N, 360)``: a weighted mean around the
    highest bin.

    Raises TypeError or ValueError if ``outputs`` is no such tensor or has a negative entry. Source: arXiv
    1802.06182 (the published programme restricts the paper's weighted mean to these nine bins); notebook
    09.2."""
    _shaped("outputs", outputs, BINS)
    if outputs.min() < 0:
        raise ValueError(f"outputs must not be negative, got {outputs.min():.3g}")
    bins = torch.arange(BINS, dtype=torch.float64, device=outputs.device)
    near = (bins - outputs.argmax(1, keepdim=True)).abs() <= 4
    weights = outputs * near.double() + 1e-30 * near  # outputs of exactly 0 everywhere must not give 0 / 0
    return ((LOWEST + CENTS_PER_BIN * bins) * weights).sum(1) / weights.sum(1)


def targets(cents: torch.Tensor) -> torch.Tensor:
    """Return the outputs ``(N, 360)`` that a network is trained to give where the true pitch is known: 1 in
    the bin of ``cents`` ``(N,)``, above 10 Hz, falling off as a bell curve with a standard deviation of 25
    cents.

    Raises TypeError or ValueError if ``cents`` is no such tensor. Source: arXiv 1802.06182; notebook 09.2.
    """
    if arguments.tensor("cents", cents).ndim != 1:
        raise ValueError(f"cents must have shape (N,), got {tuple(cents.shape)}")
    bins = LOWEST + CENTS_PER_BIN * torch.arange(BINS, dtype=torch.float64, device=cents.device)
    return torch.exp(-0.5 * ((bins - cents.double().unsqueeze(1)) / BLUR) ** 2).float()


def to_hertz(cents: torch.Tensor) -> torch.Tensor:
    """Return the frequency in hertz of a pitch in cents above 10 Hz: 1,200 cents are an octave. Raises as
    ``arguments.tensor``.

    Source: arXiv 1802.06182; notebook 09.2.
    """
    return 10 * 2 ** (arguments.tensor("cents", cents) / 1200)


def distil(
    model: nn.Module,
    frames: torch.Tensor,
    targets: torch.Tensor,
    *,
    epochs: int,
    lr: float = 0.002,
    seed: int = 0,
) -> list[float]:
    """Train ``model`` in place to answer ``targets`` ``(N, 360)``, a teacher's for ``frames`` ``(N, 1024)``.
    No label is needed.

    Adam, batches of 16, cosine learning rate from ``lr`` to 0; the loss is the binary cross-entropy, summed
    over the 360 outputs. ``seed`` fixes the order; torch's global random state is left as it was. Returns the
    mean loss of each epoch and leaves the model in eval mode.

    Raises TypeError or ValueError for a bad argument before anything is changed. Source: Hinton, Vinyals and
    Dean, arXiv 1503.02531; notebook 09.2."""
    arguments.module("model", model)
    _shaped("frames", frames, FRAME)
    _shaped("targets", targets, BINS)
    if len(targets) != len(frames) or targets.min() < 0 or targets.max() > 1:
        raise ValueError(f"targets must be {len(frames)} rows of probabilities, got {len(targets)} rows")
    steps = arguments.count("epochs", epochs, at_least=0) * math.ceil(len(frames) / BATCH)
    optimizer = torch.optim.Adam(model.parameters(), arguments.positive("lr", lr))
    step, history = 0, []
    with torch.random.fork_rng(devices=[]), progress(steps, "distilling") as bar:
        torch.manual_seed(arguments.count("seed", seed, at_least=0))
        model.train()
        for _ in range(epochs):
            total = 0.0
            for batch in torch.randperm(len(frames)).split(BATCH):
                optimizer.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * step / steps)) / 2
                loss = F.binary_cross_entropy(model(frames[batch]), targets[batch], reduction="sum")
                optimizer.zero_grad()
                (loss / len(batch)).backward()
                optimizer.step()
                total += float(loss.detach())
                step += 1
                bar.update()
            history.append(total / len(frames))
    model.eval()
    return history


@torch.inference_mode()
def outputs(model: nn.Module, frames: torch.Tensor) -> torch.Tensor:
    """Return what ``model`` answers to ``frames`` ``(N, 1024)``, ``(N, 360)``, in eval mode and in batches;
    the mode is restored.

    Raises TypeError or ValueError for a model that is no module or frames of another shape. Source: notebook
    09.2."""
    arguments.module("model", model)
    _shaped("frames", frames, FRAME)
    with arguments.eval_mode(model):
        return torch.cat([model(batch) for batch in frames.split(250)])


def pitch_accuracy(model: nn.Module, dataset: TensorDataset) -> float:
    """Return the raw pitch accuracy in percent: the part of the frames whose decoded pitch is within 50 cents
    of the true one.

    ``dataset`` holds frames ``(N, 1024)`` and their pitches ``(N,)`` in cents above 10 Hz, as
    ``prunelab.tones`` makes them.

    Raises TypeError or ValueError for another model or dataset. Source: arXiv 1802.06182; notebook 09.2.
    """
    if not isinstance(dataset, TensorDataset) or len(dataset.tensors) != 2 or dataset.tensors[1].ndim != 1:
        raise TypeError(
            f"dataset must be a TensorDataset of frames and pitches, got {type(dataset).__name__}"
        )
    _shaped("the frames of the dataset", dataset.tensors[0], FRAME)
    frames, cents = dataset.tensors
    _shaped("the frames of dataset", frames, FRAME)
    return 100 * float(((decode(outputs(model, frames)) - cents).abs() < 50).double().mean())


def _shaped(name: str, value: torch.Tensor, columns: int) -> None:
    arguments.tensor(name, value)
    if value.ndim != 2 or value.shape[1] != columns or not value.is_floating_point():
        raise ValueError(
            f"{name} must be float of shape (N, {columns}), got {value.dtype} {tuple(value.shape)}"
        )

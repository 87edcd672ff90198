"""MNIST in memory, read from the files in ``data/mnist``; nothing is ever downloaded."""

import gzip
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load, save
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments

DATA = Path(__file__).resolve().parent.parent / "data"
MEAN, STD = 0.1307, 0.3081  # of the 60,000 training images, the values everyone uses
VALID = 5_000
SPLIT_SEED = 20_000


class Mnist(NamedTuple):
    """The three splits. Choices are made on ``valid``; ``test`` is read once, for the reported number."""

    train: TensorDataset
    valid: TensorDataset
    test: TensorDataset


def load_mnist(folder: Path | str = DATA / "mnist") -> Mnist:
    """Return MNIST as ``.train`` (55,000), ``.valid`` (5,000, a fixed random split) and ``.test`` (10,000).

    Each split is a ``TensorDataset`` of images ``(N, 1, 28, 28)`` float32, normalised with mean 0.1307 and
    standard deviation 0.3081, and labels ``(N,)`` int64.

    Raises FileNotFoundError if one of the four files (or SHA256SUMS) is missing and ValueError if one is
    truncated or altered; both name the file and the checksum it should have.

    Source: LeCun, Cortes and Burges, the MNIST database; used from notebook 00 on.
    """
    folder = arguments.path("folder", folder)
    train_images, train_labels, test_images, test_labels = (
        _from_idx(listed(folder / f"{name}.gz"))
        for name in (
            "train-images-idx3-ubyte",
            "train-labels-idx1-ubyte",
            "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte",
        )
    )
    order = torch.randperm(len(train_images), generator=torch.Generator().manual_seed(SPLIT_SEED))
    return Mnist(
        train=_dataset(train_images[order[VALID:]], train_labels[order[VALID:]]),
        valid=_dataset(train_images[order[:VALID]], train_labels[order[:VALID]]),
        test=_dataset(test_images, test_labels),
    )


def load_weights(path: Path | str) -> dict[str, torch.Tensor]:
    """Return the tensors of the safetensors file ``path``, after comparing it with the checksum in the JSON
    file beside it.

    Raises FileNotFoundError if one of the two is missing and ValueError if the weights are truncated or
    altered; the file and its checksum are named. Source: notebook 00."""
    path = arguments.path("path", path)
    if not path.name:
        raise ValueError(f"path must name a file, got {str(path)!r}")
    card = path.with_suffix(".json")
    if not card.is_file():
        raise FileNotFoundError(f"{card} is missing; restore it with git")
    return load(verified(path, json.loads(card.read_text(encoding="utf-8"))["sha256"]))


def store_weights(path: Path | str, model: nn.Module, card: Mapping[str, object]) -> dict:
    """Write the weights of ``model`` to the safetensors file ``path`` and a JSON file beside it: ``card``,
    with the number of parameters, the version of torch and the checksum that ``load_weights`` compares.

    Returns what was written into the card. Raises TypeError for an argument of another kind. Source:
    ``experiments/checkpoints.py``."""
    path, card = arguments.path("path", path), arguments.mapping("card", card, at_least=0)
    state = arguments.module("model", model).state_dict()
    raw = save({name: value.contiguous() for name, value in state.items()})
    written = {
        **card,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "torch": torch.__version__.split("+")[0],
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
    path.write_bytes(raw)
    path.with_suffix(".json").write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return written


def verified(path: Path | str, expected: str) -> bytes:
    """Return the bytes of the file ``path``, whose SHA-256 must be ``expected``.

    Raises FileNotFoundError if it is missing and ValueError if it is truncated or altered; both name the file
    and the checksum. Source: notebook 00."""
    path, expected = arguments.path("path", path), arguments.text("expected", expected)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing (expected sha256 {expected}); restore it with git")
    raw = path.read_bytes()
    found = hashlib.sha256(raw).hexdigest()
    if found != expected:
        raise ValueError(
            f"{path} is truncated or altered: sha256 is {found}, expected {expected}; restore it with git"
        )
    return raw


def listed(path: Path | str) -> bytes:
    """Return the bytes of the file ``path``, whose checksum stands in ``SHA256SUMS`` beside it.

    Raises FileNotFoundError if one of the two is missing and ValueError if the file is not in that list,
    truncated or altered. Source: ``data/README.md``."""
    path = arguments.path("path", path)
    sums = path.parent / "SHA256SUMS"
    if not sums.is_file():
        raise FileNotFoundError(
            f"{sums} is missing: it lists the checksums of the files; restore it with git"
        )
    lines = (line.split() for line in sums.read_text(encoding="utf-8").splitlines() if line.strip())
    expected = {name: digest for digest, name in lines}
    if path.name not in expected:
        raise ValueError(f"{sums} does not list {path.name}; restore it with git")
    return verified(path, expected[path.name])


def _dataset(images: torch.Tensor, labels: torch.Tensor) -> TensorDataset:
    return TensorDataset(images.unsqueeze(1).float().div_(255).sub_(MEAN).div_(STD), labels.long())


def _from_idx(raw: bytes) -> torch.Tensor:
    """Return the bytes of a gzipped IDX file as a tensor."""
    raw = gzip.decompress(raw)
    # two zero bytes, the type (8 = unsigned byte), the rank, then each dimension as a big-endian int32
    dimensions = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * d : 8 + 4 * d], "big") for d in range(dimensions)]
    return torch.frombuffer(
        bytearray(raw), dtype=torch.uint8, offset=4 + 4 * dimensions, count=math.prod(shape)
    ).view(shape)

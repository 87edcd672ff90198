"""Do the records go on, with gentler images and a teacher, or with fewer weights? (notebook 08; about fifteen minutes on one core)

The sparse networks with shifts of ``records`` are trained on: LeNet300 from 200x to 250x, LeNet5Caffe at 400x, where weights go on
changing places. What is new are the images: each one as it is and four times slightly turned, stretched, sheared and moved by less
than a pixel, because at these sizes the networks cannot even learn the shifted training images. The small dense network and the
random places that LeNet5Caffe lacked stand beside it, on the same images and for as long as the continuation. Validation chose; the
test split was read once for each file. Errors in percent. The records are kept as sparse files in ``data/records``.
"""

import functools
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from experiments import records
from experiments._common import errors, mnist, shuffled
from prunelab.data import MEAN, STD
from prunelab.masks import prunable
from prunelab.models import MODELS
from prunelab.records import RECORDS
from prunelab.storage import load_sparse, save_sparse
from prunelab.training import train

GOAL = {"lenet300": (200, 250, 60), "lenet5_caffe": (400, 400, 10)}  # from, to: weights / nonzeros; passes over 55,000 images
COPIES = 4  # of each image, beside the image itself
DEGREES, STRETCH, SHEAR, PIXELS = 4, 0.04, 0.04, 0.7  # the most that a copy is changed by, either way


@functools.cache
def images() -> torch.Tensor:
    """Return the training images and their slightly changed copies, ``(5 * 55,000, 1, 28, 28)``."""
    originals, draw = mnist().train.tensors[0] + MEAN / STD, torch.Generator().manual_seed(0)  # the background is 0
    copies = []
    for batch in originals.repeat(COPIES, 1, 1, 1).split(5000):
        angle, wide, high, shear, right, down = 2 * torch.rand(6, len(batch), generator=draw) - 1
        angle, wide, high = angle * DEGREES * math.pi / 180, 1 + wide * STRETCH, 1 + high * STRETCH
        first = torch.stack([angle.cos() * wide, (shear * SHEAR - angle.sin()) * high, right * PIXELS / 14], dim=1)
        second = torch.stack([angle.sin() * wide, angle.cos() * high, down * PIXELS / 14], dim=1)
        grid = F.affine_grid(torch.stack([first, second], dim=1), batch.shape, align_corners=False)
        copies.append(F.grid_sample(batch, grid, align_corners=False))
    return torch.cat([originals, *copies]) - MEAN / STD


def examples() -> TensorDataset:
    return TensorDataset(images(), mnist().train.tensors[1].repeat(1 + COPIES))


def loaded(network: str, seed: int) -> nn.Module:
    full = MODELS[network]().eval()
    load_sparse(RECORDS / f"{network}-{GOAL[network][0]}x-shifts-seed{seed}.safetensors", full)
    return full


def continued(network: str, seed: int) -> dict:
    """Train the record on, with fewer weights at the end if the goal says so; store it."""
    before, after, passes = GOAL[network]
    full = loaded(network, seed)
    weights = sum(weight.numel() for weight in prunable(full).values())
    alive = records.living(full)
    small = records.without_dead(full, alive)
    left = (weights // before, weights // after)
    records.sparsify(small, examples(), left, passes // (1 + COPIES), 300 + seed, records.UNTIL)
    full = records.put_back(small, alive, network)
    file = f"{network}-{after}x-continued-seed{seed}.safetensors"
    size = save_sparse(full, RECORDS / file)
    kept = {name: int(weight.count_nonzero()) for name, weight in prunable(full).items()}
    return {"compression": after, "file": file, "bytes": size, "kept": kept} | errors(full)


def small_dense() -> nn.Module:
    """Return a dense network of the record's kind with 1,041 weights: 3 and 4 filters, 9 neurons."""
    return nn.Sequential(
        nn.Conv2d(1, 3, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64, 9), nn.ReLU(), nn.Linear(9, 10),
    )  # fmt: skip


def baseline(seed: int, kind: str) -> dict:
    """Train what LeNet5Caffe's record is compared with, from a new initialisation."""
    torch.manual_seed(seed)
    masks = {}
    if kind == "small dense":
        model = small_dense()
    else:
        full = loaded("lenet5_caffe", seed)
        alive = records.living(full)
        masks = shuffled({name: w.detach() != 0 for name, w in prunable(records.without_dead(full, alive)).items()}, seed)
        model = records.without_dead(MODELS["lenet5_caffe"](), alive)
    epochs = GOAL["lenet5_caffe"][2] // (1 + COPIES)
    train(model, examples(), epochs=epochs, lr=records.LR, masks=masks, penalty=records.decay, seed=seed)
    left = sum(int(weight.count_nonzero()) for weight in prunable(model).values())
    return {"part": "baselines", "left": left} | errors(model)


def configurations() -> list[dict]:
    networks = [{"network": network, "seed": seed} for network in GOAL for seed in records.SEEDS]
    return networks + [
        {"network": "lenet5_caffe", "seed": seed, "kind": kind}
        for kind in ("small dense", "random places") for seed in records.SEEDS
    ]  # fmt: skip


def measure(network: str, seed: int, kind: str | None = None) -> dict:
    return continued(network, seed) if kind is None else baseline(seed, kind)


def provenance() -> dict:
    return {
        "networks": f"data/records, with shifts, seeds {records.SEEDS}",
        "recipe": f"by network (compression before and after, passes over 55,000 images): {GOAL}; as a stage of "
        f"experiments/records.py, on each image and {COPIES} copies: turned by up to {DEGREES} degrees, stretched by {STRETCH} in "
        f"each direction, sheared by {SHEAR}, moved by {PIXELS} pixels; baselines from a new initialisation, as many passes",
    }

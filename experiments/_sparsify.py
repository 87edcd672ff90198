"""What ``records`` and ``record_limits`` share: pruning while the network learns, the dead
parts taken out and put back, the shifted images, and teachers' answers as labels."""

import functools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import TensorDataset

from experiments._common import mnist
from prunelab.data import DATA, MEAN, STD
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import MODELS, load_pretrained
from prunelab.models import SEEDS as DENSE_SEEDS
from prunelab.schedules import cubic
from prunelab.surgery import remove_filters
from prunelab.training import steps_per_epoch, train

LR, DECAY = 0.1, 5e-4
EVERY = 50  # steps between two looks
REGROWN = 0.3  # part of the weights that moves at the first look; it falls to 0 with a cosine
SHIFTS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))  # pixels down, pixels right
SOFT, WARM = 0.7, 2.0  # part of the teachers' answers in the labels, and their temperature


def shifted(images: torch.Tensor) -> torch.Tensor:
    """Return the images and their four one-pixel shifts, the border filled with background."""
    padded = F.pad(images, (1, 1, 1, 1), value=-MEAN / STD)
    return torch.cat([padded[:, :, 1 - down : 29 - down, 1 - right : 29 - right] for down, right in SHIFTS])


def decay(model: nn.Module) -> torch.Tensor:
    """Return the L2 penalty whose gradient is ``DECAY`` times each weight."""
    return DECAY / 2 * sum(weight.square().sum() for weight in prunable(model).values())


def sparsify(
    model: nn.Module,
    data: TensorDataset,
    left: tuple[int, int],
    epochs: int,
    seed: int,
    until: float,
    penalty: Callable[[nn.Module], torch.Tensor] = decay,
) -> None:
    """Prune ``model`` in place while it learns: from ``left[0]`` weights to ``left[1]``, reached after
    ``until`` of the steps.
    """
    steps = epochs * steps_per_epoch(data)
    end = round(until * steps)
    squares = {name: torch.zeros_like(weight) for name, weight in prunable(model).items()}
    slopes = {name: torch.zeros_like(weight) for name, weight in prunable(model).items()}
    masks = {name: weight.detach() != 0 for name, weight in prunable(model).items()}
    size = sum(mask.numel() for mask in masks.values())

    def look(model: nn.Module, step: int) -> None:
        if step > end:
            return
        for name, weight in prunable(model).items():
            squares[name].mul_(0.99).addcmul_(weight.grad, weight.grad, value=0.01)
            slopes[name].mul_(0.98).add_(weight.grad)
        if step % EVERY and step != end:
            return
        apply_masks(model, masks)  # momentum has just moved what is masked
        saliency = {name: weight.detach() ** 2 * squares[name] for name, weight in prunable(model).items()}
        keep = size * (1 - cubic(step, 0, end, 1 - left[1] / size, 1 - left[0] / size))
        moved = REGROWN * (1 + math.cos(math.pi * step / end)) / 2
        masks.update(mask_model(saliency, 1 - keep * (1 - moved) / size, scope="global"))
        growth = {name: slope.abs().masked_fill(masks[name], 0) for name, slope in slopes.items()}
        grown = mask_model(growth, 1 - keep * moved / size, scope="global")
        masks.update({name: mask | grown[name] for name, mask in masks.items()})

    train(model, data, epochs=epochs, lr=LR, masks=masks, penalty=penalty, on_step=look, seed=seed)


def without_dead(model: nn.Module, alive: dict[str, torch.Tensor]) -> nn.Module:
    """Return the network without the filters and neurons that ``alive``, masks of ``masks.living``, drops."""
    return remove_filters(model, alive)


@torch.no_grad()
def put_back(small: nn.Module, alive: dict[str, torch.Tensor], network: str) -> nn.Module:
    """Return a network of full size with the weights of ``small`` in their places and zeros elsewhere."""
    full = MODELS[network]().eval()
    previous = next(iter(prunable(full).values())).shape[1]
    inputs = torch.arange(previous)  # of the layer at hand, those that are alive
    for name, weight in prunable(full).items():
        bias, source = full.get_parameter(name.replace("weight", "bias")), small.get_parameter(name)
        outputs = alive.get(name, torch.ones(len(weight), dtype=torch.bool)).flatten().nonzero().squeeze(1)
        if weight.shape[1] != previous:  # flattened: every channel has become several inputs
            per = weight.shape[1] // previous
            inputs = (inputs[:, None] * per + torch.arange(per)).flatten()
        weight.zero_()
        bias.zero_()
        weight[outputs[:, None], inputs] = source
        bias[outputs] = small.get_parameter(name.replace("weight", "bias"))
        inputs, previous = outputs, len(weight)
    return full


def examples(shifts: bool) -> TensorDataset:
    images, labels = mnist().train.tensors
    return TensorDataset(shifted(images), labels.repeat(len(SHIFTS))) if shifts else mnist().train


def epochs_of(passes: int, shifts: bool) -> int:
    return passes // len(SHIFTS) if shifts else passes


@functools.cache
def answers(network: str, shifts: bool) -> torch.Tensor:
    """Return what five dense networks together say of ``examples(shifts)``: the mean of their softmax at
    temperature ``WARM``, ``(N, 10)``. Kept in ``build`` too, because it takes minutes."""
    path = DATA.parent / "build" / f"answers-{network}-{'shifts' if shifts else 'plain'}.safetensors"
    if path.exists():
        return load_file(path)["answers"]
    images = examples(shifts).tensors[0]
    teachers = [load_pretrained(network, seed).to(memory_format=torch.channels_last) for seed in DENSE_SEEDS]
    with torch.inference_mode():
        said = torch.cat(
            [sum((t(part) / WARM).softmax(1) for t in teachers) / len(teachers) for part in images.split(100)]
        ).clone()
    path.parent.mkdir(exist_ok=True)
    save_file({"answers": said}, path)
    return said


def softened(said: torch.Tensor, labels: torch.Tensor, soft: float = SOFT) -> torch.Tensor:
    """Return labels ``(N, 10)``: ``soft`` parts teachers' answers, the rest the true class."""
    return soft * said + (1 - soft) * F.one_hot(labels, 10)

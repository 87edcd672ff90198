"""LeNet5Caffe at 300x, ten networks (notebook 08; about an hour on one core)

Five networks are the stored ones, five are trained here for two passes. From each the weakest filters and
neurons go at once, then single weights in three stages while the network learns, by the recipe of
``records``; the labels are in part what five dense networks say of the very image that is seen, shifts
included.

- ``trials``: what was tried for the last stage, on seed 0 from the network at 150x; loss, error (percent) and
  the seconds of one thread, all on the validation split. The recipe was chosen by them.
- ``networks``: loss and error on the validation split after each stage, and the sparse file in
  ``data/records``.
- ``tests``: the test split, read once for each network after all of them had been made.

What a stage leaves is kept in ``build/record_300x`` too, so that an interrupted run goes on after it."""

import functools
import time
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import TensorDataset

from experiments._common import errors, first, mnist
from experiments._sparsify import DECAY, answers, examples, put_back, softened, sparsify, without_dead
from prunelab.data import DATA
from prunelab.masks import living, mask_model, prunable
from prunelab.models import MODELS, load_pretrained
from prunelab.models import SEEDS as STORED
from prunelab.records import RECORDS
from prunelab.storage import load_sparse, save_sparse
from prunelab.training import train

CAFFE, RATIO = "lenet5_caffe", 300
SEEDS = tuple(range(10))
KEPT = {"conv1.weight": 14, "conv2.weight": 28, "fc1.weight": 80}  # of 20, 50 and 500 filters and neurons
DENSE_PASSES, DENSE_LR = 2, 0.05  # of the networks that are not stored
SHIFTS = 5  # images made of one: a pass is over 55,000 of the 275,000


class Stage(NamedTuple):
    """Weights / nonzero weights at the end, passes over 55,000 images, the part of the steps after which the
    masks stay, the teachers' part in the labels, and the weight decay."""

    ratio: int
    passes: int
    until: float = 0.9
    soft: float = 0.7
    decay: float = DECAY


EARLY = (Stage(60, 2), Stage(150, 5))
LAST = Stage(RATIO, 20, until=0.75)
TRIALS = (
    Stage(RATIO, 5, 0.75, soft=0.0),
    Stage(RATIO, 5, 0.75),
    Stage(RATIO, 5, 0.75, decay=1e-4),
    Stage(RATIO, 5, 0.75, soft=0.0, decay=1e-4),
)


@functools.cache
def seen(soft: float) -> TensorDataset:
    """Return the shifted images with labels that are ``soft`` parts teachers' answers."""
    images, labels = examples(shifts=True).tensors
    return TensorDataset(images, softened(answers(CAFFE, shifts=True), labels, soft) if soft else labels)


def judged(model: nn.Module) -> dict[str, float]:
    """Return the loss and the error in percent on the validation split."""
    images, labels = mnist().valid.tensors
    with torch.inference_mode():
        said = torch.cat([model(part) for part in images.split(100)])
    wrong = (said.argmax(1) != labels).sum() / len(labels)
    return {"loss": round(float(F.cross_entropy(said, labels)), 5), "error": round(100 * float(wrong), 2)}


def dense(seed: int) -> nn.Module:
    if seed in STORED:
        return load_pretrained(CAFFE, seed)
    torch.manual_seed(seed)
    model = MODELS[CAFFE]().to(memory_format=torch.channels_last)
    train(model, mnist().train, epochs=DENSE_PASSES, lr=DENSE_LR, seed=seed)
    return model.to(memory_format=torch.contiguous_format)


def strongest(model: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Return masks of the ``KEPT`` filters and neurons with the largest sums of w^2 g^2, the squared
    gradients those of 40 batches."""
    squares = {name: torch.zeros_like(weight) for name, weight in prunable(model).items()}
    for images, labels in zip(
        *(tensor[: 40 * 128].split(128) for tensor in mnist().train.tensors), strict=True
    ):
        model.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        for name, weight in prunable(model).items():
            squares[name] += weight.grad**2
    model.zero_grad()
    masks = {}
    for name, kept in KEPT.items():
        weight = model.get_parameter(name).detach()
        score = (weight**2 * squares[name]).flatten(1).sum(1).view(-1, *[1] * (weight.ndim - 1))
        masks |= mask_model({name: score}, 1 - kept / len(weight))
    return masks


def stage(full: nn.Module, alive: dict[str, torch.Tensor], before: int, what: Stage, seed: int) -> nn.Module:
    """Return a network of full size with ``what.ratio`` fewer weights than all; ``before`` are left now."""
    size = sum(weight.numel() for weight in prunable(full).values())
    small = without_dead(full, alive).to(memory_format=torch.channels_last)
    data, steps = seen(what.soft), what.passes / SHIFTS
    part = first(shuffled_once(data, seed), round(len(data) * min(1, steps)))
    sparsify(
        small,
        part,
        (before, size // what.ratio),
        max(1, round(steps)),
        seed,
        what.until,
        lambda model: what.decay / 2 * sum(weight.square().sum() for weight in prunable(model).values()),
    )
    return put_back(small.to(memory_format=torch.contiguous_format), alive, CAFFE)


def shuffled_once(data: TensorDataset, seed: int) -> TensorDataset:
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    return TensorDataset(*(tensor[order] for tensor in data.tensors))


def left(model: nn.Module) -> int:
    return sum(int(weight.count_nonzero()) for weight in prunable(model).values())


def begun(seed: int) -> tuple[nn.Module, list[dict]]:
    """Return the network at the end of ``EARLY`` and what was measured on the way."""
    path = DATA.parent / "build" / "record_300x" / f"seed{seed}-{EARLY[-1].ratio}x.safetensors"
    model = MODELS[CAFFE]().eval()
    if path.exists():
        model.load_state_dict(load_file(path))
        return model, [{"ratio": EARLY[-1].ratio} | judged(model)]
    model = dense(seed)
    rows = [{"ratio": 1} | judged(model)]
    alive = strongest(model, seed)
    before = left(without_dead(model, alive))
    for number, what in enumerate(EARLY):
        model = stage(model, alive, before, what, 100 * number + seed)
        rows.append({"ratio": what.ratio} | judged(model))
        print(seed, rows[-1], flush=True)
        alive, before = living(model), left(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), path)
    return model, rows


def finished(seed: int, what: Stage) -> tuple[nn.Module, list[dict], float]:
    model, rows = begun(seed)
    began = time.process_time()
    model = stage(model, living(model), left(model), what, 300 + seed)
    print(seed, what, judged(model), round(time.process_time() - began, 1), flush=True)
    return model, [*rows, {"ratio": what.ratio} | judged(model)], round(time.process_time() - began, 1)


def network(seed: int) -> dict:
    model, rows, seconds = finished(seed, LAST)
    name = f"{CAFFE}-{RATIO}x-shifts-seed{seed}.safetensors"
    kept = {name: int(weight.count_nonzero()) for name, weight in prunable(model).items()}
    size = save_sparse(model, RECORDS / name)
    return {"file": name, "bytes": size, "kept": kept, "stages": rows, "seconds": seconds}


def trial(number: int) -> dict:
    model, rows, seconds = finished(0, TRIALS[number])
    return TRIALS[number]._asdict() | {"start": rows[-2], "seed": 0, "seconds": seconds} | judged(model)


def read_test(seed: int) -> dict:
    """Read the test split, once."""
    model = MODELS[CAFFE]()
    load_sparse(RECORDS / f"{CAFFE}-{RATIO}x-shifts-seed{seed}.safetensors", model)
    return errors(model.eval())


def configurations() -> list[dict]:
    tried = [{"part": "trials", "number": number} for number in range(len(TRIALS))]
    made = [{"part": "networks", "seed": seed} for seed in SEEDS]
    return tried + made + [{"part": "tests", "seed": seed} for seed in SEEDS]


def measure(part: str, **configuration: int) -> dict:
    return {"trials": trial, "networks": network, "tests": read_test}[part](**configuration)

"""The capstone's shape from scratch, with a long budget -> ``data/results/capstone_baseline.json``.

    python -m experiments capstone_baseline      about five minutes on one core

The stand-in is cut as ``notebooks/capstone.ipynb`` cuts it; a network of that shape is trained anew, from
three
seeds, for five times the passes that the repair took. The notebook trains the short budget itself."""

import functools

import torch

from prunelab import capstone
from prunelab.data import load_mnist
from prunelab.masks import prunable
from prunelab.surgery import coupled_groups, coupled_scores
from prunelab.training import accuracy, train

PASSES, LONG, SHARES = 4, 20, (0.25, 0.5, 0.75)


@functools.cache
def chosen() -> tuple[capstone.Task, torch.nn.Module]:
    """Return the task of the notebook and the shape that it arrives at."""
    mnist = load_mnist()
    learning, valid = capstone.harder(mnist.train, 4000, seed=1), capstone.harder(mnist.valid, 1000, seed=2)
    held_out = capstone.harder(mnist.test, 2000, seed=3)
    task = capstone.Task(
        faster=1.5,
        smaller=2.5,
        price=2.0,
        model=capstone.load_standin(),
        example=valid.tensors[0][:64],
        validate=lambda model: accuracy(model, valid),
        test=lambda model: accuracy(model, held_out),
        better="larger",
        train=lambda model, passes: train(model, learning, epochs=passes, lr=0.05),
        inputs=learning.tensors[0][:500],
    )
    groups = coupled_groups(task.model, task.example)
    squares = {name: weight.detach().square() for name, weight in prunable(task.model).items()}
    scores = coupled_scores(groups, squares, "mean")
    curves = capstone.scan(task, groups, scores, task.check(), SHARES)
    return task, capstone.choose(task, groups, scores, curves, PASSES).shape


def measure(seed: int) -> dict:
    task, shape = chosen()
    (row,) = capstone.trained_anew(task, shape, (LONG,), (seed,))
    return {key: row[key] for key in ("passes", "valid", "test", "shapes")}


def configurations() -> list[dict]:
    return [{"seed": seed} for seed in (0, 1, 2)]


def provenance() -> dict:
    return {
        "networks": "prunelab.capstone.ResidualNet, cut as in notebooks/capstone.ipynb, all parameters new",
        "recipe": f"4000 images, {LONG} epochs of SGD from 0.05",
    }

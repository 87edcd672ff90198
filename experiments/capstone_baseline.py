"""The capstone's chosen shape from scratch -> ``data/results/capstone_baseline.json``.

    python -m experiments capstone_baseline      about four minutes on one core

What pruning was good for shows beside a network of the same shape that starts from random numbers: trained as
long as the repair took, and as long as the stand-in itself, from three seeds each. The cells of
``notebooks/capstone.ipynb`` that bring the task are run here as they are, and the stand-in is cut as there.
``shapes`` tells for which network a row holds: another processor may choose another cut, and then the
notebook trains the baselines itself."""

import functools
from dataclasses import dataclass

import nbformat
from torch import nn

from experiments._common import Configuration
from prunelab import capstone
from prunelab.data import DATA
from prunelab.masks import prunable
from prunelab.surgery import coupled_groups, coupled_scores

NOTEBOOK = DATA.parent / "notebooks" / "capstone.ipynb"


@functools.cache
def brought() -> dict:
    """Return the names that the notebook's first two code cells define: the task, and the budgets."""
    names: dict = {}
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if {"parameters", "bring"} & set(cell.metadata.get("tags", [])):
            exec(cell.source, names)
    return names


@functools.cache
def chosen() -> nn.Module:
    """Return the shape that the notebook arrives at: cut, not trained."""
    task, passes = brought()["task"], brought()["PASSES"]
    groups = coupled_groups(task.model, task.example)
    squares = {name: weight.detach().square() for name, weight in prunable(task.model).items()}
    scores = coupled_scores(groups, squares, "mean")
    curves = capstone.scan(task, groups, scores, task.check(), brought()["SHARES"])
    return capstone.choose(task, groups, scores, curves, passes).shape


@dataclass(frozen=True)
class FromScratch(Configuration):
    seed: int

    def measure(self) -> list[dict]:
        budgets = (brought()["PASSES"], brought()["LONG"])
        rows = capstone.trained_anew(brought()["task"], chosen(), budgets, (self.seed,))
        return [{key: row[key] for key in ("passes", "valid", "test", "shapes")} for row in rows]


def configurations() -> list[Configuration]:
    return [FromScratch(seed) for seed in capstone.SEEDS]


def provenance() -> dict:
    return {
        "networks": "prunelab.capstone.ResidualNet, cut as in notebooks/capstone.ipynb, all parameters new",
        "recipe": "task.train of the notebook, for its PASSES and for its LONG",
    }

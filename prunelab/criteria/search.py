"""No criterion at all: draw masks, look at the loss, keep the best; and a small evolutionary search that
builds on good ones.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy import special
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.magnitudes import random_scores
from prunelab.criteria.registry import BATCH, Criterion, batches, check_data, unchanged
from prunelab.criteria.removal import unit_masks
from prunelab.masks import apply_masks, mask_model


@dataclass(frozen=True)
class Search:
    """The outcome of a search: the best unit masks found, their loss, and the losses of all candidates in
    order.
    """

    masks: dict[str, torch.Tensor]
    loss: float
    losses: list[float]


def masked_loss(
    model: nn.Module, masks: dict[str, torch.Tensor], dataset: TensorDataset, *, batch_size: int = BATCH
) -> float:
    """Return the mean cross-entropy of ``model`` on ``dataset`` without the units that ``masks`` drops; the
    model stays as it is.

    Raises TypeError or ValueError for bad data and as ``unit_masks`` does. Source: notebook 03.4.
    """
    dataset = check_data(dataset)
    full = unit_masks(model, masks)
    with unchanged(model), torch.no_grad():
        apply_masks(model, full)
        total = sum(
            F.cross_entropy(model(x), y, reduction="sum").double() for x, y in batches(dataset, batch_size)
        )
    return float(total / len(dataset))


def random_search(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    sparsity: float = 0.5,
    *,
    draws: int = 20,
    seed: int = 0,
) -> Search:
    """Draw ``draws`` random sets of units to remove, the same fraction of every layer, and keep the one with
    the lowest loss.

    A strategy. The loss is that on ``dataset``, which must not be the data the result is reported on: the
    best of many draws is also the luckiest. Raises TypeError or ValueError for bad data, a sparsity outside
    [0, 1] or fewer than one draw. Source: Anwar and Sung, "Coarse pruning of convolutional neural networks
    with random masks", openreview HkvS3Mqxe; notebook 03.4."""
    arguments.count("draws", draws)
    dataset = check_data(dataset)
    arguments.fits("dataset", dataset.tensors[0][:1], arguments.module("model", model))
    candidates = [_draw(model, sparsity, seed * 1_000_003 + i) for i in range(draws)]
    losses = [masked_loss(model, masks, dataset) for masks in candidates]
    best = int(np.argmin(losses))
    return Search(candidates[best], losses[best], losses)


def evolve(
    model: nn.Module,
    dataset: TensorDataset | None = None,
    sparsity: float = 0.5,
    *,
    generations: int = 10,
    population: int = 20,
    seed: int = 0,
) -> Search:
    """Search for the units to remove by selection, crossover and mutation; ``population * (generations + 1)``
    losses are computed.

    A strategy. The first generation is random. Then, each time, the better half stays, and the other half is
    replaced by children: a unit that both parents keep stays kept, one that both drop stays dropped, and the
    rest is drawn; then, in one layer, a kept unit changes places with a dropped one. Every candidate has the
    same number of units in each layer. Raises as ``random_search`` does, and for fewer than 4 in the
    ``population``. Source: notebook 03.4."""
    arguments.count("generations", generations, at_least=0)
    arguments.count("population", population, at_least=4)
    dataset = check_data(dataset)
    generator = torch.Generator().manual_seed(arguments.count("seed", seed, at_least=0))
    alive = [_draw(model, sparsity, seed * 1_000_003 + i) for i in range(population)]
    losses = [masked_loss(model, masks, dataset) for masks in alive]
    history = list(losses)
    for _ in range(generations):
        order = np.argsort(losses, kind="stable")[: population // 2]
        alive, losses = [alive[i] for i in order], [losses[i] for i in order]
        parents = list(alive)
        while len(alive) < population:
            first, second = torch.randperm(len(parents), generator=generator)[:2].tolist()
            child = _mutated(_crossed(parents[first], parents[second], generator), generator)
            alive.append(child)
            losses.append(masked_loss(model, child, dataset))
            history.append(losses[-1])
    best = int(np.argmin(losses))
    return Search(alive[best], losses[best], history)


def expected_best_of(draws: int) -> float:
    """Return the expected maximum of ``draws`` independent standard normal numbers: what choosing the best
    gains, in sigmas.

    0 for one draw, 1.54 for 10, 2.51 for 100; always below ``sqrt(2 ln draws)``. Source: notebook 03.4.
    """
    arguments.count("draws", draws)
    # for a density as smooth as this the trapezoidal rule is exact to the last digits
    z = np.linspace(-10, 10, 4001)
    density = draws * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * special.ndtr(z) ** (draws - 1)
    return float((z * density).sum() * (z[1] - z[0])) if draws > 1 else 0.0


def _draw(model: nn.Module, sparsity: float, seed: int) -> dict[str, torch.Tensor]:
    return mask_model(random_scores(model, granularity="filter", seed=seed), sparsity)


def _crossed(one: dict, two: dict, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Return a child of two sets of masks with the same counts: what the parents agree on stays, the rest is
    drawn.
    """
    child = {}
    for name, mask in one.items():
        votes = (
            mask.flatten().float()
            + two[name].flatten().float()
            + torch.rand(mask.numel(), generator=generator) * 0.5
        )
        kept = votes.argsort(descending=True)[: int(mask.sum())]
        child[name] = torch.zeros(mask.numel(), dtype=torch.bool).index_fill(0, kept, True).view(mask.shape)
    return child


def _mutated(masks: dict, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Return masks in which one kept and one dropped unit of one layer have changed places."""
    open_layers = [name for name, mask in masks.items() if 0 < int(mask.sum()) < mask.numel()]
    if not open_layers:
        return masks
    name = open_layers[int(torch.randint(len(open_layers), (), generator=generator))]
    mask = masks[name].clone()
    flat = mask.view(-1)
    for state in (True, False):
        members = (masks[name].flatten() == state).nonzero().flatten()
        flat[members[torch.randint(len(members), (), generator=generator)]] = not state
    return masks | {name: mask}


UNITS = ("filter", "neuron")
ENTRIES = (
    Criterion(
        "random-mask search",
        random_search,
        UNITS,
        ("data", "labels"),
        "Anwar and Sung 2016, openreview HkvS3Mqxe",
        strategy=True,
    ),
    Criterion(
        "evolutionary search",
        evolve,
        UNITS,
        ("data", "labels"),
        "a variant of the random-mask search",
        strategy=True,
    ),
)

"""What the experiments that compare criteria share: scores by name, their agreement with a truth, and the
accuracy of a network that was pruned by them."""

import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from torch import nn
from torch.utils.data import TensorDataset

from experiments._common import first, mnist
from prunelab import criteria
from prunelab.masks import apply_masks, prunable
from prunelab.training import accuracy, train

SCORED, TUNED = 1_000, 10_000
LR = 0.02
UNITS = (
    "random filters",
    "filter L1",
    "filter L2",
    "FPGM",
    "filter weight x gradient",
    "filter squared weight x gradient",
    "APoZ",
    "entropy",
    "Taylor",
    "ICC",
    "reconstruction",
    "oracle",
)
RANDOM = {"random": "weight", "random filters": "filter"}


def scores_of(name: str, model: nn.Module, dataset: TensorDataset, seed: int) -> dict[str, torch.Tensor]:
    """Return a criterion's scores; the random control draws anew for every network."""
    if name in RANDOM:
        return criteria.random_scores(model, granularity=RANDOM[name], seed=seed)
    return criteria.CRITERIA[name.removesuffix(" + refit").removesuffix(" per row")].function(model, dataset)


def against(truth: dict, scores: dict[str, torch.Tensor], chosen: dict | None = None) -> dict[str, float]:
    """Return the rank correlation of scores with ``truth`` by layer, at the positions ``chosen``."""
    at = {layer: scores[layer].flatten()[... if chosen is None else chosen[layer]] for layer in truth}
    return {layer: float(spearmanr(at[layer], truth[layer].abs().flatten())[0]) for layer in truth}


@torch.no_grad()
def each_alone(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, chosen: dict) -> dict:
    """Return the change of the summed loss for each chosen weight, set to zero alone."""
    before = F.cross_entropy(model(images), labels, reduction="sum").double()
    changes = {}
    for name, weight in prunable(model).items():
        flat, found = weight.view(-1), []
        for index in chosen[name]:
            value = flat[index].clone()
            flat[index] = 0
            found.append(F.cross_entropy(model(images), labels, reduction="sum").double() - before)
            flat[index] = value
        changes[name] = torch.stack(found)
    return changes


def pruned_and_tuned(model: nn.Module, masks: dict, tune: bool, seed: int) -> dict:
    """Return validation accuracy as pruned and, if wanted, after the fine-tune; ``model`` is changed."""
    apply_masks(model, masks)
    result = {"before": accuracy(model, mnist().valid)}
    if tune:
        train(model, first(mnist().train, TUNED), epochs=1, lr=LR, masks=masks, seed=seed)
        result["after"] = accuracy(model, mnist().valid)
    return result

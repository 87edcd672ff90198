"""Which criterion wins, by how much, and is the difference real? (notebook 03.5; about twenty minutes on one
core)

Five trained LeNet5. Scores are computed on 1,000 training images; the same fraction of every layer goes; one
epoch of fine-tuning on 10,000 training images follows. Accuracy is that on the validation split: the run
compares hundreds of configurations.

- ``agreement``: Spearman correlation of every unit criterion with the oracle, layer by layer, and the seconds
  it took to score
- ``weights``: the same for single weights, on 40 random weights of each layer and 500 images
- ``filters``, ``pruned_weights``: accuracy before and after the fine-tune, by sparsity
- ``batchnorm``: filters of the convolutions of LeNet5BN
- ``scratch``: a network of the size that is left, trained anew as the five networks were: 15 epochs of all
  55,000 images
- ``digits``: the filter criteria on a small residual network and scikit-learn's 8 x 8 digits
"""

import functools
import time

import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset

from experiments._common import first, mnist
from prunelab import criteria
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import SEEDS, LeNet5, load_pretrained
from prunelab.surgery import remove_filters
from prunelab.training import accuracy, train

SCORED, TUNED, SAMPLED = 1_000, 10_000, 40
LR = 0.02
FILTER_SPARSITIES, FILTER_TUNED = (0.25, 0.5, 0.75), (0.5, 0.75)
WEIGHT_SPARSITIES, WEIGHT_TUNED = (0.5, 0.8, 0.9), (0.9,)
DIGITS = (
    "random filters",
    "filter L1",
    "filter L2",
    "filter weight x gradient",
    "APoZ",
    "entropy",
    "Taylor",
    "ICC",
    "reconstruction",
    "oracle",
)
FILTERS = (*DIGITS, "random-mask search", "evolutionary search")
WEIGHTS = (
    "random",
    "magnitude",
    "gradient",
    "weight x gradient",
    "OBD",
    "layer-wise OBS",
    "activation correlation",
    "Wanda",
    "magnitude + refit",
    "layer-wise OBS + refit",
    "energy-aware",
)
BATCHNORM = ("random filters", "filter L1", "BatchNorm scale")
RANDOM = {"random": "weight", "random filters": "filter"}
SEARCHES = {
    "random-mask search": functools.partial(criteria.random_search, draws=20),
    "evolutionary search": functools.partial(criteria.evolve, generations=5, population=12),
}


def scores_of(name: str, model: nn.Module, dataset: TensorDataset, seed: int) -> dict[str, torch.Tensor]:
    """Return a criterion's scores; the random control draws anew for every network."""
    if name in RANDOM:
        return criteria.random_scores(model, granularity=RANDOM[name], seed=seed)
    return criteria.CRITERIA[name.removesuffix(" + refit")].function(model, dataset)


def against(
    truth: dict, name: str, model: nn.Module, dataset: TensorDataset, seed: int, chosen: dict | None = None
) -> dict:
    """Return a row: rank correlation of a criterion's scores with ``truth`` by layer, at the positions
    ``chosen``, and seconds.
    """
    began = time.process_time()
    scores = scores_of(name, model, dataset, seed)
    seconds = time.process_time() - began
    at = {layer: scores[layer].flatten()[... if chosen is None else chosen[layer]] for layer in truth}
    rho = {layer: float(spearmanr(at[layer], truth[layer].abs().flatten())[0]) for layer in truth}
    return {"criterion": name, "rho": rho, "seconds": round(seconds, 4)}


def agreement(seed: int) -> list[dict]:
    model, dataset = load_pretrained("lenet5", seed), first(mnist().train, SCORED)
    truth = criteria.loss_changes(model, dataset)
    rows = [against(truth, name, model, dataset, seed) for name in DIGITS]
    rows[DIGITS.index("oracle")]["helpful"] = {
        layer: float((t < 0).double().mean()) for layer, t in truth.items()
    }
    return rows


def weights(seed: int) -> list[dict]:
    model, dataset = load_pretrained("lenet5", seed), first(mnist().train, SCORED)
    images, labels = first(dataset, 500).tensors
    generator = torch.Generator().manual_seed(seed)
    chosen, truth = {}, {}
    with torch.no_grad():
        before = F.cross_entropy(model(images), labels, reduction="sum").double()
        for name, weight in prunable(model).items():
            flat = weight.view(-1)
            chosen[name] = torch.randperm(flat.numel(), generator=generator)[:SAMPLED]
            changes = []
            for index in chosen[name]:
                value = flat[index].clone()
                flat[index] = 0
                changes.append(F.cross_entropy(model(images), labels, reduction="sum").double() - before)
                flat[index] = value
            truth[name] = torch.stack(changes)
    return [against(truth, name, model, dataset, seed, chosen) for name in WEIGHTS[:8]]


def pruned_and_tuned(model: nn.Module, masks: dict, tune: bool, seed: int) -> dict:
    """Return validation accuracy as pruned and, if wanted, after the fine-tune; ``model`` is changed."""
    apply_masks(model, masks)
    result = {"before": accuracy(model, mnist().valid)}
    if tune:
        train(model, first(mnist().train, TUNED), epochs=1, lr=LR, masks=masks, seed=seed)
        result["after"] = accuracy(model, mnist().valid)
    return result


def filters(seed: int, criterion: str) -> list[dict]:
    model, dataset = load_pretrained("lenet5", seed), first(mnist().train, SCORED)
    scores = None if criterion in SEARCHES else scores_of(criterion, model, dataset, seed)
    rows = []
    for sparsity in FILTER_SPARSITIES:
        if criterion in SEARCHES:
            masks = SEARCHES[criterion](model, first(dataset, 500), sparsity, seed=seed).masks
        else:
            masks = mask_model(scores, sparsity)
        full = criteria.unit_masks(model, masks)
        reached = pruned_and_tuned(load_pretrained("lenet5", seed), full, sparsity in FILTER_TUNED, seed)
        rows.append({"sparsity": sparsity} | reached)
    return rows


def pruned_weights(seed: int, criterion: str) -> list[dict]:
    model, dataset = load_pretrained("lenet5", seed), first(mnist().train, SCORED)
    scores = None if criterion == "energy-aware" else scores_of(criterion, model, dataset, seed)
    rows = []
    for sparsity in WEIGHT_SPARSITIES:
        if criterion == "energy-aware":
            done = criteria.energy_aware(model, dataset, sparsity)
            pruned, masks = done.model, done.masks
        else:
            masks = mask_model(scores, sparsity)
            fitted = criterion.endswith("+ refit")
            pruned = (
                criteria.refit_model(model, masks, dataset) if fitted else load_pretrained("lenet5", seed)
            )
        rows.append({"sparsity": sparsity} | pruned_and_tuned(pruned, masks, sparsity in WEIGHT_TUNED, seed))
    return rows


def batchnorm(seed: int, criterion: str) -> dict:
    model, dataset = load_pretrained("lenet5_bn", seed), first(mnist().train, SCORED)
    scores = {
        name: s for name, s in scores_of(criterion, model, dataset, seed).items() if name.startswith("conv")
    }
    full = criteria.unit_masks(model, mask_model(scores, 0.5))
    return {"sparsity": 0.5} | pruned_and_tuned(model, full, True, seed)


def scratch(seed: int, sparsity: float) -> dict:
    torch.manual_seed(1_000 + seed)
    model = LeNet5()
    masks = mask_model(
        criteria.filter_l1(model), sparsity
    )  # which filters go does not matter: all of them are random
    small = remove_filters(model, masks)
    train(small, mnist().train, epochs=15, seed=seed)
    return {"parameters": sum(p.numel() for p in small.parameters()), "after": accuracy(small, mnist().valid)}


class Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu2(x + self.conv2(self.relu1(self.conv1(x))))


def residual_network() -> nn.Sequential:
    """Two residual blocks of 16 channels; only conv1 of each block can lose filters without touching the
    shortcut.
    """
    blocks = [Block(16), nn.MaxPool2d(2), Block(16)]
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    )


def digits(seed: int) -> list[dict]:
    data = load_digits()
    images, labels = (
        torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 8 - 1,
        torch.tensor(data.target),
    )
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(20_000))
    known, test = (TensorDataset(images[part], labels[part]) for part in (order[:1_200], order[1_200:]))
    torch.manual_seed(seed)
    model = residual_network()
    train(model, known, epochs=60, seed=seed)
    truth = {
        name: t for name, t in criteria.loss_changes(model, known).items() if name.endswith("conv1.weight")
    }
    state = {name: value.clone() for name, value in model.state_dict().items()}
    dense, rows = accuracy(model, test), []
    for criterion in DIGITS:
        scores = {name: s for name, s in scores_of(criterion, model, known, seed).items() if name in truth}
        rho = {
            layer: float(spearmanr(s.flatten(), truth[layer].abs().flatten())[0])
            for layer, s in scores.items()
        }
        for sparsity in (0.5, 0.75):
            masks = criteria.unit_masks(model, mask_model(scores, sparsity))
            apply_masks(model, masks)
            row = {
                "criterion": criterion,
                "sparsity": sparsity,
                "rho": rho,
                "dense": dense,
                "before": accuracy(model, test),
            }
            train(model, known, epochs=3, lr=LR, masks=masks, seed=seed)
            rows.append(row | {"after": accuracy(model, test)})
            model.load_state_dict(state)
    return rows


def configurations() -> list[dict]:
    return [
        *({"part": "agreement", "seed": seed} for seed in SEEDS),
        *({"part": "digits", "seed": seed} for seed in SEEDS[:3]),
        *({"part": "filters", "seed": seed, "criterion": name} for seed in SEEDS for name in FILTERS),
        *({"part": "pruned_weights", "seed": seed, "criterion": name} for seed in SEEDS for name in WEIGHTS),
        *({"part": "scratch", "seed": seed, "sparsity": 0.5} for seed in SEEDS),
        *({"part": "batchnorm", "seed": seed, "criterion": name} for seed in SEEDS for name in BATCHNORM),
        *({"part": "weights", "seed": seed} for seed in SEEDS),
    ]


def measure(part: str, **configuration) -> dict | list[dict]:
    functions = (agreement, weights, filters, pruned_weights, batchnorm, scratch, digits)
    return {function.__name__: function for function in functions}[part](**configuration)


def provenance() -> dict:
    return {
        "networks": "lenet5 seeds 0 to 4 (lenet5_bn for batchnorm); digits: a residual network, seeds 0 to 2",
        "scores": (
            f"on the first {SCORED} training images; sparsity layer by layer; the output layer keeps its"
            " units"
        ),
        "fine-tune": (
            f"1 epoch on {TUNED} training images, SGD momentum 0.9, batch 128, cosine rate from {LR}; last"
            " epoch"
        ),
        "accuracy": (
            "percent, on the validation split (digits: on the 597 images not trained on); before and after"
            " the fine-tune"
        ),
    }

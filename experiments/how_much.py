"""One shot or many, and which ratio in which layer? (notebook 04.1; about five minutes on one core)

Three questions, each asked of five trained networks (of three where training is long): ``frequency`` prunes
to the same sparsity in one round or in three, with the same number of epochs; ``ratios`` shares the same
total sparsity among the layers in five ways; ``order`` halves the filters of every layer at once, or layer by
layer with a short recovery after each. Fine-tuning uses 10,000 training images, in ``order`` 2,500.
Accuracies are in percent; choices use the validation split only."""

import copy
from dataclasses import dataclass, field

import torch

from experiments._common import Configuration, accuracies, first, mnist
from prunelab.criteria import filter_l1, magnitude
from prunelab.marginal import equal_marginal_drop
from prunelab.masks import apply_masks, mask_model, sparsity
from prunelab.models import SEEDS, load_pretrained
from prunelab.schedules import equal_drop, erk, iterative, sensitivity_scan
from prunelab.training import train

LR = 0.02
GRID = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)  # of the sensitivity scan
RATIO_RUNS = (  # network, total sparsity, epochs, seeds
    ("lenet300", 0.9, 3, SEEDS),
    ("lenet300", 0.98, 3, SEEDS),
    ("lenet300", 0.8, 0, SEEDS),
    ("lenet300", 0.95, 0, SEEDS),
    ("lenet5", 0.9, 3, SEEDS),
)
IMAGES, MOMENT = 10_000, 2_500  # an epoch here is a short one: 79 steps, or twenty


@dataclass(frozen=True)
class Frequency(Configuration):
    """Global magnitude pruning in ``rounds`` rounds that share ``epochs`` epochs; ``order`` seeds the order
    of the examples.
    """

    experiment: str = field(default="frequency", init=False)
    network: str
    seed: int
    sparsity: float
    rounds: int
    epochs: int
    order: int

    def measure(self) -> dict:
        model = load_pretrained(self.network, self.seed)
        for number, target in enumerate(iterative(self.sparsity, self.rounds)):
            masks = mask_model(magnitude(model), target, scope="global")
            train(
                model,
                first(mnist().train, IMAGES),
                epochs=self.epochs // self.rounds,
                lr=LR,
                masks=masks,
                seed=100 * self.order + number,
            )
        return accuracies(model)


@dataclass(frozen=True)
class Ratios(Configuration):
    """Magnitude pruning in one shot with the layers' ratios from ``method``, before and after fine-tuning."""

    experiment: str = field(default="ratios", init=False)
    network: str
    seed: int
    sparsity: float
    method: str
    epochs: int

    def measure(self) -> dict:
        model = load_pretrained(self.network, self.seed)
        if self.method == "global":
            masks = mask_model(magnitude(model), self.sparsity, scope="global")
        else:
            ratio = {
                "uniform": lambda: self.sparsity,
                "erk": lambda: erk(model, self.sparsity),
                "sensitivity": lambda: equal_drop(
                    model, sensitivity_scan(model, mnist().valid, GRID), self.sparsity
                ),
                "marginal": lambda: equal_marginal_drop(
                    model, sensitivity_scan(model, mnist().valid, GRID), self.sparsity
                ),
            }[self.method]()
            masks = mask_model(magnitude(model), ratio)
        apply_masks(model, masks)
        result = {"layers": layers(masks), "before": accuracies(model)}
        train(model, first(mnist().train, IMAGES), epochs=self.epochs, lr=LR, masks=masks, seed=self.seed)
        return result | {"after": accuracies(model)}


@dataclass(frozen=True)
class Order(Configuration):
    """Half the filters of each hidden layer of LeNet5 go, by L1 norm, with eight times twenty steps of
    training in all.
    """

    experiment: str = field(default="order", init=False)
    seed: int
    way: str

    def measure(self) -> dict:
        model = load_pretrained("lenet5", self.seed)
        hidden = list(filter_l1(model))
        moment = first(mnist().train, MOMENT)
        steps = [hidden] if self.way == "at once" else [[name] for name in hidden]
        masks = {}
        for number, names in enumerate(steps):
            norms = filter_l1(model)
            masks |= mask_model({name: norms[name] for name in names}, 0.5)
            if number == 0:
                begun = copy.deepcopy(model)
                apply_masks(begun, masks)
                before = accuracies(begun)
            if self.way == "layer by layer":
                train(model, moment, epochs=1, lr=LR, masks=masks, seed=self.seed)
        train(
            model,
            moment,
            epochs=8 if self.way == "at once" else 8 - len(hidden),
            lr=LR,
            masks=masks,
            seed=self.seed,
        )
        return {"before": before, "after": accuracies(model)}


def layers(masks: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: round(sparsity(mask), 4) for name, mask in masks.items()}


def configurations() -> list[Configuration]:
    ratios = [
        Ratios(network, seed, s, method, epochs)
        for network, s, epochs, seeds in RATIO_RUNS
        for seed in seeds
        for method in ("uniform", "global", "erk", "sensitivity", "marginal")
    ]
    often = [
        Frequency("lenet300", seed, 0.98, rounds, epochs, order)
        for epochs, order, seeds in (
            (6, 0, SEEDS),
            (6, 1, SEEDS),
            (24, 0, SEEDS),
            (24, 1, SEEDS),
            (96, 0, SEEDS[:3]),
        )
        for seed in seeds
        for rounds in (1, 3)
    ]
    return often + [Order(seed, way) for seed in SEEDS for way in ("at once", "layer by layer")] + ratios


def provenance() -> dict:
    return {
        "networks": f"lenet300 and lenet5, seeds {SEEDS}",
        "recipe": (
            "magnitude pruning (global scope in 'frequency', filters by L1 norm in 'order'), then SGD,"
            f" momentum 0.9, batch 128, cosine learning rate from {LR} in every round, on the first"
            f" {IMAGES:,} training images, in 'order' on the first {MOMENT:,}"
        ),
        "scan": GRID,
        "dense": {
            name: {str(s): accuracies(load_pretrained(name, s)) for s in SEEDS}
            for name in ("lenet300", "lenet5")
        },
    }

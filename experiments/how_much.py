"""One shot or many, and which ratio in which layer? (notebook 04.1; about five minutes on one core)

Three questions, each asked of five trained networks (of three where training is long): ``frequency`` prunes
to the same sparsity in one round or in three, with the same number of epochs; ``ratios`` shares the same
total sparsity among the layers in five ways; ``order`` halves the filters of every layer at once, or layer by
layer with a short recovery after each. Fine-tuning uses 10,000 training images, in ``order`` 2,500.
Accuracies are in percent; choices use the validation split only."""

import copy

import torch

from experiments._common import accuracies, first, mnist
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


def frequency(network: str, seed: int, sparsity: float, rounds: int, epochs: int, order: int) -> dict:
    """Global magnitude pruning in ``rounds`` rounds that share ``epochs`` epochs; ``order`` seeds the order
    of the examples.
    """
    model = load_pretrained(network, seed)
    for number, target in enumerate(iterative(sparsity, rounds)):
        masks = mask_model(magnitude(model), target, scope="global")
        train(
            model,
            first(mnist().train, IMAGES),
            epochs=epochs // rounds,
            lr=LR,
            masks=masks,
            seed=100 * order + number,
        )
    return accuracies(model)


def ratios(network: str, seed: int, sparsity: float, method: str, epochs: int) -> dict:
    """Magnitude pruning in one shot with the layers' ratios from ``method``, before and after fine-tuning."""
    model = load_pretrained(network, seed)
    if method == "global":
        masks = mask_model(magnitude(model), sparsity, scope="global")
    else:
        ratio = {
            "uniform": lambda: sparsity,
            "erk": lambda: erk(model, sparsity),
            "sensitivity": lambda: equal_drop(model, sensitivity_scan(model, mnist().valid, GRID), sparsity),
            "marginal": lambda: equal_marginal_drop(
                model, sensitivity_scan(model, mnist().valid, GRID), sparsity
            ),
        }[method]()
        masks = mask_model(magnitude(model), ratio)
    apply_masks(model, masks)
    result = {"layers": layers(masks), "before": accuracies(model)}
    train(model, first(mnist().train, IMAGES), epochs=epochs, lr=LR, masks=masks, seed=seed)
    return result | {"after": accuracies(model)}


def order(seed: int, way: str) -> dict:
    """Half the filters of each hidden layer of LeNet5 go, by L1 norm, with eight times twenty steps of
    training in all.
    """
    model = load_pretrained("lenet5", seed)
    hidden = list(filter_l1(model))
    moment = first(mnist().train, MOMENT)
    steps = [hidden] if way == "at once" else [[name] for name in hidden]
    masks = {}
    for number, names in enumerate(steps):
        norms = filter_l1(model)
        masks |= mask_model({name: norms[name] for name in names}, 0.5)
        if number == 0:
            begun = copy.deepcopy(model)
            apply_masks(begun, masks)
            before = accuracies(begun)
        if way == "layer by layer":
            train(model, moment, epochs=1, lr=LR, masks=masks, seed=seed)
    train(model, moment, epochs=8 if way == "at once" else 8 - len(hidden), lr=LR, masks=masks, seed=seed)
    return {"before": before, "after": accuracies(model)}


def layers(masks: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: round(sparsity(mask), 4) for name, mask in masks.items()}


def configurations() -> list[dict]:
    ratio = [
        {
            "experiment": "ratios",
            "network": network,
            "seed": seed,
            "sparsity": s,
            "method": method,
            "epochs": epochs,
        }
        for network, s, epochs, seeds in RATIO_RUNS
        for seed in seeds
        for method in ("uniform", "global", "erk", "sensitivity", "marginal")
    ]
    often = [
        {
            "experiment": "frequency",
            "network": "lenet300",
            "sparsity": 0.98,
            "epochs": e,
            "seed": s,
            "rounds": r,
            "order": n,
        }
        for e, n, seeds in ((6, 0, SEEDS), (6, 1, SEEDS), (24, 0, SEEDS), (24, 1, SEEDS), (96, 0, SEEDS[:3]))
        for s in seeds
        for r in (1, 3)
    ]
    ways = [
        {"experiment": "order", "seed": seed, "way": way}
        for seed in SEEDS
        for way in ("at once", "layer by layer")
    ]
    return often + ways + ratio


def measure(experiment: str, **configuration) -> dict:
    return {"frequency": frequency, "ratios": ratios, "order": order}[experiment](**configuration)


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

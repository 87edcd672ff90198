"""One shot or many, and which ratio in which layer -> ``data/results/how_much.json`` (notebook 04.1).

    python experiments/how_much.py      about five minutes on one core; an interrupted run goes on where it stopped

Three questions, each asked of five trained networks (of three where training is long): ``frequency`` prunes to the same sparsity in
one round or in three, with the same number of epochs; ``ratios`` shares the same total sparsity among the layers in four ways;
``order`` halves the filters of every layer at once, or layer by layer with a short recovery after each. Fine-tuning uses 10,000
training images, in ``order`` 2,500. Accuracies are in percent; choices use the validation split only.
"""

import copy

import torch
from torch.utils.data import TensorDataset

from prunelab import sweep
from prunelab.data import DATA, load_mnist
from prunelab.masks import apply_masks, mask_model, prunable, sparsity
from prunelab.models import SEEDS, load_pretrained
from prunelab.schedules import equal_drop, erk, iterative, sensitivity_scan
from prunelab.training import accuracy, train

RESULTS = DATA / "results" / "how_much.json"
PARTS = RESULTS.with_suffix(".partial.jsonl")
LR = 0.02
GRID = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)  # of the sensitivity scan
RATIO_RUNS = (  # network, total sparsity, epochs, seeds
    ("lenet300", 0.9, 3, SEEDS),
    ("lenet300", 0.98, 3, SEEDS),
    ("lenet300", 0.8, 0, SEEDS),
    ("lenet300", 0.95, 0, SEEDS),
    ("lenet5", 0.9, 3, SEEDS),
)
IMAGES = 10_000  # an epoch here is a short one
MNIST = load_mnist()
FEW = TensorDataset(*(t[:IMAGES] for t in MNIST.train.tensors))
MOMENT = TensorDataset(*(t[:2_500] for t in MNIST.train.tensors))  # twenty steps


def magnitudes(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().abs() for name, weight in prunable(model).items()}


def scores_of(model: torch.nn.Module) -> dict[str, float]:
    return {"valid": round(accuracy(model, MNIST.valid), 2), "test": round(accuracy(model, MNIST.test), 2)}


def frequency(network: str, seed: int, sparsity: float, rounds: int, epochs: int, order: int) -> dict:
    """Global magnitude pruning in ``rounds`` rounds that share ``epochs`` epochs; ``order`` seeds the order of the examples."""
    model = load_pretrained(network, seed)
    for number, target in enumerate(iterative(sparsity, rounds)):
        masks = mask_model(magnitudes(model), target, scope="global")
        train(model, FEW, epochs=epochs // rounds, lr=LR, masks=masks, seed=100 * order + number)
    return scores_of(model)


def ratios(network: str, seed: int, sparsity: float, method: str, epochs: int) -> dict:
    """Magnitude pruning in one shot with the layers' ratios from ``method``, before and after fine-tuning."""
    model = load_pretrained(network, seed)
    if method == "global":
        masks = mask_model(magnitudes(model), sparsity, scope="global")
    else:
        ratio = {
            "uniform": lambda: sparsity,
            "erk": lambda: erk(model, sparsity),
            "sensitivity": lambda: equal_drop(model, sensitivity_scan(model, MNIST.valid, GRID), sparsity),
        }[method]()
        masks = mask_model(magnitudes(model), ratio)
    apply_masks(model, masks)
    result = {"layers": layers(masks), "before": scores_of(model)}
    train(model, FEW, epochs=epochs, lr=LR, masks=masks, seed=seed)
    return result | {"after": scores_of(model)}


def order(seed: int, way: str) -> dict:
    """Half the filters of each hidden layer of LeNet5 go, by L1 norm, with eight times twenty steps of training in all."""
    model = load_pretrained("lenet5", seed)
    hidden = list(prunable(model))[:-1]
    steps = [hidden] if way == "at once" else [[name] for name in hidden]
    masks = {}
    for number, names in enumerate(steps):
        norms = {name: model.get_parameter(name).detach().abs().flatten(1).sum(1) for name in names}
        masks |= {name: mask.view(-1, *[1] * (model.get_parameter(name).ndim - 1)) for name, mask in mask_model(norms, 0.5).items()}
        if number == 0:
            first = copy.deepcopy(model)
            apply_masks(first, masks)
            before = scores_of(first)
        if way == "layer by layer":
            train(model, MOMENT, epochs=1, lr=LR, masks=masks, seed=seed)
    train(model, MOMENT, epochs=8 if way == "at once" else 8 - len(hidden), lr=LR, masks=masks, seed=seed)
    return {"before": before, "after": scores_of(model)}


def layers(masks: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: round(sparsity(mask), 4) for name, mask in masks.items()}


def measure(experiment: str, **configuration) -> dict:
    return {"frequency": frequency, "ratios": ratios, "order": order}[experiment](**configuration)


def configurations() -> list[dict]:
    ratio = [
        {"experiment": "ratios", "network": network, "seed": seed, "sparsity": s, "method": method, "epochs": epochs}
        for network, s, epochs, seeds in RATIO_RUNS
        for seed in seeds
        for method in ("uniform", "global", "erk", "sensitivity")
    ]
    often = [
        {"experiment": "frequency", "network": "lenet300", "sparsity": 0.98, "epochs": e, "seed": s, "rounds": r, "order": n}
        for e, n, seeds in ((6, 0, SEEDS), (6, 1, SEEDS), (24, 0, SEEDS), (24, 1, SEEDS), (96, 0, SEEDS[:3]))
        for s in seeds
        for r in (1, 3)
    ]
    ways = [{"experiment": "order", "seed": seed, "way": way} for seed in SEEDS for way in ("at once", "layer by layer")]
    return often + ways + ratio


def main() -> None:
    records = sweep.run(measure, configurations(), PARTS, n_jobs=1)
    rows = sweep.rows(records)
    provenance = {
        "script": "experiments/how_much.py",
        "torch": torch.__version__.split("+")[0],
        "networks": f"lenet300 and lenet5, seeds {SEEDS}",
        "recipe": "magnitude pruning (global scope in 'frequency', filters by L1 norm in 'order'), then SGD, momentum 0.9, batch "
        f"128, cosine learning rate from {LR} in every round, on the first {IMAGES:,} training images, "
        "in 'order' on the first 2,500",
        "scan": GRID,
        "dense": {name: {str(s): scores_of(load_pretrained(name, s)) for s in SEEDS} for name in ("lenet300", "lenet5")},
    }
    sweep.store(RESULTS, provenance, {"rows": rows})
    PARTS.unlink()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

"""Lottery tickets, and pruning an untrained network: can one start small? (notebook 04.4; about five minutes
on one core)

``tickets`` trains LeNet300 from an initialisation of its own, prunes 20 % of the remaining weights of each
hidden layer and 10 % of the output layer's, rewinds the survivors to where they began, and repeats. At four
densities two controls are trained as long: the same mask on a new initialisation, and a random mask with the
same number of weights in every layer on the old one. ``untrained`` prunes at initialisation: SNIP, SNIP's
mask shuffled within each layer, a uniform random mask, and a small dense network with as many parameters;
``longer`` trains SNIP's network on all images for eight epochs. Accuracies in percent; 2,000 validation
images every 50 steps, test once at the end of each training."""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from experiments._common import first, mnist, shuffled
from prunelab.criteria import magnitude, weight_gradient
from prunelab.masks import apply_masks, mask_model, prunable, sparsity
from prunelab.models import LeNet300
from prunelab.training import accuracy, train

SEEDS = (0, 1, 2)
IMAGES, EPOCHS, LONGER = 27_500, 4, 8
ROUNDS, CONTROLS = 15, (3, 7, 12, 15)  # 0.8 ** 3 = 51 %, 21 %, 6.9 %, 3.5 % of the hidden layers' weights
EVERY = 50
HIDDEN = {0.95: (16, 16), 0.98: (6, 30)}  # the small dense network: at most 5 % or 2 % of the 266,200 weights


def half() -> TensorDataset:
    return first(mnist().train, IMAGES)


def initial(seed: int) -> LeNet300:
    torch.manual_seed(seed)
    return LeNet300()


def trained(model: nn.Module, masks: dict[str, torch.Tensor], seed: int) -> dict:
    """Train in place under masks; return the accuracy on validation and test split, and the validation
    accuracy every 50 steps.
    """
    curve, watched = [], first(mnist().valid, 2_000)

    def look(model: nn.Module, step: int) -> None:
        if step % EVERY == 0:
            apply_masks(model, masks)  # momentum has just moved what is masked
            curve.append(round(accuracy(model, watched), 2))

    train(model, half(), epochs=EPOCHS, masks=masks, on_step=look, seed=seed)
    reached = {
        split: round(accuracy(model, data), 2)
        for split, data in (("reached", mnist().valid), ("test", mnist().test))
    }
    return {"left": round(1 - sparsity(model), 4)} | reached | {"valid": curve}


def tickets(seed: int) -> list[dict]:
    masks, rows = {}, []
    for number in range(ROUNDS + 1):
        if number in CONTROLS:
            rows.append(
                {"round": number, "start": "new initialisation"} | trained(initial(1000 + seed), masks, seed)
            )
            rows.append(
                {"round": number, "start": "random mask"}
                | trained(initial(seed), shuffled(masks, seed), seed)
            )
        model = initial(seed)
        rows.append({"round": number, "start": "ticket"} | trained(model, masks, seed))
        scores = magnitude(model)
        gone = {name: 1 - (0.9 if name == "fc3.weight" else 0.8) ** (number + 1) for name in scores}
        masks = mask_model(scores, gone)
    return rows


def glorot(seed: int) -> LeNet300:
    model = initial(seed)
    for weight in prunable(model).values():
        nn.init.xavier_normal_(weight)
    return model


def snip_masks(seed: int, sparsity: float) -> dict[str, torch.Tensor]:
    drawn = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(seed))[:100]
    batch = TensorDataset(*half()[drawn])
    return mask_model(weight_gradient(glorot(seed), batch), sparsity, scope="global")


def longer(seed: int, sparsity: float) -> dict:
    model = glorot(seed)
    train(model, mnist().train, epochs=LONGER, masks=snip_masks(seed, sparsity), seed=seed)
    return {"SNIP": round(accuracy(model, mnist().valid), 2), "test": round(accuracy(model, mnist().test), 2)}


def untrained(seed: int, sparsity: float) -> dict:
    snip = snip_masks(seed, sparsity)
    uniform = shuffled(mask_model(magnitude(glorot(seed)), sparsity), seed)
    starts = {"SNIP": snip, "SNIP, shuffled": shuffled(snip, seed), "uniform random": uniform}
    result = {start: trained(glorot(seed), masks, seed)["reached"] for start, masks in starts.items()}
    a, b = HIDDEN[sparsity]
    torch.manual_seed(seed)
    small = nn.Sequential(
        nn.Flatten(), nn.Linear(784, a), nn.ReLU(), nn.Linear(a, b), nn.ReLU(), nn.Linear(b, 10)
    )
    result["small dense"] = trained(small, {}, seed)["reached"]
    return result | {"kept": {name: round(float(mask.double().mean()), 4) for name, mask in snip.items()}}


def configurations() -> list[dict]:
    lottery = [{"part": "tickets", "seed": seed} for seed in SEEDS]
    return lottery + [
        {"part": p, "seed": seed, "sparsity": s}
        for p in ("untrained", "longer")
        for seed in SEEDS
        for s in HIDDEN
    ]


def measure(part: str, **configuration) -> dict | list[dict]:
    return {"tickets": tickets, "untrained": untrained, "longer": longer}[part](**configuration)


def provenance() -> dict:
    return {
        "networks": (
            "LeNet300, torch.manual_seed(seed) and PyTorch's initialisation (untrained: Glorot normal),"
            f" seeds {SEEDS}"
        ),
        "recipe": (
            f"{EPOCHS} epochs of {IMAGES} images, SGD, momentum 0.9, batch 128, cosine learning rate from"
            " 0.05; tickets: 20 % of the remaining weights per round and layer, output layer 10 %, rewound"
            f" to step 0; longer: {LONGER} epochs of all 55,000"
        ),
    }

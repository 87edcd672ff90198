"""Lottery tickets, and pruning an untrained network: can one start small? (notebook 04.4; about a quarter of
an hour on one core)

``tickets`` trains LeNet300 from an initialisation of its own, prunes 20 % of the remaining weights of each
hidden layer and 10 % of the output layer's, rewinds the survivors to where they began, and repeats. At four
densities two controls are trained as long: the same mask on a new initialisation, and a random mask with the
same number of weights in every layer on the old one. ``untrained`` prunes at initialisation: SNIP, SNIP's
mask shuffled within each layer, a uniform random mask, and a small dense network with as many parameters;
``longer`` trains SNIP's network on all images for eight epochs. ``length`` trains the dense network and the
ticket of the last round for 860 and for 3,440 steps, in the order of the examples that found the ticket and
in another; ``rewinding`` gives four starts to one and the same mask of the last round; ``supermask`` trains
scores on frozen weights. Accuracies in percent; 2,000 validation images every 50 steps, test once at the end
of each training, but not in the last three parts."""

import functools
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.utils.data import TensorDataset

from experiments._common import Configuration, first, mnist, shuffled
from prunelab.criteria import magnitude, weight_gradient
from prunelab.masks import apply_masks, mask_model, prunable, sparsity
from prunelab.models import LeNet300
from prunelab.rewinding import prune_rounds
from prunelab.straight_through import learn_masks, settle
from prunelab.training import accuracy, train

SEEDS = (0, 1, 2, 3, 4)
IMAGES, EPOCHS, LONGER = 27_500, 4, 8
ROUNDS, CONTROLS = 15, (3, 7, 12, 15)  # 0.8 ** 3 = 51 %, 21 %, 6.9 %, 3.5 % of the hidden layers' weights
EVERY = 50
EARLY = 43  # steps, a twentieth of a training: where late rewinding goes back to
SUPERMASKS = (0.5, 0.9)
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


@dataclass(frozen=True)
class Tickets(Configuration):
    part: str = field(default="tickets", init=False)
    seed: int

    def measure(self) -> list[dict]:
        masks, rows = {}, []
        for number in range(ROUNDS + 1):
            if number in CONTROLS:
                rows.append(
                    {"round": number, "start": "new initialisation"}
                    | trained(initial(1000 + self.seed), masks, self.seed)
                )
                rows.append(
                    {"round": number, "start": "random mask"}
                    | trained(initial(self.seed), shuffled(masks, self.seed), self.seed)
                )
            model = initial(self.seed)
            rows.append({"round": number, "start": "ticket"} | trained(model, masks, self.seed))
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


@dataclass(frozen=True)
class Longer(Configuration):
    part: str = field(default="longer", init=False)
    seed: int
    sparsity: float

    def measure(self) -> dict:
        model = glorot(self.seed)
        train(model, mnist().train, epochs=LONGER, masks=snip_masks(self.seed, self.sparsity), seed=self.seed)
        return {
            "SNIP": round(accuracy(model, mnist().valid), 2),
            "test": round(accuracy(model, mnist().test), 2),
        }


@dataclass(frozen=True)
class Untrained(Configuration):
    part: str = field(default="untrained", init=False)
    seed: int
    sparsity: float

    def measure(self) -> dict:
        snip = snip_masks(self.seed, self.sparsity)
        uniform = shuffled(mask_model(magnitude(glorot(self.seed)), self.sparsity), self.seed)
        starts = {"SNIP": snip, "SNIP, shuffled": shuffled(snip, self.seed), "uniform random": uniform}
        result = {
            start: trained(glorot(self.seed), masks, self.seed)["reached"] for start, masks in starts.items()
        }
        a, b = HIDDEN[self.sparsity]
        torch.manual_seed(self.seed)
        small = nn.Sequential(
            nn.Flatten(), nn.Linear(784, a), nn.ReLU(), nn.Linear(a, b), nn.ReLU(), nn.Linear(b, 10)
        )
        result["small dense"] = trained(small, {}, self.seed)["reached"]
        return result | {"kept": {name: round(float(mask.double().mean()), 4) for name, mask in snip.items()}}


SHARES = {"fc1.weight": 0.2, "fc2.weight": 0.2, "fc3.weight": 0.1}  # that go in each round


def reached(model: nn.Module) -> float:
    return round(accuracy(model, mnist().valid), 2)


def fitted(seed: int):
    """Return the function that trains as ``tickets`` does."""
    return lambda model, masks: train(model, half(), epochs=EPOCHS, masks=masks, seed=seed)


@functools.cache
def after_rounds(seed: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return the masks after the last round and the trained weights that they were read from."""
    model = initial(seed)
    masks = prune_rounds(model, fitted(seed), SHARES, ROUNDS - 1, initial(seed).state_dict())
    fitted(seed)(model, masks)
    apply_masks(model, masks)
    gone = {name: 1 - (1 - share) ** ROUNDS for name, share in SHARES.items()}
    return mask_model(magnitude(model), gone), model.state_dict()


@dataclass(frozen=True)
class Length(Configuration):
    """Dense network and ticket, trained short, short in another order of the examples, and four times as
    long."""

    part: str = field(default="length", init=False)
    seed: int

    def measure(self) -> dict:
        masks, _ = after_rounds(self.seed)
        result = {"left": round(1 - sparsity(masks), 4)}
        for name, kept in (("dense", {}), ("ticket", masks)):
            for steps, data, epochs, order in (
                ("860 steps", half(), EPOCHS, self.seed),
                ("860 steps, another order", half(), EPOCHS, 100 + self.seed),
                ("3440 steps", mnist().train, LONGER, self.seed),
            ):
                model = initial(self.seed)
                train(model, data, epochs=epochs, masks=kept, seed=order)
                result[f"{name}, {steps}"] = reached(model)
        return result


@dataclass(frozen=True)
class Rewinding(Configuration):
    """One mask, four starts: the initial weights, those of step ``EARLY``, and the trained ones, with the
    learning rate from 0.05 again (learning-rate rewinding) or from a tenth of it (fine-tuning)."""

    part: str = field(default="rewinding", init=False)
    seed: int

    def measure(self) -> dict:
        masks, trained_weights = after_rounds(self.seed)
        early = initial(self.seed)
        few = first(half(), 128 * EARLY)
        train(early, few, epochs=1, seed=self.seed)
        rows = {}
        for name, state, lr in (
            ("initial weights", initial(self.seed).state_dict(), 0.05),
            ("early weights", early.state_dict(), 0.05),
            ("learning rate", trained_weights, 0.05),
            ("fine-tuning", trained_weights, 0.005),
        ):
            model = LeNet300()
            model.load_state_dict(state)
            train(model, half(), epochs=EPOCHS, lr=lr, masks=masks, seed=self.seed)
            rows[name] = reached(model)
        return rows


@dataclass(frozen=True)
class Supermask(Configuration):
    """Learn which of the frozen weights to use; beside it, the same number of frozen weights by chance."""

    part: str = field(default="supermask", init=False)
    seed: int
    sparsity: float

    def measure(self) -> dict:
        model = glorot(self.seed)
        for layer in (model.fc1, model.fc2, model.fc3):
            nn.init.zeros_(layer.bias)
        weights = prunable(model)
        drawn = {name: weight.detach().clone() for name, weight in weights.items()}
        random = shuffled(mask_model(magnitude(model), self.sparsity), self.seed)
        chance = glorot(self.seed)
        apply_masks(chance, random)
        learn_masks(model, dict.fromkeys(weights, self.sparsity), self.seed)
        train(model, half(), epochs=EPOCHS, lr=0.1, seed=self.seed)
        masks = settle(model)
        same = all(torch.equal(prunable(model)[n], drawn[n] * mask) for n, mask in masks.items())
        return {"supermask": reached(model), "random": reached(chance), "weights unchanged": same}


def configurations() -> list[Configuration]:
    lottery = [Tickets(seed) for seed in SEEDS]
    lottery += [Supermask(seed, s) for seed in SEEDS for s in SUPERMASKS]
    lottery += [kind(seed) for seed in SEEDS for kind in (Rewinding, Length)]
    return lottery + [kind(seed, s) for kind in (Untrained, Longer) for seed in SEEDS for s in HIDDEN]


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

"""Can a network prune itself while it learns? (notebook 04.3; about five minutes on one core)

``sparse`` trains LeNet300 from its initialisation with the same number of steps in every arm: dense; dense
for half of the steps, pruned in one shot and fine-tuned for the other half; pruned gradually by the cubic
schedule; under a random mask that stays (ratios by ERK); and under one that moves, its smallest weights
replaced by connections with a large gradient or by random ones. At 98 % also: static and moving from weights
divided by the root of the density, AC/DC, and straight-through masks. ``bites`` follows gradual pruning bite
by bite. ``filters`` halves the filters and neurons of
LeNet5 while it learns: softly, where a filter set to zero goes on learning and may come back until one epoch
before the end, or for good at the first of these steps. Accuracies in percent; the arms of a seed share the
initialisation and the order of the examples."""

import math
from dataclasses import dataclass, field

import torch
from torch.utils.data import TensorDataset

from experiments._common import Configuration, accuracies, first, mnist
from prunelab.criteria import filter_l2, magnitude
from prunelab.dynamic import alternating, gradual, regrow
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.masks import sparsity as pruned
from prunelab.models import LeNet5, LeNet300
from prunelab.schedules import cubic, erk
from prunelab.straight_through import follow_weights, settle
from prunelab.training import BATCH, accuracy, steps_per_epoch, train

SEEDS, FEWER, FILTER_SEEDS = (0, 1, 2, 3, 4), (0, 1, 2), tuple(range(10))
ARMS = ("pruned after", "gradual", "static", "dynamic, gradient", "dynamic, random")
NEWER = ("AC/DC", "straight through", "static, scaled", "dynamic, gradient, scaled")  # at 98 % only
IMAGES, EPOCHS = 27_500, 6
FILTER_IMAGES, FILTER_EPOCHS, HELD_FROM = 20_480, 4, 3
BITE_IMAGES, BITE_EPOCHS, BITE_EVERY = 10_000, 5, 20
STEPS = EPOCHS * math.ceil(IMAGES / BATCH)


def _from_random_places(
    model: torch.nn.Module, half: TensorDataset, seed: int, arm: str, sparsity: float
) -> None:
    """Train with random masks of ERK's densities, which stay (static) or move (dynamic)."""
    draw = torch.Generator().manual_seed(seed)
    noise = {name: torch.rand(weight.shape, generator=draw) for name, weight in prunable(model).items()}
    masks = mask_model(noise, erk(model, sparsity))
    if arm.endswith("scaled"):  # as large a sum over the inputs that are left as over all of them
        for name, share in erk(model, sparsity).items():
            prunable(model)[name].data /= (1 - share) ** 0.5

    def on_step(model: torch.nn.Module, step: int) -> None:
        if not arm.startswith("static") and step % 40 == 0 and step <= 0.75 * STEPS:
            apply_masks(
                model, masks
            )  # momentum has just moved what is masked; what is grown must start at zero
            share = 0.3 * (1 + math.cos(math.pi * step / (0.75 * STEPS))) / 2
            for name, weight in prunable(model).items():
                growth = (
                    weight.grad.abs()
                    if arm.startswith("dynamic, gradient")
                    else torch.rand(weight.shape, generator=draw)
                )
                masks[name] = regrow(weight, masks[name], growth, share)

    train(model, half, epochs=EPOCHS, masks=masks, on_step=on_step, seed=seed)


@dataclass(frozen=True)
class Sparse(Configuration):
    experiment: str = field(default="sparse", init=False)
    seed: int
    arm: str
    sparsity: float

    def measure(self) -> dict:
        torch.manual_seed(self.seed)
        model, masks, half = LeNet300(), {}, first(mnist().train, IMAGES)
        if self.arm == "pruned after":
            train(model, half, epochs=EPOCHS // 2, seed=self.seed)
            masks = mask_model(magnitude(model), self.sparsity, scope="global")
            train(model, half, epochs=EPOCHS - EPOCHS // 2, masks=masks, seed=100 + self.seed)
        elif self.arm == "gradual":
            masks, on_step = gradual(
                lambda step: cubic(step, round(0.1 * STEPS), round(0.6 * STEPS), self.sparsity), every=20
            )
            train(model, half, epochs=EPOCHS, masks=masks, on_step=on_step, seed=self.seed)
        elif self.arm == "AC/DC":
            phases = [(round(a * STEPS), round(b * STEPS)) for a, b in ((0.2, 0.3), (0.4, 0.5), (0.6, 2))]
            masks, on_step = alternating(self.sparsity, phases)
            train(model, half, epochs=EPOCHS, masks=masks, on_step=on_step, seed=self.seed)
        elif self.arm == "straight through":
            follow_weights(model, {name: share for name, share in erk(model, self.sparsity).items() if share})
            train(model, half, epochs=EPOCHS, seed=self.seed)
            settle(model)
        elif self.arm != "dense":
            _from_random_places(model, half, self.seed, self.arm, self.sparsity)
        else:
            train(model, half, epochs=EPOCHS, seed=self.seed)
        left = sum(int(w.count_nonzero()) for w in prunable(model).values())
        return {"left": left} | accuracies(model)


@dataclass(frozen=True)
class Filters(Configuration):
    """Zero the half of each hidden layer's filters or neurons with the smallest L2 norms, every half epoch or
    once for good.
    """

    experiment: str = field(default="filters", init=False)
    seed: int
    arm: str

    def measure(self) -> dict:
        torch.manual_seed(self.seed)
        model, masks, chosen = LeNet5(), {}, []
        few = first(mnist().train, FILTER_IMAGES)
        every = steps_per_epoch(few) // 2

        def on_step(model: torch.nn.Module, step: int) -> None:
            if step % every or masks:
                return
            picked = mask_model(filter_l2(model), 0.5)
            chosen.append(
                {
                    name: (~picked[name]).flatten().nonzero().flatten().tolist()
                    for name in ("conv1.weight", "conv2.weight")
                }
            )
            apply_masks(model, picked)
            if self.arm == "hard" or step == HELD_FROM * steps_per_epoch(few):
                masks.update(picked)

        train(model, few, epochs=FILTER_EPOCHS, masks=masks, on_step=on_step, seed=self.seed)
        kept = {name: int(model.get_parameter(name).flatten(1).any(1).sum()) for name in masks}
        return {"kept": kept} | accuracies(model) | {"zeroed": chosen}


@dataclass(frozen=True)
class Bites(Configuration):
    """The first network of the notebook, step by step: what each bite takes of what is left, and the accuracy
    before it, right after it and at the next look."""

    experiment: str = field(default="bites", init=False)
    seed: int

    def measure(self) -> dict:
        torch.manual_seed(self.seed)
        model, few = LeNet300(), first(mnist().train, BITE_IMAGES)
        steps, masks, rows = BITE_EPOCHS * steps_per_epoch(few), {}, []

        def look(model: torch.nn.Module, step: int) -> None:
            if step % BITE_EVERY:
                return
            apply_masks(model, masks)  # momentum has just moved what is masked
            before, left = accuracy(model, mnist().valid), 1 - pruned(model)
            at = cubic(step, round(0.1 * steps), round(0.6 * steps), 0.95)
            masks.update(mask_model(magnitude(model), at, scope="global"))
            apply_masks(model, masks)
            row = {"step": step, "left": 1 - pruned(model), "bite": 1 - (1 - pruned(model)) / left}
            rows.append(
                {k: round(v, 4) for k, v in row.items()}
                | {"before": before, "after": accuracy(model, mnist().valid)}
            )

        train(model, few, epochs=BITE_EPOCHS, masks=masks, on_step=look, seed=self.seed)
        return {"looks": rows, "reached": round(accuracy(model, mnist().valid), 2)}


def configurations() -> list[Configuration]:
    grid = [("dense", 0.0, SEEDS)]
    grid += [(arm, 0.95, FEWER) for arm in ARMS] + [(arm, 0.98, SEEDS) for arm in (*ARMS, *NEWER)]
    trained = [Sparse(seed, arm, s) for arm, s, seeds in grid for seed in seeds]
    both = [Filters(seed, arm) for seed in FILTER_SEEDS for arm in ("soft", "hard")]
    return trained + [Bites(seed) for seed in SEEDS] + both


def provenance() -> dict:
    return {
        "networks": (
            f"LeNet300 and LeNet5, torch.manual_seed(seed) and PyTorch's initialisation, seeds {SEEDS}"
        ),
        "recipe": (
            f"sparse: {EPOCHS} epochs of {IMAGES} images in every arm; filters: {FILTER_EPOCHS} of"
            f" {FILTER_IMAGES}; SGD, momentum 0.9, batch 128, cosine learning rate from 0.05 (pruned after:"
            " twice, once for each half)"
        ),
    }

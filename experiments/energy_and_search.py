"""Does the order of the layers matter, and does energy? (notebook 03.4; about two minutes on one core)

Five LeNet5 lose 80 % of the weights of every layer by magnitude, or, at the same energy, half of those of the
convolutions and 86 % of the others. Kept weights are fitted on 1,000 training images: from front to back, or
the most expensive layer first ("energy order"); "again" fits some layers once more when all are pruned."""

from dataclasses import dataclass

import torch
from torch import nn

from experiments._common import Configuration, first, mnist
from prunelab.criteria import energy_aware, energy_order, layer_energies, magnitude, refit_layer, refit_model
from prunelab.criteria.reconstruction import moments
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import SEEDS, load_pretrained
from prunelab.training import accuracy

SPARSITY, CONVOLUTIONS, OTHERS = 0.8, 0.5, 0.86
SCORED = 1_000


def again(pruned: nn.Module, dense: nn.Module, masks: dict[str, torch.Tensor], names: list[str]) -> nn.Module:
    """Fit the layers ``names`` of ``pruned`` once more, in this order, to what they now read."""
    for name in names:
        hessian, cross = moments(pruned, dense, name, first(mnist().train, SCORED))
        with torch.no_grad():
            fitted = refit_layer(prunable(dense)[name], masks[name], hessian, cross)
            prunable(pruned)[name].copy_(fitted)
    return pruned


@dataclass(frozen=True)
class Run(Configuration):
    seed: int

    def measure(self) -> list[dict]:
        model, data = load_pretrained("lenet5", self.seed), first(mnist().train, SCORED)
        masks, image = mask_model(magnitude(model), SPARSITY), data.tensors[0][:1]
        plain = load_pretrained("lenet5", self.seed)
        apply_masks(plain, masks)
        ratios = {name: CONVOLUTIONS if "conv" in name else OTHERS for name in masks}
        by_energy = energy_aware(model, data, SPARSITY, restore=0.0).model
        ways = {
            "magnitude": plain,
            "front to back": refit_model(model, masks, data),
            "energy order": by_energy,
            "energy order, restore": energy_aware(model, data, SPARSITY).model,
            "equal energy": refit_model(model, mask_model(magnitude(model), ratios), data),
        }
        dense = sum(energy.total for energy in layer_energies(model, image).values())
        rows = []
        for way, network in ways.items():
            total = sum(energy.total for energy in layer_energies(network, image).values())
            rows.append(
                {"way": way, "accuracy": accuracy(network, mnist().valid), "energy": round(total / dense, 4)}
            )
        order = energy_order(model, image)
        for way, names in (
            ("fc1 again", ["fc1.weight"]),
            ("fc1, fc2, fc3 again", ["fc2.weight", "fc3.weight"]),
        ):
            network = again(by_energy, model, masks, names)
            rows.append({"way": way, "accuracy": accuracy(network, mnist().valid), "order": order})
        return rows


def configurations() -> list[Configuration]:
    return [Run(seed=seed) for seed in SEEDS]


def provenance() -> dict:
    return {
        "networks": "lenet5 seeds 0 to 4",
        "recipe": (
            f"{SPARSITY} of every layer, or {CONVOLUTIONS} of the convolutions and {OTHERS} of the others;"
            f" least squares on {SCORED} training images, no training"
        ),
        "accuracy": "percent, on the validation split",
        "energy": "share of the dense network's, one image at a time, in the model of notebook 03.4",
    }

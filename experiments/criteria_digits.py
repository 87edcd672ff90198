"""Do the criteria keep their order on other data and another network? (notebook 03.5; about three minutes on
one core)

scikit-learn's digits, 8 x 8 pixels, and a residual network of two blocks; three networks. Scores on 600 of
the 1,200 training images, the oracle that they are compared with on the other 600; accuracy on the 597 images
not trained on."""

from dataclasses import dataclass

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset

from experiments._common import Configuration
from experiments._criteria import LR, UNITS, against, scores_of
from prunelab import criteria
from prunelab.masks import apply_masks, mask_model
from prunelab.models import SEEDS
from prunelab.training import accuracy, train

KNOWN, SCORED = 1_200, 600


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


@dataclass(frozen=True)
class Run(Configuration):
    seed: int

    def measure(self) -> list[dict]:
        data = load_digits()
        images, labels = (
            torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 8 - 1,
            torch.tensor(data.target),
        )
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(20_000))
        known, test = (TensorDataset(images[part], labels[part]) for part in (order[:KNOWN], order[KNOWN:]))
        torch.manual_seed(self.seed)
        model = residual_network()
        train(model, known, epochs=60, seed=self.seed)
        scored, other = TensorDataset(*known[:SCORED]), TensorDataset(*known[SCORED:])
        # the other layers share their channels with the shortcut
        found = criteria.loss_changes(model, other)
        truth = {name: t for name, t in found.items() if name.endswith("conv1.weight")}
        state = {name: value.clone() for name, value in model.state_dict().items()}
        dense, rows = accuracy(model, test), []
        for criterion in UNITS:
            scores = {
                name: s for name, s in scores_of(criterion, model, scored, self.seed).items() if name in truth
            }
            rho = against(truth, scores)
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
                train(model, known, epochs=3, lr=LR, masks=masks, seed=self.seed)
                rows.append(row | {"after": accuracy(model, test)})
                model.load_state_dict(state)
        return rows


def configurations() -> list[Configuration]:
    return [Run(seed=seed) for seed in SEEDS[:3]]


def provenance() -> dict:
    return {
        "networks": "a residual network of 2 blocks of 16 channels, 60 epochs on 1,200 digits, seeds 0 to 2",
        "scores": f"on {SCORED} training images; agreement with the oracle on the other {KNOWN - SCORED}",
        "fine-tune": f"3 epochs on the training images, rate from {LR}",
        "accuracy": "percent, on the 597 images not trained on, before and after the fine-tune",
    }

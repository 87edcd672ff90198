"""How many weights do OBS, OBD and magnitude remove from networks for the MONK's problems? (notebook 03.2;
about two minutes)

Ten networks for each of the three problems lose one weight at a time for as long as all training examples
stay right. "rank" is that of the derivatives of all training outputs by all weights, "free" the number of
directions in which the outputs do not move at all; "drift" is how far the output for any robot has moved when
"free" weights are gone and nothing was retrained."""

from dataclasses import dataclass

import torch

from experiments._common import Configuration
from prunelab.criteria import eliminate, obs_saliency, obs_update
from prunelab.monks import CRITERIA, DECAY, EXAMPLES, HIDDEN, correct, monk, outputs, prune, trained

SEEDS = range(10)


def configurations() -> list[Configuration]:
    return [Run(problem=problem, seed=seed) for problem in HIDDEN for seed in SEEDS]


def drift(
    weights: torch.Tensor, inputs: torch.Tensor, robots: torch.Tensor, criterion: str, count: int
) -> float:
    """Return the largest change of an output for ``robots`` when ``count`` weights go, with one Hessian."""
    before, j = outputs(weights, robots)[0], outputs(weights, inputs)[1]
    hessian = j.T @ j / len(j) + DECAY * torch.eye(len(weights), dtype=j.dtype)
    weights, inverse = weights.clone(), torch.linalg.inv(hessian)
    gone = torch.zeros(len(weights), dtype=torch.bool)
    for _ in range(count):
        by_size = weights.abs() if criterion == "magnitude" else hessian.diagonal() * weights**2
        scores = obs_saliency(weights, inverse) if criterion == "OBS" else by_size
        q = int(scores.masked_fill(gone, torch.inf).argmin())
        if criterion == "OBS":
            weights, inverse = obs_update(weights, inverse, q), eliminate(inverse, q)
        gone[q] = True
        weights[gone] = 0
    return float((outputs(weights, robots)[0] - before).abs().max())


@dataclass(frozen=True)
class Run(Configuration):
    """Return a row for each criterion, all from the same trained network."""

    problem: int
    seed: int

    def measure(self) -> list[dict]:
        weights, inputs, targets = trained(self.problem, self.seed)
        rank = int(torch.linalg.matrix_rank(outputs(weights, inputs)[1]))
        free, rows = len(weights) - rank, []
        for criterion in CRITERIA:
            path = prune(weights, inputs, targets, criterion)
            right = [round(100 * correct(step, *monk(self.problem)), 2) for step in (path[0], path[-1])]
            rows.append(
                {
                    "criterion": criterion,
                    "before": len(weights),
                    "left": int(path[-1].count_nonzero()),
                    "all_432": right,
                    "rank": rank,
                    "free": free,
                    "drift": round(drift(weights, inputs, monk(self.problem)[0], criterion, free), 4),
                },
            )
        return rows


def provenance() -> dict:
    return {
        "networks": (
            f"tanh, hidden units {HIDDEN}, Levenberg-Marquardt, weight decay {DECAY}, all training examples"
            " right"
        ),
        "data": f"random training sets of {EXAMPLES} of the 432 robots by problem, no label noise",
        "recipe": (
            "remove one weight at a time; 30 training steps when an example is lost; stop when they do not"
            " help"
        ),
        "drift": "largest change of an output, which lie from -1 to 1",
        "all_432": "percent right of all 432 robots, before and after pruning",
    }

"""How many weights do OBS, OBD and magnitude remove from networks for the MONK's problems? (notebook 03.2;
about a minute)

Five networks for each of the three problems lose one weight at a time for as long as all training examples
stay right."""

from prunelab.models import SEEDS
from prunelab.monks import CRITERIA, DECAY, EXAMPLES, HIDDEN, correct, monk, prune, trained


def configurations() -> list[dict]:
    return [{"problem": problem, "seed": seed} for problem in HIDDEN for seed in SEEDS]


def measure(problem: int, seed: int) -> list[dict]:
    """Return a row for each criterion, all from the same trained network."""
    weights, inputs, targets = trained(problem, seed)
    rows = []
    for criterion in CRITERIA:
        path = prune(weights, inputs, targets, criterion)
        right = [round(100 * correct(step, *monk(problem)), 2) for step in (path[0], path[-1])]
        rows.append(
            {
                "criterion": criterion,
                "before": len(weights),
                "left": int(path[-1].count_nonzero()),
                "all_432": right,
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
        "all_432": "percent right of all 432 robots, before and after pruning",
    }

"""Prune networks for the three MONK's problems with OBS, OBD and magnitude: data/results/monk.json (notebook 03.2).

python experiments/monk.py          five networks for each problem, one thread, about a minute
"""

import json

import torch

from prunelab.data import DATA
from prunelab.models import SEEDS
from prunelab.monks import CRITERIA, DECAY, EXAMPLES, HIDDEN, correct, monk, prune, trained

if __name__ == "__main__":
    torch.set_num_threads(1)
    runs = []
    for problem in HIDDEN:
        for seed in SEEDS:
            weights, inputs, targets = trained(problem, seed)
            for criterion in CRITERIA:
                path = prune(weights, inputs, targets, criterion)
                runs.append(
                    {
                        "problem": problem,
                        "seed": seed,
                        "criterion": criterion,
                        "before": len(weights),
                        "left": int(path[-1].count_nonzero()),
                        "all_432": [round(100 * correct(step, *monk(problem)), 2) for step in (path[0], path[-1])],
                    }
                )
                print(runs[-1], flush=True)
    provenance = {
        "script": "experiments/monk.py",
        "torch": torch.__version__.split("+")[0],
        "networks": f"tanh, hidden units {HIDDEN}, Levenberg-Marquardt, weight decay {DECAY}, all training examples right",
        "data": f"random training sets of {EXAMPLES} of the 432 robots by problem, no label noise",
        "recipe": "remove one weight at a time; 30 training steps when an example is lost; stop when they do not help",
        "all_432": "percent right of all 432 robots, before and after pruning",
    }
    path = DATA / "results" / "monk.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"provenance": provenance, "runs": runs}, indent=1) + "\n")

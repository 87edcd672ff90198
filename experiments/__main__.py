"""The one entry point of all experiments.

    python -m experiments                     list them
    python -m experiments NAME [--jobs N]     run one, with one thread a job; an interrupted run goes on where it stopped

An experiment is a module of this folder with a docstring (the question, the notebook, the time it takes) and

    configurations() -> list of dicts         the grid
    measure(**configuration) -> dict          one row of the results; JSON values only
    provenance() -> dict                      networks, recipe and whatever else a reader needs; script and torch are added here
    parts(rows) -> dict of lists              optional: how the rows are grouped in the file; without it they are its "rows"

The rows are stored in ``data/results/NAME.json``.
"""

import argparse
import importlib
import pkgutil

import torch

import experiments
from prunelab import sweep
from prunelab.data import DATA


def run(name: str, jobs: int = 1) -> None:
    """Run the experiment ``name`` and store it."""
    module = importlib.import_module(f"experiments.{name}")
    path = DATA / "results" / f"{name}.json"
    unfinished = path.with_suffix(".partial.jsonl")
    torch.set_num_threads(1)
    rows = sweep.rows(sweep.run(module.measure, module.configurations(), unfinished, n_jobs=jobs))
    made_with = {"script": f"experiments/{name}.py", "torch": torch.__version__.split("+")[0]}
    grouped = module.parts(rows) if hasattr(module, "parts") else {"rows": rows}
    sweep.store(path, made_with | module.provenance(), grouped)
    unfinished.unlink()


def main() -> None:
    names = [module.name for module in pkgutil.iter_modules(experiments.__path__) if module.name != "__main__"]
    parser = argparse.ArgumentParser(prog="python -m experiments", description="The experiments behind data/results.")
    parser.add_argument("name", nargs="?", choices=names)
    parser.add_argument("--jobs", type=int, default=1, help="processes, one thread each")
    options = parser.parse_args()
    if options.name:
        run(options.name, options.jobs)
        return
    for name in names:
        print(f"{name:24}{importlib.import_module(f'experiments.{name}').__doc__.splitlines()[0]}")


if __name__ == "__main__":
    main()

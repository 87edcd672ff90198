"""The one entry point of all experiments.

    python -m experiments                     list them
    python -m experiments NAME [--jobs N]     run one, with one thread a job; an interrupted run goes on where
                                              it stopped

An experiment is a module of this folder with a docstring (the question, the notebook, the time it takes) and

    configurations() -> list    the grid: instances of its dataclasses, each a ``Configuration`` whose method
                                ``measure`` returns a row (a dict of JSON values) or a list of rows
    provenance() -> dict        networks, recipe and whatever else a reader needs; script and torch are added
                                here

The rows, each with the fields of its configuration in front, are stored in ``data/results/NAME.json`` as
"rows". Those of a configuration with a field "part", and a row with an entry "part", go to the list of that
name instead. ``checkpoints`` has no
``provenance``: it leaves files that carry their own, and no results. What ``measure`` writes beside its rows
(``data/records``, ``data/checkpoints``) is named in the docstring."""

import argparse
import functools
import importlib
import pkgutil
from dataclasses import asdict
from types import ModuleType

import torch

import experiments
from prunelab import sweep
from prunelab.data import DATA

NAMES = [
    module.name for module in pkgutil.iter_modules(experiments.__path__) if not module.name.startswith("_")
]


def load(name: str) -> ModuleType:
    """Return the module of the experiment ``name``."""
    return importlib.import_module(f"experiments.{name}")


def measured(name: str, **fields: object) -> dict | list[dict]:
    """Return the rows of the configuration with these fields in the grid of the experiment ``name``."""
    found = [each for each in load(name).configurations() if asdict(each) == fields]
    return found[0].measure()


def grouped(rows: list[dict]) -> dict[str, list[dict]]:
    """Return the rows by their "part", which they lose; those without one are the "rows"."""
    parts: dict[str, list[dict]] = {}
    for row in rows:
        parts.setdefault(row.get("part", "rows"), []).append(
            {key: value for key, value in row.items() if key != "part"}
        )
    return parts


def run(name: str, jobs: int = 1) -> None:
    """Run the experiment ``name`` and store it."""
    module = load(name)
    path = DATA / "results" / f"{name}.json"
    unfinished = path.with_suffix(".partial.jsonl")
    torch.set_num_threads(1)
    grid = [asdict(each) for each in module.configurations()]
    measure = functools.partial(measured, name)
    rows = sweep.rows(sweep.run(measure, grid, unfinished, n_jobs=jobs, retry_failed=True))
    if hasattr(module, "provenance"):
        made_with = {"script": f"experiments/{name}.py", "torch": torch.__version__.split("+")[0]}
        sweep.store(path, made_with | module.provenance(), grouped(rows))
    unfinished.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m experiments", description="The experiments behind data/results."
    )
    parser.add_argument("name", nargs="?", choices=NAMES)
    parser.add_argument("--jobs", type=int, default=1, help="processes, one thread each")
    options = parser.parse_args()
    if options.name:
        run(options.name, options.jobs)
        return
    for name in NAMES:
        print(f"{name:24}{load(name).__doc__.splitlines()[0]}")


if __name__ == "__main__":
    main()

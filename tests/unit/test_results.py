"""The experiments and their stored results: one shape, and neither is there without the other."""

import json
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import get_type_hints

import pytest

from experiments import __main__ as experiments
from experiments._common import Configuration
from prunelab import sweep

MODULES = {name: experiments.load(name) for name in experiments.NAMES}
STORING = [
    name for name, module in MODULES.items() if hasattr(module, "provenance") and module.configurations()
]
NEEDS_A_GPU = {"gpu_sparsity"}  # run where there is one; without a stored run its chapter says so
STORED = [name for name in STORING if (sweep.RESULTS / f"{name}.json").exists()]


@pytest.mark.parametrize("name", MODULES)
def test_an_experiment_has_the_shape(name):
    module = MODULES[name]
    assert module.__doc__.splitlines()[0], "the line that `python -m experiments` lists"
    grid = module.configurations()
    assert isinstance(grid, list) and grid
    for configuration in grid:
        kind = type(configuration)
        assert isinstance(configuration, Configuration) and is_dataclass(kind)
        assert kind.__module__ == module.__name__, "an experiment's configurations are its own"
        assert kind.__dataclass_params__.frozen
        for name, wanted in get_type_hints(kind).items():
            value = getattr(configuration, name)
            exact = float if isinstance(value, int) and wanted is float else type(value)
            assert exact in (wanted, *getattr(wanted, "__args__", ())), f"{kind.__name__}.{name} is {value!r}"
    assert len({json.dumps(asdict(configuration), sort_keys=True) for configuration in grid}) == len(grid)
    assert not set(vars(module)) & {
        "main",
        "measure",
        "sweep",
        "argparse",
    }, "the loop, the store and the command line are __main__'s"


def test_every_result_has_its_experiment_and_every_experiment_its_result():
    assert {path.name for path in sweep.RESULTS.glob("*") if ".partial" not in path.name} == {
        f"{name}.json" for name in [*STORED, "scoreboard"]
    }
    assert set(STORING) - set(STORED) <= NEEDS_A_GPU, (
        "each experiment has its result; the scoreboard is the chapters'"
    )
    assert {name for name, module in MODULES.items() if not hasattr(module, "provenance")} == {
        "checkpoints",
        "decoders",
        "llamas",
    }


@pytest.mark.parametrize("name", STORED)
def test_a_result_says_where_it_comes_from(name):
    assert (sweep.RESULTS / f"{name}.json").stat().st_size < 2_000_000
    said = sweep.load(name)["provenance"]
    assert said["script"] == f"experiments/{name}.py" and said["torch"] and said["networks"]


@pytest.mark.parametrize("name", STORED)
def test_every_configuration_has_its_rows_and_every_row_its_configuration(name):
    parts = {part: rows for part, rows in sweep.load(name).items() if part != "provenance"}
    rows = [row | {"part": part} for part in parts for row in parts[part]]
    grid = [asdict(each) for each in MODULES[name].configurations()]
    pairs = {
        (number, place)
        for number, configuration in enumerate(map(_flat, grid))
        for place, row in enumerate(map(_flat, rows))
        if configuration.items() <= row.items()
    }
    assert {number for number, _ in pairs} == set(range(len(grid))), "a configuration without a row"
    assert {place for _, place in pairs} == set(range(len(rows))), "a row without a configuration"


def _flat(row: dict) -> dict:
    """Return the entries that can be compared as a set."""
    return {key: value for key, value in row.items() if not isinstance(value, (dict, list))}


def test_a_run_is_stored_by_part_and_its_memory_goes(tmp_path, monkeypatch):
    @dataclass(frozen=True)
    class Both(Configuration):
        x: int

        def measure(self):
            return [{"y": self.x}, {"y": -self.x, "part": "below"}]

    @dataclass(frozen=True)
    class One(Configuration):
        part: str = field(default="more", init=False)
        x: int

        def measure(self):
            return {"y": self.x}

    class Small:
        __doc__ = "A question (notebook 00)"
        configurations = staticmethod(lambda: [Both(1), Both(2), One(3)])
        provenance = staticmethod(lambda: {"networks": "none"})

    monkeypatch.setattr(experiments, "DATA", tmp_path)
    monkeypatch.setattr(experiments, "load", lambda name: Small)
    experiments.run("small")
    (path,) = (tmp_path / "results").glob("*")
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert stored.pop("provenance")["script"] == "experiments/small.py"
    assert stored == {
        "rows": [{"x": 1, "y": 1}, {"x": 2, "y": 2}],
        "below": [{"x": 1, "y": -1}, {"x": 2, "y": -2}],
        "more": [{"x": 3, "y": 3}],
    }
    del Small.provenance
    path.unlink()
    experiments.run("small")
    assert not list((tmp_path / "results").iterdir())

"""Every public function refuses what it cannot use in words: a ValueError or TypeError that names one of its
arguments.

The test finds the functions by itself, so a new one is covered from its first day. It calls each with valid
arguments of which one or two are replaced by bad ones. What a valid argument looks like is said in VALID, by
the argument's name, and in SPECIAL, for a function that needs something else; for an argument that neither
knows, only bad values are tried."""

import copy
import importlib
import inspect
import math
import pkgutil
import re
import time
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from plot_samples import SAMPLES
from torch import nn
from torch.utils.data import TensorDataset

import prunelab
from prunelab import storage

CALLS = 60  # of each function
SECONDS = 0.25  # of each function; a slow one, which trains or draws, is called less often
# the checkers raise Mistake; the checks name what they are told to name
APART = ("prunelab.check", "prunelab.arguments")
GATES = ("prunelab.criteria", "prunelab.measure", "prunelab.plot", "prunelab.surgery", "prunelab.widgets")
DOCUMENTED = (FloatingPointError, FileNotFoundError)  # if the docstring names them

torch.manual_seed(0)
MODEL = nn.Sequential()
for name, layer in (
    ("conv1", nn.Conv2d(1, 2, 3)),
    ("relu", nn.ReLU()),
    ("flatten", nn.Flatten()),
    ("fc1", nn.Linear(8, 4)),
):
    MODEL.add_module(name, layer)
IMAGES, LABELS = torch.randn(12, 1, 4, 4), torch.arange(12) % 4
MATRIX = torch.randn(4, 8)
SCORES = {"conv1.weight": torch.rand(2, 1, 1, 1), "fc1.weight": torch.rand(4, 8)}
CURVES = {"conv1.weight": {0.0: 99.0, 0.5: 90.0}, "fc1.weight": {0.0: 99.0, 0.5: 95.0}}
VALID = {
    "model": MODEL,
    "dense": MODEL,
    "pruned": MODEL,
    "models": {"dense": MODEL},
    "dataset": TensorDataset(IMAGES, LABELS),
    "judge": TensorDataset(IMAGES, LABELS),
    "valid": TensorDataset(IMAGES, LABELS),
    "example_input": IMAGES[:1],
    "images": IMAGES,
    "weight": MATRIX,
    "other": MATRIX,
    "mask": MATRIX > 0,
    "growth": MATRIX.abs(),
    "scores": SCORES,
    "curves": CURVES,
    "masks": {name: score > 0.3 for name, score in SCORES.items()},
    "hessian": torch.eye(8),
    "cross": torch.eye(8),
    "inverse": torch.eye(8),
    "weights": torch.randn(8),
    "sparsity": 0.5,
    "density": 0.5,
    "share": 0.5,
    "n": 2,
    "m": 4,
    "damping": 0.01,
    "seed": 0,
    "index_bits": 4,
    "value_bits": 8,
    "bits": 3,
    "q": 1,
    "tau": 1.0,
    "ratios": {"conv1.weight": 0.5},
    "draws": 3,
    "rounds": 2,
    "elements": 100,
    "nonzeros": 10,
    "batch_size": 4,
    "granularity": "filter",
    "epochs": 1,
    "values": torch.rand(8),
    "final": 0.5,
    "low": 0.9,
    "middle": 1.0,
    "high": 1.1,
    "problem": 1,
    "step": 3,
    "start": 0,
    "end": 9,
    "name": "fc1.weight",
    "format": "csr",
    "kept": 3,
    "at_most": 100,
    "steps": 2,
    "strength": 0.1,
    "factor": 2.0,
    "entries": 5,
    "total": 3,
    "text": "",
    "label": "x",
    "every": 2,
    "counts": [1, 2],
    "a": [1.0, 2.0, 3.0],
    "b": [1.0, 2.0, 4.0],
    "first": "conv1",
    "second": "fc1",
    "shape": (4, 8),
    "rows": [],
}
SPECIAL = {
    "storage.formats.decode": {"encoded": storage.encode(MATRIX)},
    "storage.packing.inflate": {"stream": storage.packing.deflate(torch.zeros(9, dtype=torch.uint8))},
    "storage.packing.deflate": {"symbols": torch.zeros(9, dtype=torch.uint8)},
    "storage.formats.gap_decode": dict(zip(("gaps", "values"), storage.gap_code(MATRIX, 3), strict=True)),
    "semi_structured.decompress_24": {
        "values": torch.rand(2, 4),
        "metadata": torch.tensor([[0b11100100], [0b11100100]]),
    },
    "models.load_pretrained": {"name": "lenet300"},
    "surgery.resizing.resize": {"state": MODEL.state_dict()},
}
BAD = [
    None,
    "",
    "no such thing",
    b"bytes",
    True,
    -1,
    0,
    7,
    10**12,
    -(10**30),
    0.5,
    -0.5,
    1e300,
    math.nan,
    math.inf,
    1j,
    [],
    [1, "a", None],
    [math.nan],
    (),
    (1, 2, 3),
    {},
    {"no such name": 1.0},
    {1: 2},
    {"conv1.weight": None},
    {"conv1.weight": MATRIX},
    object(),
    print,
    nn.ReLU(),
    nn.Sequential(),
    torch.tensor(1.0),
    torch.empty(0),
    torch.full((4, 8), math.nan),
    torch.ones(3, 5, 7),
    torch.ones(4, 8, dtype=torch.int64),
    torch.ones(4, 8, dtype=torch.complex64),
    torch.zeros(9, dtype=torch.bool),
    torch.randn(5, 5),
    -torch.ones(4),
    np.ones((2, 2)),
    np.array(["a"]),
    TensorDataset(torch.empty(0, 1, 4, 4), torch.empty(0, dtype=torch.int64)),
    TensorDataset(IMAGES),
    TensorDataset(IMAGES[:, :, :2], LABELS),
    {"a": [1, 2], "b": []},
    {"a": {"b": "c"}},
    {"a": ([1, 2], [1])},
    [[1, 2], [3]],
    [{"a": 1}],
    nn.Linear(3, 3),
    set(),
    range(3),
    lambda *_: None,
]


def public_functions() -> dict[str, Callable]:
    """Return every public function by its path: no underscore in it, and exported where a package has a
    gate.
    """
    found = {}
    for module in pkgutil.walk_packages(prunelab.__path__, "prunelab."):
        if module.name.startswith(APART) or "._" in module.name:
            continue
        loaded = importlib.import_module(module.name)
        package = importlib.import_module(module.name.rpartition(".")[0])
        exported = package.__all__ if package.__name__ in GATES else vars(loaded)
        for name, value in vars(loaded).items():
            if (
                inspect.isfunction(value)
                and value.__module__ == module.name
                and name in exported
                and name[0] != "_"
            ):
                found[f"{module.name.removeprefix('prunelab.')}.{name}"] = value
    return found


FUNCTIONS = public_functions()


def valid_arguments(path: str) -> dict[str, object]:
    """Return an argument for each parameter of the function that is required, as far as one is known."""
    parameters = inspect.signature(FUNCTIONS[path]).parameters
    if path.startswith("plot.") and path.split(".")[-1] in SAMPLES:
        args, kwargs = SAMPLES[path.split(".")[-1]]
        return dict(zip(parameters, args, strict=False)) | kwargs
    known = VALID | SPECIAL.get(path, {})
    return {name: known[name] for name, p in parameters.items() if p.default is p.empty and name in known}


def fault(path: str, given: dict[str, object]) -> str:
    """Call the function; return "" if it returns or refuses in words, else what went wrong."""
    function = FUNCTIONS[path]
    parameters = inspect.signature(function).parameters
    documented = tuple(kind for kind in DOCUMENTED if kind.__name__ in (function.__doc__ or ""))
    positional = [
        given.pop(name) for name, p in parameters.items() if p.kind is p.POSITIONAL_ONLY and name in given
    ]
    try:
        function(*positional, **given)
    except documented:
        return ""
    except (ValueError, TypeError) as error:
        named = set(re.findall(r"\w+", str(error))) & set(parameters)
        return "" if named else f"{type(error).__name__} names no argument: {str(error)!r:.100}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)!r:.100}"
    finally:
        plt.close("all")
    return ""


def faults(path: str, calls: int = CALLS) -> list[str]:
    """Call the function with bad arguments, chosen by chance; return what went wrong, in words."""
    parameters = [
        p
        for p in inspect.signature(FUNCTIONS[path]).parameters.values()
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    random = np.random.default_rng(sum(map(ord, path)))
    valid, found = valid_arguments(path), []
    until = time.process_time() + SECONDS
    for _ in range(calls if parameters else 0):
        given = {name: value if name == "axis" else copy.deepcopy(value) for name, value in valid.items()}
        required = [p.name for p in parameters if p.default is p.empty and p.name not in valid]
        chosen = [
            p.name
            for p in random.choice(parameters, min(len(parameters), random.integers(1, 3)), replace=False)
        ]
        bad = {name: BAD[random.integers(len(BAD))] for name in {*required, *chosen}}
        said = fault(path, given | bad)
        if said:
            found.append(f"{', '.join(f'{name}={value!r:.60}' for name, value in bad.items())} -> {said}")
        if time.process_time() > until:
            break
    return found


@pytest.mark.parametrize("path", sorted(FUNCTIONS))
def test_bad_arguments_are_refused_in_words(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = faults(path)
    assert not found, f"{len(found)} calls ended badly:\n" + "\n".join(found[:8])


def test_the_walk_finds_what_it_must(monkeypatch):
    def careless(weight):
        return weight.abs()

    def careful(weight):
        if not isinstance(weight, torch.Tensor):
            raise TypeError(f"weight must be a tensor, got {weight!r}")

    monkeypatch.setitem(FUNCTIONS, "careless", careless)
    monkeypatch.setitem(FUNCTIONS, "careful", careful)
    assert any("AttributeError" in said for said in faults("careless")) and faults("careful") == []
    assert {
        "masks.keep_top",
        "plot.curves.tradeoff",
        "storage.formats.decode",
        "criteria.magnitudes.lamp",
    } <= set(FUNCTIONS)

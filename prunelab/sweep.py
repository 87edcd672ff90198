"""Many configurations in parallel, resumable: joblib does the work and a JSON-lines file is the memory."""

import contextlib
import itertools
import json
import statistics
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from joblib import Parallel, delayed, parallel_config
from scipy import special

from prunelab import _lines, arguments
from prunelab.data import DATA
from prunelab.progress import progress

RESULTS = DATA / "results"


def run(
    function: Callable,
    grid: Mapping[str, Iterable] | Iterable[Mapping],
    results: Path | str,
    *,
    n_jobs: int = -1,
    client: object = None,
    retry_failed: bool = False,
) -> list[dict]:
    """Call ``function(**configuration)`` for every configuration of ``grid``, in parallel, and return one
    outcome for each.

    ``grid`` is a dict of lists, for every combination of their values, or a list of configurations (dicts).
    Configurations and what ``function`` returns must be JSON: numbers, strings, booleans, None, lists, dicts
    with string keys. ``results`` is a JSON-lines file: each outcome is appended by this process as soon as it
    is there, so a run that is killed loses only what was still being computed, and the same call resumes it.
    A last line torn by the kill is cut off and computed again.

    ``n_jobs`` processes work side by side (-1: one for each core), each with one torch thread. With
    ``client``, a ``dask.distributed.Client``, the same work goes to that cluster instead, through joblib's
    dask backend.

    An outcome is ``{"config": ..., "seconds": ..., "result": ...}``, in the order of the grid. A
    configuration that fails has ``"error"`` (type and message) and ``"traceback"`` in place of ``"result"``,
    and the others go on; it is tried again only with ``retry_failed=True``.

    Raises TypeError or ValueError, before anything is run, for a grid that is empty, holds a configuration
    twice or cannot be written as JSON, and for a results file with a line that is no outcome (the file and
    the line are named, the file left alone). Source: notebook 03.5."""
    if not isinstance(n_jobs, int) or isinstance(n_jobs, bool) or n_jobs == 0:
        raise ValueError(f"n_jobs must be a whole number other than 0, got {n_jobs!r:.80}")
    arguments.flag("retry_failed", retry_failed)
    if not callable(function):
        raise TypeError(f"function must be callable, got {function!r}")
    if n_jobs != -1:
        arguments.count("n_jobs", n_jobs)
    grid = _configurations(grid)
    configurations = {_lines.key(config): config for config in grid}
    if len(configurations) < len(grid):
        raise ValueError(
            f"grid must not hold a configuration twice, got {len(grid) - len(configurations)} repeated"
        )
    results = arguments.path("results", results)
    results.parent.mkdir(parents=True, exist_ok=True)
    done = _lines.load(results)
    again = {key for key, outcome in done.items() if retry_failed and "error" in outcome}
    todo = [c for key, c in configurations.items() if key not in done or key in again]
    _lines.mend(results)
    backend = _backend(n_jobs, client)
    with backend, results.open("a", encoding="utf-8") as file, progress(len(grid), "sweep") as bar:
        bar.update(len(grid) - len(todo))
        jobs = (delayed(_outcome)(function, config) for config in todo)
        for line in Parallel(batch_size=1, return_as="generator_unordered")(jobs):
            file.write(line + "\n")
            file.flush()
            outcome = json.loads(line)
            done[_lines.key(outcome["config"])] = outcome
            bar.update()
    return [done[key] for key in configurations]


def _backend(n_jobs: int, client: object) -> AbstractContextManager:
    """Return what sends joblib's work to processes of this machine, to a cluster, or nowhere."""
    if client is not None:
        return parallel_config("dask", n_jobs=n_jobs, client=client)
    one = n_jobs == 1
    return (
        contextlib.nullcontext() if one else parallel_config("loky", n_jobs=n_jobs, inner_max_num_threads=1)
    )


def rows(outcomes: Iterable[Mapping]) -> list[dict]:
    """Return each outcome of ``run`` as one flat dict, its configuration and its result together.

    A result is a dict, or a list of dicts, which gives as many rows.

    Raises RuntimeError naming the first of the configurations that failed. Source: the scripts behind the
    stored runs."""
    if isinstance(outcomes, str | Mapping | torch.Tensor) or not isinstance(outcomes, Iterable):
        raise TypeError(f"outcomes must be a list of the outcomes of run, got {outcomes!r:.80}")
    outcomes = list(outcomes)
    for outcome in outcomes:
        if (
            not isinstance(outcome, Mapping)
            or "config" not in outcome
            or not {"result", "error"} & set(outcome)
        ):
            raise TypeError(
                f"outcomes must be dicts with config and result, as run returns them, got {outcome!r:.80}"
            )
    failed = [outcome for outcome in outcomes if "error" in outcome]
    if failed:
        raise RuntimeError(
            f"{len(failed)} configurations failed, the first: {failed[0]['config']}: {failed[0]['error']}"
        )
    return [
        outcome["config"] | result
        for outcome in outcomes
        for result in (outcome["result"] if isinstance(outcome["result"], list) else [outcome["result"]])
    ]


def store(path: Path | str, provenance: Mapping, parts: Mapping[str, Iterable[Mapping]]) -> None:
    """Write a finished run to ``path`` as JSON: "provenance" first, then each part, one row a line so that
    diffs can be read.

    Raises TypeError or ValueError for parts that are not lists of dicts, and for what JSON cannot hold.
    Source: the scripts behind the stored runs.
    """
    path = arguments.path("path", path)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"path must be a file in a folder that exists, got {str(path)!r}")
    entries = [
        f' "provenance": {_json("provenance", arguments.mapping("provenance", provenance, at_least=0))}'
    ]
    for name, part in arguments.mapping("parts", parts).items():
        if isinstance(part, str | Mapping) or not isinstance(part, Iterable):
            raise TypeError(f"parts[{name!r}] must be a list of dicts, got {part!r:.80}")
        lines = ["  " + _json(f"parts[{name!r}]", row) for row in part]
        entries.append(
            f" {json.dumps(arguments.text('a name in parts', name))}: [\n" + ",\n".join(lines) + "\n ]"
        )
    path.write_text("{\n" + ",\n".join(entries) + "\n}\n", encoding="utf-8")


def load(name: str) -> dict:
    """Return the stored run ``data/results/<name>.json``: its "provenance" (a dict) and its lists of rows,
    most often "rows".

    Raises ValueError, naming those there are, if no run has this name. Source: notebook 01.
    """
    arguments.one_of("name", name, sorted(path.stem for path in RESULTS.glob("*.json")))
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def select(rows: Iterable[Mapping], **where: object) -> list[dict]:
    """Return the rows whose entries are those named in ``where``: ``select(rows, network="lenet300",
    seed=0)``.

    Raises TypeError if ``rows`` are not dicts, and ValueError if there is no such row, naming the entry that
    none has. Source: notebook 01."""
    if isinstance(rows, Mapping | torch.Tensor | str) or not isinstance(rows, Iterable):
        raise TypeError(f"rows must be a list of dicts, got {rows!r:.80}")
    found = list(rows)
    if not all(isinstance(row, Mapping) for row in found):
        raise TypeError(f"rows must be a list of dicts, got {found!r:.80}")
    for key, value in where.items():
        there = sorted({repr(row[key]) for row in found if key in row})
        found = [row for row in found if key in row and row[key] == value]
        if not found:
            raise ValueError(
                f"no row has {key}={value!r}; there is {', '.join(there) or f'no {key!r} at all'}"
            )
    return [dict(row) for row in found]


def series(
    rows: Iterable[Mapping], x: str, y: str, *, over: str = "seed", **where: object
) -> tuple[list, list[list]]:
    """Return the curves of a stored run: the values of ``x``, and for each network (each value of ``over``)
    its values of ``y``.

    Only the rows that ``select(rows, **where)`` finds are used, in their order; every network must have the
    same ``x``, each once. The result is one curve of ``plot.tradeoff``. ``x``, ``y`` and ``over`` are names
    of entries.

    Raises ValueError if there is no such row, an entry is missing, or the networks differ in ``x``. Source:
    notebook 01."""
    curves: dict[object, dict] = {}
    for row in select(rows, **where):
        for name, key in (("x", x), ("y", y), ("over", over)):
            arguments.one_of(name, key, row)
            if name != "y" and isinstance(row[key], (list, Mapping)):
                raise ValueError(
                    f"{name} must name an entry that is a number or a word, got {key!r}, which is"
                    f" {row[key]!r:.40}"
                )
        curve = curves.setdefault(row[over], {})
        if row[x] in curve:
            raise ValueError(
                f"{over}={row[over]!r} has more than one row with {x}={row[x]!r}: name more entries"
            )
        curve[row[x]] = row[y]
    if not curves:
        raise ValueError("rows must not be empty")
    xs = list(next(iter(curves.values())))
    for network, curve in curves.items():
        if list(curve) != xs:
            raise ValueError(
                f"every {over} must have the same {x}, got {xs} and, for {network!r}, {list(curve)}"
            )
    return xs, [list(curve.values()) for curve in curves.values()]


def paired_interval(
    a: Sequence[float], b: Sequence[float], confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return (mean, low, high): the mean of the differences ``a - b``, pair by pair, and its t interval.

    ``a`` and ``b`` hold one value per network, the same networks in the same order: what the networks have in
    common drops out. The course calls a difference real when the interval excludes zero. Equal differences
    give an interval of width zero.

    Raises ValueError for fewer than two pairs, unequal lengths, values that are not finite, or a
    ``confidence`` outside (0, 1). Source: notebook 03.5."""
    first, second = arguments.numbers("a", a).ravel(), arguments.numbers("b", b).ravel()
    if len(first) != len(second) or len(first) < 2:
        raise ValueError(
            f"a and b must hold the same number of values, at least 2, got {len(first)} and {len(second)}"
        )
    if not 0 < arguments.fraction("confidence", confidence) < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}")
    differences = [float(x) - float(y) for x, y in zip(first, second, strict=True)]
    arguments.tensor("the differences a - b", torch.tensor(differences))
    mean = statistics.fmean(differences)
    error = statistics.stdev(differences) / len(differences) ** 0.5
    reach = float(special.stdtrit(len(differences) - 1, (1 + confidence) / 2)) * error
    return mean, mean - reach, mean + reach


def _configurations(grid: Mapping[str, Iterable] | Iterable[Mapping]) -> list[dict]:
    """Return the configurations of a grid as a list of dicts."""
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            if isinstance(values, str) or not isinstance(values, Iterable):
                raise TypeError(f"grid[{name!r}] must be a list of values, got {values!r}")
        grid = (
            [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
            if grid
            else []
        )
    elif isinstance(grid, str) or not isinstance(grid, Iterable):
        raise TypeError(f"grid must be a dict of lists or a list of dicts, got {grid!r}")
    grid = list(grid)
    if not grid:
        raise ValueError("grid must hold at least one configuration, got none")
    for config in grid:
        if not isinstance(config, Mapping) or not all(isinstance(name, str) for name in config):
            raise TypeError(
                f"a configuration in grid must be a dict of argument name -> value, got {config!r}"
            )
    return [dict(config) for config in grid]


def _json(name: str, value: object) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} must be JSON (numbers, strings, lists, dicts), got {value!r:.80}: {error}"
        ) from None


def _outcome(function: Callable, config: dict) -> str:
    """Run one configuration with one torch thread; return its outcome as one line of JSON."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    began = time.perf_counter()
    try:
        outcome = {"result": function(**config)}
        json.dumps(outcome)
    except Exception as error:
        outcome = {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
    finally:
        torch.set_num_threads(threads)
    return json.dumps({"config": config, "seconds": round(time.perf_counter() - began, 3)} | outcome)

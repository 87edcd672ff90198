"""Is everything in place? What notebook 00 asks before it starts, answered in words."""

import json
import os
import platform
import tomllib
from collections.abc import Callable
from functools import partial
from importlib import metadata
from itertools import product
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from prunelab import arguments
from prunelab.data import DATA, load_mnist, load_weights
from prunelab.llama import LLAMA_SEEDS, llama_folder
from prunelab.models import DECODER_SEEDS, DECODERS, MODELS, SEEDS, load_pretrained
from prunelab.records import HAN_RECORD
from prunelab.storage import load_sparse
from prunelab.text import load_text

REPAIR = "run `make lab` again in the course's folder: it mends what is missing"


def requirements() -> list[Requirement]:
    """Return what the course needs installed: the dependencies in ``pyproject.toml``, without the extras for
    testing and teaching.

    Source: notebook 00.
    """
    with open(DATA.parent / "pyproject.toml", "rb") as file:
        return [Requirement(line) for line in tomllib.load(file)["project"]["dependencies"]]


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages the course is built on, by name; "missing" where
    there is none.

    Source: notebook 00.
    """
    found = {"python": platform.python_version()}
    for requirement in requirements():
        try:
            found[requirement.name] = metadata.version(requirement.name).split("+")[0]
        except metadata.PackageNotFoundError:
            found[requirement.name] = "missing"
    return found


# networks only; and what needs a GPU, and has not been run on one
WITHOUT_RESULT = {"checkpoints", "decoders", "llamas", "gpu_sparsity"}


def problems(data: Path | str = DATA) -> list[str]:
    """Return what is wrong with the set-up, one sentence each; an empty list means that all is in place.

    Looked at: every package and its version, every file in the folder ``data`` (present, and unaltered where
    it has a checksum), and the number of threads. Nothing is changed and nothing is downloaded.

    Raises TypeError if ``data`` is no path. Source: notebook 00.
    """
    data = arguments.path("data", data)
    return [*_packages(), *_files(data), *_threads()]


def _packages() -> list[str]:
    """Return a sentence for each package that is missing or of another version."""
    found = []
    installed = versions()
    for requirement in requirements():
        version = installed[requirement.name]
        if version == "missing":
            found.append(f"The package {requirement.name} is not installed; {REPAIR}.")
        elif not requirement.specifier.contains(Version(version), prereleases=True):
            found.append(
                f"{requirement.name} is {version}, the course needs {requirement.specifier}; {REPAIR}."
            )
    return found


def _files(data: Path) -> list[str]:
    """Return a sentence for each stored file that is missing or altered."""
    found = []
    for read in _readers(data):
        try:
            read()
        except (FileNotFoundError, ValueError) as error:
            found.append(f"{error}.")
    return found


def _readers(data: Path) -> list[Callable[[], object]]:
    """Return functions that each read a stored file, or files that belong together, and raise if one is
    missing or altered.
    """
    networks = [*product(MODELS, SEEDS), *product(DECODERS, DECODER_SEEDS)]
    others = ("checkpoints/capstone-seed0", "crepe/crepe-tiny", "crepe/crepe-pruned")
    results = [data / "results" / f"{name}.json" for name in _results()]
    return [
        partial(load_mnist, data / "mnist"),
        partial(load_text, data / "text"),
        *(partial(load_pretrained, name, seed, data / "checkpoints") for name, seed in networks),
        *(partial(llama_folder, seed, data / "checkpoints") for seed in LLAMA_SEEDS),
        *(partial(load_weights, data / f"{name}.safetensors") for name in others),
        *(partial(_rows, path) for path in results),
        *(partial(_record, data / "records" / name) for path in results for name in _named(path)),
        partial(_record, data / "records" / HAN_RECORD),
    ]


def _results() -> list[str]:
    """Return the names of the results that a chapter may read: those of the experiments, which are stored
    beside the data, and the scoreboard.
    """
    experiments = {path.stem for path in (DATA.parent / "experiments").glob("[!_]*.py")}
    return sorted(experiments - WITHOUT_RESULT | {"scoreboard"})


def _rows(path: Path) -> dict:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; restore it with git")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is truncated or altered ({error}); restore it with git") from error


def _named(path: Path) -> list[str]:
    """Return the files that the rows of a result name: the sparse networks that it left."""
    try:
        parts = [part for part in _rows(path).values() if isinstance(part, list)]
    except (FileNotFoundError, ValueError):
        return []
    return [row["file"] for part in parts for row in part if isinstance(row.get("file"), str)]


def _record(path: Path) -> None:
    """Read the sparse file ``path``, whose name begins with that of its network, and which carries its own
    checksum.
    """
    (network,) = [name for name in MODELS if f"-{name}-" in f"-{path.name}"]
    load_sparse(path, MODELS[network]())


def _threads() -> list[str]:
    """Return a sentence if more threads are asked for than there are cores."""
    threads, cores = os.environ.get("OMP_NUM_THREADS"), os.cpu_count() or 1
    if threads is None or not threads.isdigit() or int(threads) <= cores:
        return []
    return [
        f"OMP_NUM_THREADS asks for {threads} threads, this machine has {cores} cores, so all will be slow;"
        " unset it."
    ]

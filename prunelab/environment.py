"""Is everything in place? What notebook 00 asks before it starts, answered in words."""

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

from prunelab.data import DATA, load_mnist
from prunelab.models import DECODER_SEEDS, DECODERS, MODELS, SEEDS, load_pretrained
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


def problems(data: Path | str = DATA) -> list[str]:
    """Return what is wrong with the set-up, one sentence each; an empty list means that all is in place.

    Looked at: every package and its version, the files of MNIST and every checkpoint (present, and unaltered
    by their checksums) in the folder ``data``, and the number of threads. Nothing is changed and nothing is
    downloaded.

    Source: notebook 00.
    """
    if not isinstance(data, str | Path):
        raise TypeError(f"data must be a path, a string or a pathlib.Path, got {data!r:.80}")
    data = Path(data)
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
    attempts: list[Callable[[], object]] = [
        partial(load_mnist, data / "mnist"),
        partial(load_text, data / "text"),
    ]
    stored = [*product(MODELS, SEEDS), *product(DECODERS, DECODER_SEEDS)]
    attempts += [partial(load_pretrained, name, seed, data / "checkpoints") for name, seed in stored]
    for attempt in attempts:
        try:
            attempt()
        except (FileNotFoundError, ValueError) as error:
            found.append(f"{error}.")
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads is not None and threads.isdigit() and int(threads) > (os.cpu_count() or 1):
        found.append(
            f"OMP_NUM_THREADS asks for {threads} threads, this machine has {os.cpu_count()} cores, so all"
            " will be slow; unset it."
        )
    return found

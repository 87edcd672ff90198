"""The check of the set-up: silent when all is in place, and in words, one sentence a problem, when it is
not.
"""

import io
import os
import shutil
from importlib import metadata
from pathlib import Path

import pytest
from safetensors import safe_open

from prunelab import environment
from prunelab.data import DATA
from prunelab.storage import files


@pytest.fixture
def complete(tmp_path):
    """A copy of the data folder."""
    return shutil.copytree(DATA, tmp_path / "data")


def test_nothing_is_wrong_in_this_checkout():
    assert environment.problems() == []


def test_a_learner_needs_the_course_but_not_the_tools_for_grading():
    names = {r.name for r in environment.requirements()}
    assert {"torch", "jupyterlab", "ipywidgets"} <= names
    assert not names & {"nbgrader", "pytest", "sphinx"}


def test_versions_are_those_installed_without_the_build():
    versions = environment.versions()
    assert versions["torch"] == metadata.version("torch").split("+")[0]
    assert "+" not in "".join(versions.values())


MISSING = [
    "mnist/t10k-labels-idx1-ubyte.gz",
    "text/plrabn12.txt",
    "checkpoints/lenet5-seed0.json",
    "checkpoints/lenet5_caffe-seed4.safetensors",
    "checkpoints/decoder_fifth-seed2.safetensors",
    "checkpoints/capstone-seed0.safetensors",
    "checkpoints/llama-seed1/config.json",
    "checkpoints/llama-seed2/model.safetensors",
    "crepe/crepe-tiny.safetensors",
    "crepe/crepe-pruned.json",
    "records/lenet300-250x-shifts-seed2.safetensors",
    "records/han-lenet5_caffe-seed0.safetensors",
    "results/concepts.json",
    "results/scoreboard.json",
]


def test_each_missing_file_is_named(complete):
    for name in MISSING:
        (complete / name).unlink()
    found = environment.problems(complete)
    assert len(found) == len(MISSING)
    for name in MISSING:
        assert sum(f"{complete / name} is missing" in problem for problem in found) == 1, name


def test_every_stored_file_is_read(complete, monkeypatch):
    """Each file of the data folder is opened, but for what is there to be read by people."""
    opened, real = set(), io.open

    def watched(file, *arguments, **options):
        opened.add(Path(file) if isinstance(file, str | Path) else None)
        return real(file, *arguments, **options)

    def mapped(path, **options):
        opened.add(Path(path))
        return safe_open(path, **options)

    monkeypatch.setattr(io, "open", watched)  # what pathlib calls
    monkeypatch.setattr(files, "safe_open", mapped)  # what reads a sparse file
    assert environment.problems(complete) == []
    stored = {path for path in complete.rglob("*") if path.suffix != ".md" and path.is_file()}
    assert {path.relative_to(complete).as_posix() for path in stored - opened} == {"crepe/LICENSE"}


def test_altered_files_are_named_with_their_checksum(complete):
    names = ("mnist/t10k-labels-idx1-ubyte.gz", "crepe/crepe-tiny.safetensors")
    for name in names:
        (complete / name).write_bytes((complete / name).read_bytes()[:-1])
    found = environment.problems(complete)
    assert len(found) == 2
    for name, problem in zip(names, found, strict=True):
        assert f"{Path(name).name} is truncated or altered" in problem and "expected" in problem


def test_a_missing_and_an_outdated_package_are_named(monkeypatch):
    real = metadata.version

    def version(name):
        if name == "tqdm":
            raise metadata.PackageNotFoundError(name)
        return "0.1" if name == "torchsummary" else real(name)

    monkeypatch.setattr(metadata, "version", version)
    found = environment.problems()
    assert [f for f in found if "torchsummary is 0.1, the course needs >=1.5" in f and "make lab" in f]
    assert [f for f in found if "The package tqdm is not installed" in f and "make lab" in f]
    assert len(found) == 2


def test_too_many_threads_are_named(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", str((os.cpu_count() or 1) + 1))
    assert ["OMP_NUM_THREADS" in f for f in environment.problems()] == [True]

"""The check of the set-up: silent when all is in place, and in words, one sentence a problem, when it is
not.
"""

import os
import shutil
from importlib import metadata

import pytest

from prunelab import environment
from prunelab.data import DATA


@pytest.fixture
def empty(tmp_path):
    """A data folder with MNIST, the books and no checkpoint."""
    for name in ("mnist", "text"):
        shutil.copytree(DATA / name, tmp_path / name)
    (tmp_path / "checkpoints").mkdir()
    return tmp_path


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


def test_each_missing_checkpoint_is_named(empty):
    found = environment.problems(empty)
    assert len(found) == 26
    assert "lenet5-seed0.json is missing; restore it with git" in found[0]


def test_an_altered_file_is_named_with_its_checksum(empty):
    labels = empty / "mnist" / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(labels.read_bytes()[:-1])
    shutil.copytree(DATA / "checkpoints", empty / "checkpoints", dirs_exist_ok=True)
    found = environment.problems(empty)
    assert len(found) == 1
    assert "t10k-labels-idx1-ubyte.gz is truncated or altered" in found[0] and "expected" in found[0]


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

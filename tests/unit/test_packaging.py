"""One list of packages, one list of pins, one table of chapters: the files that repeat each other agree."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import prunelab
from scripts import contents, pins, threads
from scripts.notebooks import NOTEBOOKS, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = [
    line
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
PINS = dict(line.split("==") for line in LINES)
DECLARED = [
    Requirement(text)
    for group in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for text in group
]


def test_requirements_are_exact_versions_and_nothing_else():
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line) for line in LINES), (
        "no local tags, options, addresses or ranges"
    )
    assert list(PINS) == sorted(PINS)
    assert not [name for name in PINS if pins.CUDA_ONLY.match(name)], (
        "the CPU build must satisfy the pins too"
    )


@pytest.mark.parametrize("requirement", [r for r in DECLARED if r.name != "prunelab"], ids=str)
def test_every_package_is_pinned_to_a_version_it_allows(requirement):
    name = canonicalize_name(requirement.name)
    assert name in PINS, f"run `make pins`: {name} has no pin"
    assert requirement.specifier.contains(PINS[name])


def test_pins_are_the_versions_in_use():
    def installed(name):
        try:
            return Version(version(name)).public
        except PackageNotFoundError:
            return None

    differing = {
        name: (pin, installed(name)) for name, pin in PINS.items() if installed(name) not in (pin, None)
    }
    assert not differing, "(pinned, installed): stored outputs belong to the pinned versions"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems need a few packages more")
def test_everything_installed_is_pinned():
    assert set(pins.installed()) <= set(PINS), "run `make pins`"


def test_teaching_tools_stay_out_of_the_learners_lab():
    lab, tests = pins.installed(extra=""), pins.installed()
    for tool in ("nbgrader", "pytest", "playwright", "sphinx"):
        assert tool not in lab, f"{tool} is installed by `make lab`"
        assert tool in tests


def test_environment_installs_through_the_two_files():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, installs = environment["dependencies"]
    assert pip == "pip" and installs == {"pip": ["-c requirements.txt", "-e ."]}
    assert python == PROJECT["requires-python"].replace(">=", "python=")
    assert environment["variables"] == threads.WAITING


def test_kernels_have_threads_that_sleep_while_they_wait():
    """The tests' own environment, the laboratory's and the scripts': the same value, set before torch."""
    assert {name: os.environ[name] for name in threads.WAITING} == threads.WAITING
    for name in ("lab", "notebooks"):
        assert "\n    sleep_while_waiting()\n" in (ROOT / "scripts" / f"{name}.py").read_text(
            encoding="utf-8"
        )


def test_annotations_are_packaged():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert setuptools["package-data"] == {"prunelab": ["py.typed"]} and (ROOT / "prunelab/py.typed").is_file()


def test_versions_agree():
    assert prunelab.__version__ == PROJECT["version"]
    assert f"version: {PROJECT['version']}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_readme_lists_the_chapters_with_their_minutes():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert contents.updated(text) == text, "run `make contents`"
    listed = contents.chapters(text)
    assert len(listed) >= 18 and listed == sorted(set(listed))
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} - {"capstone"} <= set(listed), (
        "the capstone is a template, no chapter"
    )


def test_readme_example_runs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", text, re.S)[1].replace(
        "mnist.train, epochs=2", "mnist.valid, epochs=1"
    )
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    zeros, percent = map(float, done.stdout.split())
    assert abs(zeros - 0.9) < 1e-4 and percent > 50


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this system")
def test_make_lists_its_targets():
    listed = subprocess.run(["make"], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    targets = set(
        re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)[1].split()
    )
    assert {target for target in targets if re.search(rf"^make {target}\b", listed, re.M)} == targets - {
        "help",
        "setup-lab",
        "setup-test",
    }


def test_no_file_names_a_package_index():
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [
        ROOT / name
        for name in listed.stdout.splitlines()
        if re.search(r"\.(md|txt|toml|yml|cfg|py)$|Makefile$|run$", name)
    ]
    naming = [
        path
        for path in paths
        if path.is_file()
        and re.search(r"(index-url|trusted-host|find-links)[ =]+http", path.read_text(encoding="utf-8"))
    ]
    assert not naming


def test_the_figures_come_without_what_they_do_not_need():
    code = (
        "import sys, torch; before = set(sys.modules); import prunelab.plot;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before});"
        "print(*(name for name in ('prunelab.capstone', 'prunelab.surgery') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    packages, ours = done.stdout.split("\n")[:2]
    assert {"prunelab", "matplotlib"} <= set(packages.split())
    assert not {"scipy", "pandas", "IPython", "ipywidgets", "transformers", "onnxruntime"} & set(
        packages.split()
    )
    assert ours == "", "every notebook would wait for them"

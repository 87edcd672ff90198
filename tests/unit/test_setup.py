"""The set-up: nothing the second time, afresh after an interruption, and a message that says what to do.

Virtual environments and pip are replaced by small programs: what is tested is when they are called, and what
is said."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import setup

FAKE_PYTHON = """#!/bin/sh
if [ "$1" = -c ]; then exit ${HEALTH:-0}; fi
echo "$@" >> "$CALLS"
if [ -n "$PIP_SAYS" ]; then echo "$PIP_SAYS" >&2; exit 1; fi
if [ -n "$KILLED" ]; then kill -9 $PPID; fi
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell stands in for Python")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a project folder whose .venv is made by a stand-in; ``pip_calls`` lists what pip was asked
    for.
    """
    for name in ("pyproject.toml", "requirements.txt"):
        shutil.copy(setup.ROOT / name, tmp_path / name)
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(setup, "UNFINISHED", tmp_path / ".venv" / "unfinished")
    monkeypatch.setattr(setup, "SPACE", {"cuda": (0, 0), "cpu": (0, 0)})
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    for name in ("PIP_OPTIONS", "PIP_SAYS", "KILLED", "HEALTH"):
        monkeypatch.delenv(name, raising=False)
    run = subprocess.run

    def make_venv(command, **kwargs):
        if command[1:3] != ["-m", "venv"]:
            return run(command, **kwargs)
        python = Path(command[3]) / "bin" / "python"
        python.parent.mkdir()
        python.write_text(FAKE_PYTHON)
        python.chmod(0o755)
        (Path(command[3]) / "pyvenv.cfg").touch()

    monkeypatch.setattr(setup.subprocess, "run", make_venv)
    return tmp_path


def pip_calls(project):
    calls = project / "calls"
    return calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []


def test_installs_once_with_the_pins(project):
    setup.main("lab")
    setup.main("lab")
    assert pip_calls(project) == ["-m pip install --disable-pip-version-check -c requirements.txt -e ."]
    assert not setup.UNFINISHED.exists()


def test_the_learners_set_up_has_no_test_tools_and_the_test_tools_include_it(project):
    setup.main("lab")
    setup.main("test")
    setup.main("test")
    setup.main("lab")
    assert [call.split(" -e ")[1] for call in pip_calls(project)] == [".", ".[test]"]


def test_options_reach_pip(project, monkeypatch):
    monkeypatch.setenv("PIP_OPTIONS", "--no-cache-dir --progress-bar 'off'")
    setup.main("lab")
    assert "--no-cache-dir --progress-bar off -e ." in pip_calls(project)[0]


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements.txt"])
def test_a_change_of_the_lists_is_installed_into_what_is_there(project, name):
    setup.main("lab")
    (project / ".venv" / "here").touch()
    with (project / name).open("a") as file:
        file.write("# changed\n")
    setup.main("lab")
    assert len(pip_calls(project)) == 2 and (project / ".venv" / "here").exists()


def interrupt(project, monkeypatch, what):
    """Run the set-up in a process of its own that is killed in the middle of pip."""
    monkeypatch.setenv("KILLED", "1")
    pid = os.fork()
    if pid == 0:
        setup.main(what)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 9
    monkeypatch.delenv("KILLED")


@pytest.mark.parametrize("what", ["lab", "test"])
def test_an_interrupted_set_up_starts_afresh(project, monkeypatch, capsys, what):
    if what == "test":
        setup.main("lab")
    else:
        setup.create()
    interrupt(project, monkeypatch, what)
    half = project / ".venv" / "half a package"
    half.touch()
    assert not setup.done("lab") and not setup.done("test")
    setup.main(what)
    assert not half.exists() and setup.done(what)
    assert not (project / ".venv.old").exists()
    assert "starting afresh" in capsys.readouterr().out


def test_a_venv_whose_python_is_gone_starts_afresh(project):
    setup.main("lab")
    setup.venv_python().unlink()
    setup.main("lab")
    assert len(pip_calls(project)) == 2


def test_a_moved_project_is_set_up_again(project, monkeypatch):
    setup.main("lab")
    monkeypatch.setattr(setup, "ROOT", project / ".venv" / "..")
    assert not setup.done("lab")


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (
            "WARNING: Retrying ... NewConnectionError(...): Temporary failure in name resolution",
            "Set-up needs the network, once",
        ),
        (
            "ERROR: Could not find a version that satisfies the requirement torch (from versions: none)",
            "Set-up needs the network, once",
        ),
        ("ERROR: [Errno 28] No space left on device", "The disk is full"),
        ("ERROR: ResolutionImpossible", "its message is above"),
    ],
)
def test_what_pip_says_is_explained(project, monkeypatch, says, message):
    monkeypatch.setenv("PIP_SAYS", says)
    with pytest.raises(SystemExit, match=message):
        setup.main("lab")
    assert not setup.done("lab")
    monkeypatch.delenv("PIP_SAYS")
    setup.main("lab")
    assert setup.done("lab")


def test_an_old_python_is_told_what_to_do(project, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit, match=r"Python 3.11 or newer is needed(.|\n)*make lab PYTHON=python3.12"):
        setup.main("lab")
    assert not setup.VENV.exists()


def test_too_little_space_is_found_before_anything_is_written(project, monkeypatch):
    monkeypatch.setattr(setup, "SPACE", {"cuda": (7, 10**9), "cpu": (2, 10**9)})
    with pytest.raises(
        SystemExit, match=r"Set-up needs about 10000000\d\d GB of free disk space \(\d for .venv"
    ):
        setup.main("lab")
    assert not setup.VENV.exists()


def test_the_script_needs_only_the_standard_library_of_an_old_python():
    """Compiled with the grammar of 3.7: an old Python must get the message, not a SyntaxError."""
    import ast

    ast.parse(Path(setup.__file__).read_text(encoding="utf-8"), feature_version=(3, 7))

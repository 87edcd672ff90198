"""Set up ``.venv`` with the pinned versions; does nothing when that has been done.

    python3 scripts/setup.py lab      the course (make lab)
    python3 scripts/setup.py test     the course and the tests' and maintainers' tools (make test)

Only the standard library is used, and the syntax of old Pythons, so that an old Python gets a message instead
of an error. A stamp is written when everything is installed. As long as a set-up is unfinished, a marker lies
in ``.venv``: an interrupted set-up starts afresh, because pip cannot mend a package of which half was
unpacked (what was downloaded is still in pip's cache)."""

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
UNFINISHED = VENV / "unfinished"
EXTRAS = {"lab": ".", "test": ".[test]"}
OLDEST = (3, 11)
GB = 10**9
# GB for .venv and for pip's cache of downloads, with each build of torch
SPACE = {
    "cuda": (7, 4),
    "cpu": (2, 1),
}
# JupyterLab neither asks about news nor looks for updates: the course works offline
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"}
}
NETWORK_SIGNS = (
    "NewConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "name resolution",
    "ProxyError",
    "unreachable",
    "Connection broken",
    "Connection refused",
    "SSLError",
    "from versions: none",
)


def stop(message):
    sys.exit("\n" + message)


def venv_python():
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def stamp(what):
    return VENV / ("set-up-" + what)


def fingerprint():
    """Return what a finished set-up depends on: the two lists of packages and the folder (a moved .venv does
    not work).
    """
    digest = hashlib.sha256(str(ROOT).encode())
    for name in ("pyproject.toml", "requirements.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def done(what):
    wanted = fingerprint()
    names = ("lab", "test") if what == "lab" else ("test",)  # the test tools include the course
    finished = any(
        stamp(name).is_file() and stamp(name).read_text(encoding="utf-8") == wanted for name in names
    )
    return finished and not UNFINISHED.exists() and venv_python().exists()


def check_python():
    if sys.version_info < OLDEST:
        stop(
            f"Python 3.11 or newer is needed; {sys.executable} is {platform.python_version()}.\n"
            "Install one (https://www.python.org/downloads/, or your system's package manager) and name it:\n"
            "    make lab PYTHON=python3.12"
        )
    try:
        import ensurepip  # noqa: F401  (Debian and Ubuntu ship it in a package of its own)
    except ImportError:
        stop(
            "This Python cannot make virtual environments. On Debian and Ubuntu: sudo apt install"
            f" python3-venv\n({sys.executable})"
        )


def check_space(options):
    cuda = sys.platform == "linux" and platform.machine() == "x86_64" and "cpu" not in options
    venv, cache = SPACE["cuda" if cuda else "cpu"]
    needed = venv + (0 if "--no-cache-dir" in options else cache)
    free = shutil.disk_usage(str(ROOT)).free / GB
    if free < needed:
        advice = "\nThe CPU build of PyTorch needs much less: the README says how to take it." if cuda else ""
        stop(
            f"Set-up needs about {needed} GB of free disk space ({venv} for .venv, the rest for pip's cache"
            f" of downloads);\nin {ROOT} there are {free:.1f} GB. Free some and run the command"
            f" again.{advice}"
        )


def healthy():
    """Return whether ``.venv`` is there, no set-up of it was interrupted, and it runs a Python that is new
    enough.
    """
    if UNFINISHED.exists() or not (VENV / "pyvenv.cfg").is_file():
        return False
    probe = f"import sys, pip; sys.exit(sys.version_info < {OLDEST})"
    try:
        return subprocess.run([str(venv_python()), "-c", probe], capture_output=True).returncode == 0
    except OSError:
        return False


def create():
    old = VENV.with_name(".venv.old")
    if VENV.exists():
        print("The set-up in .venv was not finished or does not run any more: starting afresh.", flush=True)
        shutil.rmtree(str(old), ignore_errors=True)
        VENV.rename(old)  # at once: half a .venv never looks like a whole one
    shutil.rmtree(str(old), ignore_errors=True)
    VENV.mkdir()
    UNFINISHED.touch()
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)


def install(what, options):
    command = [
        str(venv_python()),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "-c",
        "requirements.txt",
    ]
    command += [*options, "-e", EXTRAS[what]]
    print("Installing into .venv: " + " ".join(command[3:]), flush=True)
    errors = ""
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, errors="replace") as pip:
        for line in pip.stderr:
            sys.stderr.write(line)
            errors += line
    if pip.returncode == 0:
        return
    if "No space left" in errors:
        stop(
            "The disk is full. Free some space (11 GB in all, or 3 GB for the CPU build of PyTorch) and run"
            " the command again."
        )
    if any(sign in errors for sign in NETWORK_SIGNS):
        stop(
            "The package index could not be reached. Set-up needs the network, once; the course itself works"
            " offline.\nCheck the connection (behind a proxy: set HTTPS_PROXY) and run the command again;"
            " what was downloaded is kept."
        )
    stop(
        "pip could not install the packages; its message is above. Run the command again; if it fails again,"
        " report the message."
    )


def main(what):
    if done(what):
        return
    check_python()
    options = shlex.split(os.environ.get("PIP_OPTIONS", ""))
    fresh = not healthy()
    if fresh:
        check_space(" ".join(options))
        create()
    for name in EXTRAS:
        stamp(name).unlink(missing_ok=True)
    UNFINISHED.touch()
    install(what, options)
    settings = VENV / "share" / "jupyter" / "lab" / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "overrides.json").write_text(json.dumps(LAB_SETTINGS, indent=2))
    stamp(what).write_text(fingerprint())
    UNFINISHED.unlink()
    print("Set-up is complete.", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        stop("Interrupted. Run the command again: it mends the set-up.")

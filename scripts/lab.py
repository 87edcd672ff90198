"""Start JupyterLab at the first chapter, as `make lab` does once everything is installed.

    python -m scripts.lab [OPTION ...]

Options are passed on to `jupyter lab`, for example --no-browser
"""

import os
import subprocess
import sys
from pathlib import Path

from scripts.threads import sleep_while_waiting

FIRST = "notebooks/00-start-here.ipynb"
EXTENSIONS = Path(__file__).resolve().parent / "labextensions"


def command(*options: str) -> list[str]:
    """Return the command line that starts JupyterLab, for this machine alone, in the current folder."""
    lab = [
        sys.executable,
        "-m",
        "jupyter",
        "lab",
        "--ip=127.0.0.1",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
    ]
    lab.append(f"--LabServerApp.extra_labextensions_path={EXTENSIONS}")
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return [*lab, *root, *options]


if __name__ == "__main__":
    sleep_while_waiting()
    try:
        sys.exit(subprocess.run(command(*sys.argv[1:])).returncode)
    except KeyboardInterrupt:
        sys.exit(130)

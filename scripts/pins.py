"""Write ``requirements.txt``: the exact versions in this environment of all that ``pyproject.toml`` asks for
(make pins).

The file is used as pip constraints: it installs nothing by itself. Packages that only the CUDA build of torch
brings along are left out, and so are local version tags, so that the CPU build satisfies it too."""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"
CUDA_ONLY = re.compile(r"nvidia-|cuda-|triton")
HEAD = """\
# The exact versions the stored outputs were produced with, used as constraints:
# pip install -c requirements.txt -e .
# Written by `make pins`; pyproject.toml is the list of packages.
"""


def installed(name: str = "prunelab", extra: str = "test") -> dict[str, str]:
    """Return name -> version of everything installed that ``name[extra]`` requires, directly or not, without
    ``name`` itself.
    """
    found: dict[str, str] = {}
    seen = set()
    queue = [(name, extra)]
    while queue:
        package, extra = queue.pop()
        if (package, extra) in seen:
            continue
        seen.add((package, extra))
        try:
            dist = distribution(package)
        except PackageNotFoundError:  # asked for on another platform only
            continue
        found[package] = Version(dist.version).public
        for requirement in map(Requirement, dist.requires or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                queue += [
                    (canonicalize_name(requirement.name), wanted) for wanted in {"", *requirement.extras}
                ]
    return {
        package: found[package]
        for package in sorted(found)
        if package != name and not CUDA_ONLY.match(package)
    }


if __name__ == "__main__":
    REQUIREMENTS.write_text(HEAD + "".join(f"{name}=={version}\n" for name, version in installed().items()))
    print(f"{REQUIREMENTS.name}: {len(installed())} versions")

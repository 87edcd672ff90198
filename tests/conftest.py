"""What several tests share."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

from prunelab.data import Mnist, load_mnist
from scripts import site


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    """MNIST, read once; a test that changes images copies them first."""
    return load_mnist()


@pytest.fixture(scope="session")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The website, to be read only: built once for all processes of a run, or, where the environment names a
    folder SITE, for all runs with that folder (.ci/run).
    """
    own = tmp_path_factory.getbasetemp()
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = Path(os.environ.get("SITE") or run / "site")
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):  # the other processes wait
        if not (folder / "built").exists():
            site.build(folder / "html")
            (folder / "built").touch()
    return folder / "html"

"""What several tests share."""

import pytest

from prunelab.data import Mnist, load_mnist


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    """MNIST, read once; a test that changes images copies them first."""
    return load_mnist()

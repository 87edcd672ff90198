"""One Chromium and one JupyterLab for all browser tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from scripts.browser import PATIENCE, Lab, chromium, find_chromium, new_page, running_lab

expect.set_options(timeout=PATIENCE / 3)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if find_chromium() is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of its own; the kernels started in it are ended afterwards: each holds PyTorch and the data in
    memory.
    """
    opened = new_page(browser)
    yield opened
    opened.context.close()
    if "lab" in request.fixturenames:
        request.getfixturevalue("lab").stop_kernels()

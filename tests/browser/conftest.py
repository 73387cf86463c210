"""Servers and a browser for all browser tests; without a Chromium they are skipped, and say so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import driver
from tests.dashboard.synthetic import make_workspace


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser; a busy machine may miss a deadline once, but not twice.

    ``-p no:rerunfailures`` tries nothing twice; `driver.LATE_VARIABLE` then finds what is not waited for.
    """
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if config.pluginmanager.hasplugin("rerunfailures"):
                item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """240 drawn pictures of 24 dives."""
    if driver.chromium() is None:
        pytest.skip("no Chromium is installed; install one to run the browser tests")
    return make_workspace(tmp_path_factory.mktemp("browser"), 24, 10)


@pytest.fixture(scope="session")
def address(workspace: Path) -> Iterator[str]:
    """The product's server over that workspace."""
    with driver.server(workspace) as found:
        yield found


@pytest.fixture(scope="session")
def gallery_address(workspace: Path) -> Iterator[str]:
    """The gallery alone (`tests.browser.gallery_app`)."""
    with driver.server(workspace, Path(__file__).with_name("gallery_app.py")) as found:
        yield found


@pytest.fixture(scope="session")
def browsers(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[driver.Browsers]:
    """One Chromium; each test asks it for a fresh context."""
    with driver.browsers() as found:
        yield found

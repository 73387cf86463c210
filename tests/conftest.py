"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The suite asks the same questions each time, so that only a change makes it fail;
# HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
os.environ["BENTHOSCOPE_WORKERS_NICE"] = "0"  # workers of tests would wait for the other tests


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and weights beside the repository; a test that needs it skips without it."""
    folder = Path(__file__).resolve().parents[1] / ".." / "shared"
    if not folder.is_dir():
        pytest.skip("the real images in ../shared are not here")
    return folder.resolve()


@pytest.fixture(scope="session")
def taught_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small drawn workspace with a run, two models, an evaluation of each, and predictions of the run."""
    from tests.taught import make_taught

    return make_taught(tmp_path_factory.mktemp("taught"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright keeps an event loop in this thread, beside which no other can run."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)

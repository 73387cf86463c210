"""A small workspace to decide in, made once and copied for each test."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.workspace import open_workspace
from tests.dashboard.synthetic import make_workspace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory) -> Path:
    return make_workspace(tmp_path_factory.mktemp("review"), 8, 3)


@pytest.fixture
def folder(drawn, tmp_path) -> Path:
    return Path(shutil.copytree(drawn, tmp_path / "workspace"))


@pytest.fixture
def space(folder):
    opened = open_workspace(folder)
    yield opened
    opened.close()


@pytest.fixture
def run(space):
    return space.open_run(2)


@pytest.fixture
def regions(run) -> list[int]:
    return [int(region) for region in run.table["region_id"]]

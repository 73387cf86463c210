"""What the tests of jobs share."""

from __future__ import annotations

import pytest

from core.workspace import open_workspace


@pytest.fixture
def space(tmp_path):
    opened = open_workspace(tmp_path / "ws")
    yield opened
    opened.close()

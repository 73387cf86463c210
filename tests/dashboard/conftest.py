"""A small workspace for everything that pages read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from dashboard import later, state
from dashboard.theme import theme_for
from tests.dashboard.synthetic import make_workspace


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """AppTest leaves the page it ran as ``__main__``, which worker processes would then try to load again."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(autouse=True)
def all_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages wait for whatever they show: these drivers look once."""
    monkeypatch.setattr(later, "PATIENCE", 240.0)


@pytest.fixture(scope="session")
def workspace_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs over 96 drawn pictures; number 2 over whole images, number 1 over parts of them."""
    return make_workspace(tmp_path_factory.mktemp("drawn"))


@pytest.fixture
def served(workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The small workspace as the one that the server shows."""
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(workspace_folder))
    yield workspace_folder
    st.cache_resource.clear()


@pytest.fixture
def view(served: Path) -> state.View:
    """What a page draws from, in the light theme."""
    space = state.workspace()
    runs = tuple(space.runs())
    return state.View(space, runs, state.open_run(space, runs[0]), theme_for("light", None))

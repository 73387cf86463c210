"""The demonstration, start to end, small: it is made once, reused, and never removes what is not its own."""

from __future__ import annotations

import pytest

from core.errors import WorkspaceError
from core.learn.models import list_models
from core.progress import silent
from core.showcase import RUNS, prepare_demo
from core.workspace import open_workspace


def prepare(folder, **changes):
    said = []
    options = {"frames": 120, "seed": 0, "reset": False, "workers": 2, "actor": "tester"}
    outcome = prepare_demo(folder, **(options | changes), say=said.append, progress_for=lambda stage, unit: silent)
    return outcome, said


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "ws"
    outcome, said = prepare(folder)
    return folder, outcome, said


def test_it_ends_in_runs_that_can_be_opened(demo):
    folder, outcome, said = demo
    workspace = open_workspace(folder, create=False)
    assert [info.name for info in workspace.runs()] == list(reversed(RUNS))
    assert outcome.info.name == list(RUNS)[-1]
    table = workspace.open_run(outcome.info.id).table
    assert len(table) == 120
    assert table["depth_m"].notna().all()
    assert table["concepts"].map(len).sum() > 0
    assert len(said) == 2 + len(RUNS)
    workspace.close()


def test_a_demonstration_too_small_to_learn_from_says_so_and_goes_on(demo):
    folder, _, said = demo
    workspace = open_workspace(folder, create=False)
    assert list_models(workspace) == []
    assert "no model was trained" in said[-1]
    workspace.close()


def test_a_second_time_it_is_reused(demo):
    folder, outcome, _ = demo
    again, _ = prepare(folder)
    assert again.reused
    assert again.info.id == outcome.info.id


def test_reset_removes_a_demonstration_and_nothing_else(tmp_path):
    precious = tmp_path / "photos"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    for reset in (True, False):
        with pytest.raises(WorkspaceError):
            prepare(precious, reset=reset)
    assert (precious / "thesis.txt").read_text() == "years of work"

"""An exported table opens again as table, map and gallery, without its run or images."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.jobs.doing import outputs_folder
from core.publish.reopening import images_here, reopen
from core.publish.writing import make
from dashboard import reopened, state
from dashboard.theme import theme_for
from tests.dashboard.synthetic import HOSTILE


@pytest.fixture
def space(workspace_folder, tmp_path, monkeypatch):
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(shutil.copytree(workspace_folder, Path(tmp_path) / "w")))
    yield state.workspace()
    st.cache_resource.clear()


def exported(space, kind: str) -> bytes:
    run = space.open_run(2)
    return make(space, run, kind, np.arange(len(run.table))).files[f"regions.{kind}"]


def drawn(app: AppTest) -> str:
    return "".join(str(node.proto) for node in app.main)


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_an_output_opens_as_table_map_and_gallery(space, kind):
    folder = outputs_folder(space.root)
    folder.mkdir()
    (folder / f"000001-run2-regions.{kind}").write_bytes(exported(space, kind))
    app = AppTest.from_file(str(Path(__file__).with_name("reopened_script.py")), default_timeout=240).run()
    app.button(key=f"reopen_000001-run2-regions.{kind}").click().run()
    assert not app.exception
    table = app.dataframe[0].value
    assert len(table) == len(space.open_run(2).table)
    assert "From run 2" in drawn(app)
    app.segmented_control(key="reopen_way").set_value("Map").run()
    assert not app.exception
    assert "Draw a box or a lasso" in drawn(app)
    app.text_input(key="reopen_condition").set_value("flagged=true").run()
    app.segmented_control(key="reopen_way").set_value("Gallery").run()
    assert not app.exception
    flagged = int(space.open_run(2).table["flagged"].sum())
    assert f"{flagged} pictures, the strangest first" in drawn(app)
    assert "/bs/thumb/" in drawn(app)
    app.text_input(key="reopen_condition").set_value("depht<3").run()
    assert not app.exception
    assert "depht" in drawn(app)
    app.button(key="reopen_close").click().run()
    assert "From run 2" not in drawn(app)


def test_without_the_images_words_stand_for_them_and_stay_words(space, tmp_path):
    from core.workspace import open_workspace

    table = reopen(exported(space, "csv"), "t.csv").table
    elsewhere = open_workspace(tmp_path / "elsewhere")
    here = images_here(elsewhere.database, table["content_hash"].tolist())
    elsewhere.close()
    assert here == {}
    html = reopened.shots(table, here)
    assert html.count("<figure") == len(table)
    assert "<img" not in html  # neither thumbnails nor the file that is named like one
    assert HOSTILE.replace("<", "&lt;").replace(">", "&gt;") in html
    assert "&lt;b&gt;bold&lt;/b&gt; sponge" in html
    assert "score 0." in html


def test_the_map_has_every_row_once_and_knows_its_number(space):
    table = reopen(exported(space, "json"), "t.json").table
    for name in ("cluster", "flagged", "depth", "concept"):
        figure = reopened.map_figure(table, np.arange(len(table)), name, theme_for("dark", None))
        numbers = np.concatenate([np.asarray(trace.customdata).ravel() for trace in figure.data])
        assert sorted(numbers.tolist()) == np.flatnonzero(table["x"].notna()).tolist()
        trace = figure.data[0]
        row = int(np.asarray(trace.customdata).ravel()[0])
        assert trace.x[0] == table["x"].iloc[row]

"""Browse: the URL holds the selection, every widget writes it there, and a run may lack anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import streamlit

from core.catalogue.regions import dataset_ids, region_table
from core.settings import RegionSettings, RunSettings
from core.workspace import open_workspace
from dashboard import choosing, parts, selecting, state
from dashboard.selecting import Selection
from tests.dashboard.synthetic import HOSTILE, invented, make_workspace, write_run
from tests.dashboard.test_pages import opened, said


@pytest.fixture(scope="module")
def bare_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose newest run has no depth, no scores, no labels and no flags."""
    folder = make_workspace(tmp_path_factory.mktemp("bare"), 2, 3, parts=False)
    space = open_workspace(folder)
    rows = region_table(space.database, dataset_ids(space.database, ["drawn"]), RegionSettings())
    table, flag = invented(rows, np.ones(len(rows), dtype=bool))
    for column in ("depth_m", "ood_score", "ood_percentile", "p_value"):
        table[column] = np.nan
    table["flagged"], table["labelled"], table["concepts"] = False, False, [[] for _ in range(len(table))]
    write_run(space, RunSettings(("drawn",)), "Bare", table, flag)
    space.close()
    return folder


@pytest.fixture
def bare(bare_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(bare_folder))
    yield
    streamlit.cache_resource.clear()


def expected(view: state.View, selection: Selection) -> str:
    return choosing.count_sentence(selecting.find(choosing.index(view.run), selection))


def test_a_link_reopens_the_same_view(served, view):
    app = opened("browse", set="target", depth="900..1200", site=["canyon", "plain"], sort="deep")
    assert not app.exception
    wanted = Selection({"set": ("target",), "site": ("canyon", "plain")}, {"depth": (900.0, 1200.0)})
    assert expected(view, wanted) in said(app)
    assert "pictures are shown" in said(app)
    assert app.multiselect("facet_site").value == ["canyon", "plain"]
    assert app.slider("facet_depth").value == (900.0, 1200.0)
    assert app.selectbox("sort_box").value == "deep"
    assert [item.key for item in app.button if (item.key or "").startswith("chip_")] == [
        *(f"chip_{n}" for n in range(4)),
        "chip_all",
    ]


def test_facets_write_the_address_and_chips_take_it_away(served, view):
    app = opened("browse")
    app.multiselect("facet_camera").select("cam B").run()
    app.slider("facet_depth").set_range(600.0, 900.0).run()
    app.text_input("facet_file").set_value("dive").run()
    app.selectbox("sort_box").select("file").run()
    assert not app.exception
    address = {name: app.query_params[name] for name in ("camera", "depth", "file", "sort")}
    assert address == {"camera": "cam B", "depth": "600..900", "file": "dive", "sort": "file"}
    assert expected(view, selecting.from_query({n: [v] for n, v in address.items()})) in said(app)
    app.button("chip_0").click().run()
    assert "camera" not in app.query_params
    app.button("chip_all").click().run()
    assert set(app.query_params) == {"run", "sort"}
    assert "All 96 pictures are shown" in said(app)


def test_counts_of_the_facets_follow_each_other(served):
    app = opened("browse")
    before = app.multiselect("facet_site").options
    app.multiselect("facet_camera").select("cam B").run()
    assert app.multiselect("facet_site").options != before
    assert sum(int(option.rpartition("(")[2].rstrip(")")) for option in app.multiselect("facet_site").options) == sum(
        int(option.rpartition("(")[2].rstrip(")")) for option in app.multiselect("facet_set").options
    )


def test_going_to_another_page_and_back_keeps_the_selection(served):
    app = opened("browse", site="ridge")
    app.session_state["selection_page"] = "outliers"
    del app.query_params["site"]
    app.run()
    assert app.query_params["site"] == "ridge"
    del app.query_params["site"]  # on the page itself nobody writes it back
    app.run()
    assert "site" not in app.query_params


def test_strangers_names_are_text_on_chips_and_in_facets(served):
    app = opened("browse", file=HOSTILE, concept="<b>bold</b> sponge")
    assert not app.exception
    labels = [item.label for item in app.button if (item.key or "").startswith("chip_")]
    assert "Concept: <b>bold</b> sponge" in [label.replace("\\", "") for label in labels]
    assert not [label for label in labels if "<b>" in label]


@pytest.mark.parametrize("text", ["[a](http://b)", "**a** `b` :red[c] $d$ _e_ ~f~", "a\\b #1 <i>"])
def test_unmarked_text_escapes_every_mark(text):
    shown = parts.unmarked(text)
    assert all(shown[i - 1] == "\\" for i, letter in enumerate(shown) if letter in "[]()*`:$_~#<>")


@pytest.mark.parametrize("query", [{}, {"depth": "0..10"}, {"sort": "deep"}, {"flagged": "yes"}])
def test_a_run_without_depth_and_scores_can_be_browsed(bare, query):
    app = opened("browse", **query)
    assert not app.exception
    assert "bs-empty" not in said(app)
    assert not [item for item in app.slider if item.key in ("facet_depth", "facet_score")]
    if "depth" in query:
        assert "0 of 6 pictures are shown. 6 that meet everything else have no depth." in said(app)

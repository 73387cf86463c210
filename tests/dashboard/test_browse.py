"""Browse: the URL holds the selection, every widget writes it there, and a run may lack anything."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import streamlit

from core.catalogue.regions import dataset_ids, region_table
from core.settings import RegionSettings, RunSettings
from core.workspace import open_workspace
from dashboard import choosing, faceting, likeness, parts, state
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
    return choosing.count_sentence(choosing.found(view.run, selection))


def column(app) -> dict:
    """What the column of facets was sent."""
    (found,) = (
        json.loads(item.proto.json)
        for item in app.get("bidi_component")
        if item.proto.component_name.endswith("facets")
    )
    return found


def test_a_link_reopens_the_same_view(served, view):
    app = opened(
        "browse", set="target", depth="900..1200", site=["canyon", "plain"], sort="deep", time="2021-05-01..2022-01-01"
    )
    assert not app.exception
    moments = (1619827200.0, 1640995200.0)
    wanted = Selection({"set": ("target",), "site": ("canyon", "plain")}, {"depth": (900.0, 1200.0), "time": moments})
    assert expected(view, wanted) in said(app)
    assert "pictures are shown" in said(app)
    sent = column(app)
    site = next(facet for facet in sent["facets"] if facet["name"] == "site")
    assert [value["value"] for value in site["values"] if value["chosen"]] == ["canyon", "plain"]
    assert next(span for span in sent["spans"] if span["name"] == "depth")["ends"] == [900.0, 1200.0]
    assert app.selectbox("sort_box").value == "deep"
    labels = [item.label.replace("\\", "") for item in app.button if (item.key or "").startswith("chip_")]
    assert "Time (UTC): 1 May 2021–1 Jan 2022" in labels
    assert labels[-1] == "Show everything"


def test_chips_take_conditions_away_and_orders_stay(served):
    app = opened("browse", camera="cam B", depth="600..900", file="dive", text="ridge", sort="+brightness")
    app.button("chip_0").click().run()
    assert "camera" not in app.query_params
    app.button("chip_all").click().run()
    assert set(app.query_params) == {"run", "sort"}
    assert "All 96 pictures are shown" in said(app)
    app.selectbox("sort_box").select("file").run()
    assert app.query_params["sort"] == "file"
    assert not app.exception


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"kind": "facet", "name": "site", "values": ["ridge", "ridge", 3]}, Selection({"site": ("ridge",)}, file="x")),
        ({"kind": "facet", "name": "set", "values": []}, Selection(file="x")),
        ({"kind": "span", "name": "depth", "ends": [10, 20.5]}, Selection(spans={"depth": (10.0, 20.5)}, file="x")),
        ({"kind": "span", "name": "depth", "ends": None}, Selection(file="x")),
        ({"kind": "span", "name": "depth", "ends": [20, 10]}, Selection(file="x")),
        ({"kind": "span", "name": "depth", "ends": [float("nan"), "9"]}, Selection(file="x")),
        ({"kind": "text", "name": "text", "value": "  crab "}, Selection(file="x", text="crab")),
        ({"kind": "text", "name": "sort", "value": "crab"}, Selection(file="x")),
        ("nonsense", Selection(file="x")),
        (None, Selection(file="x")),
    ],
)
def test_what_the_browser_asks_for_is_checked(change, wanted):
    assert faceting.changed(Selection(file="x"), change) == wanted


def test_counts_of_the_facets_follow_each_other(served):
    def counts(app, name):
        facet = next(facet for facet in column(app)["facets"] if facet["name"] == name)
        return {value["value"]: value["count"] for value in facet["values"]}

    whole, narrow = opened("browse"), opened("browse", camera="cam B")
    assert counts(whole, "camera") == counts(narrow, "camera")
    assert (
        sum(counts(narrow, "site").values()) == sum(counts(narrow, "set").values()) == counts(whole, "camera")["cam B"]
    )
    assert sum(counts(whole, "set").values()) == 96


def test_saved_selections_are_kept_opened_and_taken_away(workspace_folder, tmp_path, monkeypatch):
    shutil.copytree(workspace_folder, tmp_path / "copy")
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(tmp_path / "copy"))
    app = opened("browse", site="ridge")
    app.text_input("save_name_selection").set_value("the ridge").run()
    app.button("save_do_selection").click().run()
    assert "Saved as “the ridge”" in said(app)
    ridge = re.search(r"(\d+) of 96 pictures", said(app)).group(1)
    app.button("saved_without_1").click().run()  # of what was just saved nothing is left, so of everything
    assert "site" not in app.query_params
    assert f"{96 - int(ridge)} of 96 pictures" in said(app)
    again = opened("browse")
    again.button("saved_open_1").click().run()
    assert again.query_params["saved"] == "1"
    assert f"{ridge} of 96 pictures" in said(again)
    assert "Saved: the ridge" in [item.label.replace("\\", "") for item in again.button]
    other = opened("browse", without="1")
    assert f"{96 - int(ridge)} of 96 pictures" in said(other)
    other.button("saved_off_1").click().run()
    assert not [item for item in other.button if item.key == "saved_open_1"]
    assert f"{96 - int(ridge)} of 96 pictures" in said(other)
    nameless = opened("browse", site="ridge")
    nameless.button("save_do_selection").click().run()
    assert "a selection needs a name" in said(nameless).lower()
    streamlit.cache_resource.clear()


def test_a_list_is_sorted_by_likeness_to_a_picture_that_is_here(served, view):
    region = str(view.run.table["region_id"].iloc[17])
    alike = likeness.distances(view.run, region)
    assert alike.order[0] == 17
    assert alike.distances[17] <= 1e-6
    app = opened("browse", like=region, site="ridge")
    assert not app.exception
    assert "Most alike" in said(app)
    assert likeness.distances(view.run, "u00ff") is None
    assert "no longer kept" in said(opened("browse", like="u00ff"))


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
    assert [span["name"] for span in column(app)["spans"]] == ["time"]
    if "depth" in query:
        assert "0 of 6 pictures are shown. 6 that meet everything else have no depth." in said(app)

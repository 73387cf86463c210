"""Names that people gave to clusters, wherever clusters are told: they follow merges and end with divisions."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import streamlit as st

from core.clusters.grouping import Edit, rows_text
from core.clusters.log import add_edit
from dashboard import called
from dashboard.listings import Listings

ROWS = 8


@pytest.fixture
def run(tmp_path):
    st.cache_resource.clear()
    table = pd.DataFrame({"cluster": [0, 0, 0, 1, 1, 2, 2, -1], "path": [f"{i}.jpg" for i in range(ROWS)]})
    for name in ("box_x", "box_y", "box_w", "box_h"):
        table[name] = np.nan
    table = table.assign(
        region="image", width=4, height=4, image_id=1, region_id=range(ROWS), set="target", flagged=False
    )
    table = table.assign(concepts=[[]] * ROWS, labelled=False, depth_m=np.nan, taken_at=pd.NaT)
    for name in ("dataset", "group", "site", "camera"):
        table[name] = ""
    return SimpleNamespace(table=table, key="k", id=1, info=SimpleNamespace(uid="u"), artefact=lambda name, kind: None)


@pytest.fixture
def space(tmp_path, monkeypatch):
    made = SimpleNamespace(root=tmp_path)
    monkeypatch.setattr(called.state, "workspace", lambda: made)
    return made


def edit(space, run, number, kind, *clusters, **more):
    add_edit(space, run, Edit(str(number), kind, "ada", "2026-01-01", clusters, **more))


def test_a_name_holds_for_the_runs_clusters_that_it_covers_whole(run, space):
    plain = {0: "cluster 0", 1: "cluster 1", 2: "cluster 2"}
    assert called.names(run) == plain
    edit(space, run, 1, "name", 0, name="sponge <b>garden</b>")
    assert called.names(run) == plain | {0: "sponge <b>garden</b>"}
    edit(space, run, 2, "merge", 1, 2)
    assert called.names(run) == {0: "sponge <b>garden</b>", 1: "cluster 3", 2: "cluster 3"}, "as on Clusters"
    edit(space, run, 3, "name", 3, name="crabs")
    assert called.names(run) == {0: "sponge <b>garden</b>", 1: "crabs", 2: "crabs"}
    edit(space, run, 4, "parts", 0, parts=(rows_text(np.array([0, 1])), rows_text(np.array([2]))))
    assert called.names(run) == {1: "crabs", 2: "crabs"}, "a divided cluster goes by its number"
    edit(space, run, 5, "undo")
    assert 0 in called.names(run)


def test_captions_tell_the_name_and_a_new_name_is_a_new_listing(run, space):
    listings = Listings()
    rows = np.array([0, 3, 7])
    before = listings.add(run, rows, ("cluster",))
    assert [one["lines"][-1] for one in before.block(0)] == ["cluster 0", "cluster 1", "noise"]
    edit(space, run, 1, "name", 0, name="sponges")
    after = listings.add(run, rows, ("cluster",))
    assert after.key != before.key, "browsers keep what they fetched under a key"
    assert [one["lines"][-1] for one in after.block(0)] == ["sponges", "cluster 1", "noise"]


def test_words_for_a_number(run):
    assert [called.of(n, {2: "eels"}) for n in (2, 3, -1)] == ["eels", "cluster 3", "noise"]
    assert called.of(None, {}) == "–"

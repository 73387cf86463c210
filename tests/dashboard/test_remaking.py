"""Another map and other clusters: what is asked for, what is said, and that a run of only that stage comes of it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from core.neighbours.recall import GraphRecall
from core.settings import ClusterSettings, ProjectionSettings, RunSettings
from dashboard import map_facts, remaking
from dashboard.remaking import clusters_in_words, projection_in_words
from tests.dashboard.test_pages import opened


def test_settings_in_words():
    assert projection_in_words(ProjectionSettings()) == "UMAP, 15 neighbours, smallest distance 0.1, seed 0"
    quick = ProjectionSettings(method="supervised", fast=True)
    assert projection_in_words(quick).startswith("supervised UMAP, 15 neighbours")
    assert projection_in_words(quick).endswith("quicker layout")
    assert projection_in_words(ProjectionSettings(method="pca")) == "PCA"
    assert clusters_in_words(ClusterSettings()) == "few and large (eom), the smallest 1 % of all, 5 to 50"
    assert clusters_in_words(ClusterSettings(12, 4, "leaf", 0.5)) == (
        "many and small (leaf), the smallest 12 regions, 4 neighbours make a place dense, not split below 0.5"
    )


def test_recall_is_said_where_the_search_was_approximate():
    held = {"recall_all": GraphRecall(0.981, 0.9, 500, 40, 8), "recall_reference": GraphRecall(0.972, 0.9, 500, 40, 8)}
    run = SimpleNamespace(
        artefact=lambda name, kind: held.get(name), graph_reference=SimpleNamespace(indices=np.zeros((3, 5)))
    )
    text = map_facts.search_sentence(run)
    assert "98.1 % of a region's true neighbours" in text
    assert "97.2 % of those in the reference" in text
    assert map_facts.search_sentence(SimpleNamespace(artefact=lambda name, kind: None)) == ""


def _widget(widgets, key):
    return next(widget for widget in widgets if widget.key == key)


def test_the_pages_ask_for_a_run_with_other_settings_of_one_stage_alone(served, monkeypatch):
    asked = []
    monkeypatch.setattr(remaking, "ask", lambda space, kind, title, arguments, key: asked.append((title, arguments)))
    app = opened("map")
    assert _widget(app.button, "remake_map_do").disabled, "nothing was changed yet"
    _widget(app.selectbox, "remake_method").set_value("pca").run()
    _widget(app.button, "remake_map_do").click().run()
    assert not app.exception
    app = opened("clusters")
    assert _widget(app.button, "remake_clusters_do").disabled
    _widget(app.selectbox, "remake_kind").set_value("leaf").run()
    _widget(app.number_input, "remake_smallest").set_value(7).run()
    _widget(app.button, "remake_clusters_do").click().run()
    assert not app.exception
    own = RunSettings.from_json(dict(asked[0][1]["settings"]))
    assert own.projection.method == "pca"
    assert "PCA" in asked[0][0]
    other = RunSettings.from_json(dict(asked[1][1]["settings"]))
    assert other.clusters == ClusterSettings(7, None, "leaf", 0.0)
    assert own.with_(projection=other.projection) == other.with_(clusters=own.clusters)
    assert [arguments["page"] for _, arguments in asked] == ["map", "clusters"]

"""The page of clusters: what it says, naming, merging, cutting, undoing, labelling; and the figures behind it."""

from __future__ import annotations

import numpy as np
import pytest
import streamlit as st

from core.clusters.grouping import Tree
from core.clusters.log import read_edits
from core.clusters.naming import Trait
from core.clusters.sorting import Sorting, SpaceFigures, group_codes
from core.settings import ClusterSettings
from core.space.clusters import cluster
from core.workspace import open_workspace
from dashboard import cluster_figures, clustering, condensed, state
from dashboard.theme import theme_for
from tests.dashboard.synthetic import make_workspace
from tests.dashboard.test_pages import opened, said

LIGHT = theme_for("light", None)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A workspace of its own, since these tests write."""
    folder = make_workspace(tmp_path, 8, 6, parts=False)
    monkeypatch.setenv(state.WORKSPACE_VARIABLE, str(folder))
    yield folder
    st.cache_resource.clear()


def press(app, key):
    return next(button for button in app.button if button.key == key).click().run()


def edits(folder):
    space = open_workspace(folder, create=False)
    try:
        return read_edits(space, space.open_run(1))
    finally:
        space.close()


def test_the_page_tells_what_clusters_sort_by_and_names_them(served):
    app = opened("clusters")
    assert not app.exception
    text = said(app)
    assert "Adjusted mutual information" in text
    assert "not a species" in text
    assert "What sets it apart" in text
    assert "This run kept no tree" in text
    offered = app.selectbox("cluster_shown").options
    assert any("dive" in name or " m" in name for name in offered)
    assert offered[-1] == "noise, in no cluster"


def test_a_link_opens_a_cluster_or_the_noise(served):
    app = opened("clusters", show="-1")
    assert not app.exception
    assert "Noise: " in said(app)
    assert app.selectbox("cluster_shown").value == -1
    assert opened("clusters", show="x<b>").selectbox("cluster_shown").value >= 0


def test_a_name_and_a_merge_are_kept_and_undone(own):
    app = opened("clusters")
    first = app.selectbox("cluster_shown").value
    app.text_input("cluster_actor").set_value("Ann").run()
    app.text_input(f"cluster_name_{first}").set_value("<b>crabs</b>").run()
    assert not app.exception
    assert "&lt;b&gt;crabs&lt;/b&gt;" in said(app)
    assert [(one.kind, one.actor, one.name) for one in edits(own)] == [("name", "Ann", "<b>crabs</b>")]
    count = len(app.selectbox("cluster_shown").options)
    other = app.multiselect(f"cluster_merge_{first}").options
    assert len(other) == count - 2
    wanted = next(number for number in range(9) if number != first)
    app.multiselect(f"cluster_merge_{first}").set_value([wanted]).run()
    press(app, "cluster_do_merge")
    assert not app.exception
    assert len(app.selectbox("cluster_shown").options) == count - 1
    assert "<b>crabs</b>" in app.selectbox("cluster_shown").options[0]
    press(app, "cluster_undo")
    assert len(app.selectbox("cluster_shown").options) == count
    assert [one.kind for one in edits(own)] == ["name", "merge", "undo"]
    reopened = opened("map", colour="cluster")
    assert not reopened.exception


def test_a_whole_cluster_is_labelled_once_a_sample_was_looked_at_and_the_labels_taken_back(own):
    app = opened("clusters")
    number = app.selectbox("cluster_shown").value
    app.text_input("cluster_actor").set_value("Ann").run()
    app.text_input(f"cluster_concept_{number}").set_value("sea <i>cucumber</i>").run()
    assert "95 % interval" in said(app)
    assert next(button for button in app.button if button.key == "cluster_do_label").disabled
    app.checkbox(f"cluster_seen_{number}").set_value(True).run()
    press(app, "cluster_do_label")
    assert not app.exception
    assert " labelled." in said(app)
    space = open_workspace(own, create=False)
    try:
        run = space.open_run(1)
        images = run.table["image_id"].to_numpy()[run.table["cluster"].to_numpy() == number]

        def labelled():
            return [
                any(note.concept == "sea <i>cucumber</i>" for note in space.annotations(int(image))) for image in images
            ]

        assert all(labelled())
        app = opened("clusters")  # another visit: the labels can still be taken back by who gave them
        assert "cluster_unlabel" not in [button.key for button in app.button]
        app.text_input("cluster_actor").set_value("Ann").run()
        press(app, "cluster_unlabel")
        assert not any(labelled())
    finally:
        space.close()


def test_the_two_spaces_are_compared_on_request(served):
    app = opened("clusters")
    next(toggle for toggle in app.toggle if toggle.key == "cluster_spaces").set_value(True).run()
    assert not app.exception
    assert "By the map alone" in said(app)


def test_the_tree_is_drawn_from_the_root_and_every_bar_carries_its_node():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(middle, 0.3, (60, 2)) for middle in ((0, 0), (4, 0), (0, 5), (9, 9))])
    found = cluster(points)
    tree = Tree(found.tree, len(points))
    nodes = {number: int(node) for number, node in enumerate(found.nodes)}
    names = {number: f"<b>{number}</b>" for number in nodes}
    drawn = condensed.bars(tree, list(nodes.values()))
    figure = condensed.figure(drawn, nodes, names, LIGHT)
    bars = next(trace for trace in figure.data if trace.type == "bar")
    assert set(nodes.values()) <= set(bars.customdata)
    assert bars.customdata[0] == len(points)
    assert (np.array(bars.y) > 0).all()
    assert all("<b>" not in text for text in bars.hovertext)
    for bar in drawn:
        assert 0 < bar.size <= len(points)
        assert bar.birth <= bar.death


def test_of_a_large_tree_the_largest_clusters_are_drawn_and_where_their_ways_part():
    rng = np.random.default_rng(0)
    middles = rng.uniform(0, 60, (90, 2))
    points = np.concatenate([rng.normal(middle, 0.3, (10 + place, 2)) for place, middle in enumerate(middles)])
    found = cluster(points, ClusterSettings(min_cluster_size=5, min_samples=3))
    tree, nodes = Tree(found.tree, len(points)), found.nodes.tolist()
    drawn = condensed.bars(tree, nodes)
    assert len(tree.parents) > condensed.MOST_BARS >= len(drawn)
    assert drawn[0].node == len(points)
    assert [bar.node for bar in drawn].count(drawn[0].node) == 1
    kept = {bar.node for bar in drawn} & set(nodes)
    assert kept == set(nodes[: condensed.MOST_CLUSTERS])  # clusters are numbered by size
    by_node = {bar.node: bar for bar in drawn}
    for bar in drawn[1:]:
        over = by_node[bar.above]
        assert over.size > bar.size
        assert over.death <= bar.birth
        below = [other for other in drawn if other.above == bar.node]
        assert len(below) != 1 or below[0].node in kept
        assert bar.node in kept or below, "a way that leads nowhere"


def test_a_composition_has_both_sides():
    figure = cluster_figures.composition([Trait("concept", "<b>crab", 0.9, 0.1, 1.0)], LIGHT)
    assert [list(trace.x) for trace in figure.data] == [[0.1], [0.9]]
    assert figure.data[0].y[0] == "&lt;b&gt;crab"


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ((0.2, 0.6, 10, 10), "sort by dive more than by species"),
        ((0.6, 0.2, 10, 10), "by what is seen more"),
        ((0.4, 0.42, 10, 10), "cannot tell the two apart"),
        ((float("nan"), float("nan"), 0, 0), "nothing says what the clusters sort by"),
        ((0.5, float("nan"), 10, 0), "agreement with concepts 0.50"),
    ],
)
def test_the_note_on_what_clusters_sort_by(figures, words):
    assert words in " ".join(clustering.sorting_sentences(Sorting(*figures)))


def test_low_figures_of_the_spaces_are_told_what_they_mean():
    fine = SpaceFigures(0.8, 0.9, 22)
    low = SpaceFigures(0.058, 0.44, 22)
    text = " ".join(clustering.space_sentences({"embedding": low, "projection": fine}))
    assert "right for 5.8 % (every concept counting the same; guessing among 22: 4.5 %)" in text
    assert "hardly ever the same kind" in text
    assert "Below 50 % means" in text
    assert len(clustering.space_sentences({"embedding": fine, "projection": low})) == 2
    none = SpaceFigures(float("nan"), float("nan"), 0)
    assert clustering.space_sentences({"embedding": none, "projection": none}) == [
        "Fewer than two concepts are known and nothing is flagged: there is nothing to compare them by."
    ]


def test_the_list_counts_what_each_cluster_holds(view):
    clusters = clustering.clustered(view)
    table = view.run.table
    labels, groups = clusters.grouping.labels, group_codes(table)
    listed = clustering.listed(clusters.key, clusters, view.run)
    assert listed["number"].tolist() == list(clusters.numbers)
    for line in listed.itertuples():
        members = labels == line.number
        assert line.size == members.sum()
        assert line.share == pytest.approx(members.mean())
        assert line.flagged == pytest.approx(table["flagged"][members].mean())
        assert line.groups == len(set(groups[members].tolist()) - {-1})

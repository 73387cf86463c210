"""The open run once more with another map or other clusters: only those stages are computed, by a job.

The contract: the open run stays as it is; what the new one shares with it is taken from the store; a run that is there
already is shown, not made twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from core.errors import CoreError
from core.settings import ClusterSettings, ProjectionSettings
from dashboard import following, parts, words
from dashboard.boundary import sentence
from dashboard.desk import ask

if TYPE_CHECKING:
    from core.settings import RunSettings
    from dashboard.state import View

METHODS = {
    "umap": "by likeness (UMAP)",
    "supervised": "by likeness and labels (supervised UMAP)",
    "pca": "the two widest axes (PCA)",
}
_BY_COUNT = "1 % of all, 5 to 50"
KINDS = {"eom": "few and large (eom)", "leaf": "many and small (leaf)"}


def another_map(view: View) -> None:
    """The settings of the map, and a new run of only that stage."""
    now = view.run.settings.projection
    with st.expander("Another map of the same regions", key="remake_map"):
        parts.note(
            f"This one: {projection_in_words(now)}. A new map is a new run; embeddings and neighbours are reused."
        )
        left, middle, right = st.columns(3)
        with left:
            method = st.selectbox(
                "Laid out", list(METHODS), list(METHODS).index(now.method), METHODS.__getitem__, key="remake_method"
            )
            fast = st.checkbox("A quicker layout", now.fast, key="remake_fast", disabled=method == "pca")
        with middle:
            near = st.number_input(
                "Neighbours of a point",
                2,
                200,
                now.n_neighbors,
                key="remake_near",
                disabled=method == "pca",
                help="More show the whole, fewer the detail",
            )
            apart = st.number_input(
                "Smallest distance",
                0.0,
                1.0,
                now.min_dist,
                0.05,
                key="remake_apart",
                disabled=method == "pca",
                help="How near points may lie; 0 packs what is alike",
            )
        with right:
            seed = st.number_input("Seed", 0, 2**31, now.seed, key="remake_seed", help="Another seed, another chance")
        if method == "supervised":
            parts.note(
                "Regions with exactly one concept pull together and push others away. Such a map shows the labels as "
                "much as the pictures: it is for looking at what is labelled, not for finding what is new."
            )
        if method != "pca" and int(near) > view.run.settings.neighbours:
            parts.note("So many neighbours were not kept: they are searched again, which takes longer.")
        wished = ProjectionSettings(int(near), float(apart), int(seed), bool(fast), method)
        _make(view, "map", view.run.settings.with_(projection=wished), projection_in_words(wished))


def other_clusters(view: View) -> None:
    """The settings of the clusters, and a new run of only that stage."""
    now = view.run.settings.clusters
    with st.expander("Other clusters of the same map", key="remake_clusters"):
        parts.note(
            f"These: {clusters_in_words(now)}. Other clusters are a new run; everything up to the map is reused."
        )
        left, middle, right = st.columns(3)
        with left:
            method = st.selectbox(
                "Kind", list(KINDS), list(KINDS).index(now.method), KINDS.__getitem__, key="remake_kind"
            )
            epsilon = st.number_input(
                "Do not split below",
                0.0,
                100.0,
                float(now.epsilon),
                0.05,
                key="remake_epsilon",
                help="Clusters closer than this on the map stay one",
            )
        with middle:
            smallest = st.number_input(
                "Smallest cluster",
                2,
                None,
                now.min_cluster_size,
                key="remake_smallest",
                placeholder=_BY_COUNT,
            )
        with right:
            core = st.number_input(
                "Neighbours that make a place dense",
                1,
                None,
                now.min_samples,
                key="remake_core",
                placeholder="as the smallest, at most 10",
                help="More call more regions noise",
            )
        wished = ClusterSettings(_whole(smallest), _whole(core), method, float(epsilon))
        _make(view, "clusters", view.run.settings.with_(clusters=wished), clusters_in_words(wished))


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _make(view: View, page: str, settings: RunSettings, said: str) -> None:
    same = settings == view.run.settings
    title = f"Run {view.run.name}: {said}"
    if st.button(
        "Make it",
        key=f"remake_{page}_do",
        type="primary",
        disabled=same,
        help="It is as the open one: change a setting first" if same else None,
    ):
        arguments: dict[str, Any] = {"settings": settings.to_json(), "name": _name(view.run.name, said), "page": page}
        try:
            ask(view.workspace, "run", title, arguments, key=f"remake_{page}")
        except CoreError as error:
            parts.note(sentence(str(error)))
        else:
            st.rerun()
    following.section(view.workspace, ("run",))


def _name(name: str, said: str) -> str:
    return f"{name.partition(' · ')[0]} · {said}"[:200]


def projection_in_words(settings: ProjectionSettings) -> str:
    """``UMAP, 15 neighbours, smallest distance 0.1, seed 0``."""
    if settings.method == "pca":
        return "PCA"
    kind = "supervised UMAP" if settings.method == "supervised" else "UMAP"
    quick = ", quicker layout" if settings.fast else ""
    near, apart = settings.n_neighbors, f"{settings.min_dist:g}"
    return f"{kind}, {near} neighbours, smallest distance {apart}, seed {settings.seed}{quick}"


def clusters_in_words(settings: ClusterSettings) -> str:
    """``few and large (eom), the smallest 1 % of all, 5 to 50``."""
    smallest = _BY_COUNT if settings.min_cluster_size is None else words.plural(settings.min_cluster_size, "region")
    core = "" if settings.min_samples is None else f", {settings.min_samples} neighbours make a place dense"
    together = f", not split below {settings.epsilon:g}" if settings.epsilon else ""
    return f"{KINDS[settings.method]}, the smallest {smallest}{core}{together}"

"""Clusters: what groups are there?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.artefacts import digest
from core.clusters.naming import commonest
from core.clusters.portraits import edge, representatives
from core.clusters.sorting import group_codes
from dashboard import cluster_figures, cluster_work, clustering, condensed, parts, remaking, words
from dashboard.clustering import Clustered
from dashboard.gallery import gallery
from dashboard.state import View

if TYPE_CHECKING:
    import pandas as pd

NOISE = -1
_NAME_LETTERS = 34
"""Of a cluster's name in the table, which cuts without a word what is longer."""


def page(view: View) -> None:
    """Draw the page."""
    clusters = clustering.clustered(view)
    noise = int((clusters.grouping.labels < 0).sum())
    if not clusters.numbers:
        parts.heading("What groups are there?")
        parts.empty("There are no clusters", "Nothing on this run's map lies close enough together to be a group.")
        with st.container():
            cluster_work.undoing(view, clusters)
        remaking.other_clusters(view)
        return
    parts.heading(
        "What groups are there?",
        f"{words.plural(len(clusters.numbers), 'cluster')} of pictures that lie close together on the map; "
        f"{words.plural(noise, 'region')} in none of them, the noise. A cluster is a group of similar pictures, not a "
        "species.",
    )
    with parts.card("sorting", "Is it sorting species or dives?"):
        for sentence in clustering.sorting_sentences(clustering.sorting(clusters.key, clusters, view.run)):
            parts.note(sentence)
    with parts.pair("clusters") as (left, right):
        with left, parts.card("cluster_list", "Clusters", "Largest first. A click on one shows it below."):
            _list(view, clusters)
        with right:
            _tree(view, clusters)
    number = _choice(clusters, noise)
    if number == NOISE:
        _noise(view, clusters)
    else:
        _detail(view, clusters, number)
    _spaces(view)
    remaking.other_clusters(view)


def _list(view: View, clusters: Clustered) -> None:
    listed = clustering.listed(clusters.key, clusters, view.run)
    shown = listed.drop(columns="number").assign(share=100 * listed["share"], flagged=100 * listed["flagged"])
    shown["name"] = [words.shortened(name, int(_NAME_LETTERS / view.theme.scale)) for name in shown["name"]]
    key = f"cluster_table_{digest(clusters.key)[:12]}"

    def pressed() -> None:
        cells = st.session_state[key]["selection"]["cells"]
        if cells:
            _show(int(listed["number"].iloc[int(cells[0][0])]))

    st.dataframe(
        shown,
        hide_index=True,
        height=round(430 * view.theme.scale),
        key=key,
        on_select=pressed,
        selection_mode="single-cell",
        column_config={
            "name": st.column_config.TextColumn("cluster", width="medium"),
            "size": st.column_config.NumberColumn("regions", format="localized"),
            "share": st.column_config.NumberColumn("share", format="%.1f %%"),
            "flagged": st.column_config.NumberColumn("flagged", format="%.0f %%", help="Share of its regions"),
            "groups": st.column_config.NumberColumn("groups", help="Dives, deployments that it comes from"),
            "persistence": st.column_config.NumberColumn(
                format="%.2f",
                help="How long it lasts as the density rises, 0 to 1; of clusters as the run left them",
            ),
        },
    )
    parts.csv_button("clusters", lambda: listed)


def _tree(view: View, clusters: Clustered) -> None:
    remark = (
        "How groups part as only the densest places are kept. A click on a pale bar cuts there: all of it becomes one "
        "cluster. A click on a coloured one shows that cluster."
    )
    with parts.card("cluster_tree", "The condensed tree", remark):
        if clusters.tree is None:
            parts.note("This run kept no tree.")
            return
        tree = clusters.tree

        def pressed(node: int) -> None:
            own = next((number for number in clusters.numbers if clusters.grouping.nodes.get(number) == node), None)
            if own is None and node >= tree.rows:
                cluster_work.edit(view, "cut", node=node)
            _show(clusters.grouping.next if own is None else own)

        nodes = {number: clusters.grouping.nodes.get(number) for number in clusters.numbers}
        drawn = condensed.bars(tree, [node for node in nodes.values() if node is not None])
        coloured = {bar.node for bar in drawn} & set(nodes.values())
        if len(coloured) < len(nodes):
            parts.note(f"The {len(coloured):,} largest of {len(nodes):,} clusters, and what they part from.")
        parts.clickable_plot(
            condensed.figure(drawn, nodes, clusters.names, view.theme),
            key="tree",
            alt="Condensed tree of the clusters",
            data=lambda: _tree_table(clusters),
            fresh=digest(clusters.key)[:12],
            on_click=pressed,
        )
        if clusters.edits and clusters.edits[-1].kind == "cut":
            cluster_work.undoing(view, clusters, "cluster_undo_cut")


def _tree_table(clusters: Clustered) -> pd.DataFrame:
    import pandas as pd

    assert clusters.tree is not None
    shape = clusters.tree.tree
    inner = shape.child >= clusters.tree.rows
    columns = {"parent": shape.parent, "child": shape.child, "density": shape.density, "size": shape.size}
    return pd.DataFrame({name: values[inner] for name, values in columns.items()})


def _show(number: int) -> None:
    """Look at this cluster from now on."""
    st.query_params["show"] = str(number)


def _choice(clusters: Clustered, noise: int) -> int:
    offered = [*clusters.numbers, *([NOISE] if noise else [])]
    asked = st.query_params.get("show", "")
    wanted = int(asked) if asked.lstrip("-").isdecimal() else offered[0]
    st.session_state["cluster_shown"] = wanted if wanted in offered else offered[0]

    def changed() -> None:
        _show(int(st.session_state["cluster_shown"]))

    def said(number: int) -> str:
        return "noise, in no cluster" if number == NOISE else clusters.names[number]

    with st.container(horizontal=True, vertical_alignment="bottom", key="cluster_choice"):
        chosen: int = st.selectbox("Look at", offered, key="cluster_shown", format_func=said, on_change=changed)
        st.button(
            f"The noise: {words.plural(noise, 'region')}",
            key="cluster_to_noise",
            disabled=not noise or chosen == NOISE,
            on_click=_show,
            args=(NOISE,),
            help="What lies in no cluster, as a list of its own",
        )
    return chosen


def _detail(view: View, clusters: Clustered, number: int) -> None:
    members = clusters.grouping.members(number)
    run, table = view.run, view.run.table
    apart = clusters.apart.get(number, [])
    parts.section(clusters.names[number], _facts(view, clusters, number))
    central = representatives(run.embeddings, members, group_codes(table))
    gallery(view, central, key="cluster_central", label="Pictures that stand for it", layout="rows", tools=False)
    with parts.pair("cluster") as (left, right):
        with left, parts.card("cluster_apart", "What sets it apart", _apart_sentence(apart)):
            known = clustering.traits(run.key, run)
            inside = clusters.grouping.labels == number
            common = [trait for trait in commonest(known, inside, "concept", 6) if trait not in apart]
            said = {trait.text for trait in apart[:6]}
            shown = [*apart[:6], *(trait for trait in common if trait.text not in said)]
            if shown:
                figure = cluster_figures.composition(shown, view.theme)
                parts.plot(figure, key="composition", alt="What the cluster is made of", data=lambda: _table_of(shown))
        with (
            right,
            parts.card("cluster_edge", "At its edge", "Least typical first: what does not belong?"),
        ):
            scores = table["cluster_outlier_score"].to_numpy(dtype=float, na_value=np.nan)
            outlying = edge(scores, members, 40)
            gallery(
                view,
                outlying,
                key="cluster_outlying",
                label="Pictures at its edge",
                height=360,
                captions=("group",),
                extra=[f"outlier score {score:.2f}" for score in scores[outlying]],
            )
    with parts.pair("cluster_do") as (left, right):
        with left:
            cluster_work.arranging(view, clusters, number)
        with right:
            cluster_work.labelling(view, clusters, number)
            cluster_work.kinds(view, clusters, number)
    parts.section(f"All {words.plural(len(members), 'region')}", "Strangest first.")
    scores = table["ood_score"].to_numpy(dtype=float, na_value=np.nan)[members]
    ordered = members[np.argsort(-np.nan_to_num(scores, nan=-1.0), kind="stable")]
    gallery(view, ordered, key="cluster_all", label="All of the cluster", height=460)


def _facts(view: View, clusters: Clustered, number: int) -> str:
    members = clusters.grouping.members(number)
    flagged = view.run.table["flagged"].fillna(False).to_numpy(dtype=bool)[members]
    text = (
        f"{words.plural(len(members), 'region')}, {words.percent(len(members) / len(clusters.grouping.labels))} of all"
    )
    text += f"; {words.percent(float(flagged.mean()))} flagged"
    persistence = clusters.persistence(number)
    if not np.isnan(persistence):
        text += f"; persistence {persistence:.2f} of 1"
    return text + ". Below, the pictures most like its middle, each group taking its turn."


def _apart_sentence(apart: list[clustering.Trait]) -> str:
    if not apart:
        return "Nothing that the catalogue knows sets it apart from the rest; its likeness is in the pictures alone."
    return "Shares of this cluster beside those of all others; what tells most comes first."


def _table_of(traits: list[clustering.Trait]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [{"kind": t.kind, "value": t.text, "inside": t.inside, "others": t.outside} for t in traits],
        columns=["kind", "value", "inside", "others"],
    )


def _noise(view: View, clusters: Clustered) -> None:
    rows = clusters.grouping.members(NOISE)
    parts.section(f"Noise: {words.plural(len(rows), 'region')}", "In no cluster; often what is rare. Strangest first.")
    scores = view.run.table["ood_score"].to_numpy(dtype=float, na_value=np.nan)[rows]
    ordered = rows[np.argsort(-np.nan_to_num(scores, nan=-1.0), kind="stable")]
    gallery(view, ordered, key="cluster_noise", label="Noise", height=560)
    cluster_work.undoing(view, clusters)


def _spaces(view: View) -> None:
    remark = (
        "How well concepts and flagged regions can be told apart by the network's vectors, and by the two coordinates "
        "of the map alone: what the map loses."
    )
    with parts.card("spaces", "The vectors and their map", remark):
        if not st.toggle("Compare them", key="cluster_spaces"):
            return
        found = clustering.spaces(view.run)
        if found is None:
            return
        for sentence in clustering.space_sentences(found):
            parts.note(sentence)

"""Two runs side by side: settings, flags that came and went with their pictures, clusters by overlap."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.between import clusters_between, flags_between, scores_between, settings_between
from core.runs import RunInfo
from dashboard import parts, settings_words, state, words
from dashboard.desk import Desk
from dashboard.gallery import gallery
from dashboard.state import View

MOVED = 24
"""Pictures shown whose place in the order changed most."""


def section(desk: Desk) -> None:
    """Draw the choice and what differs."""
    import pandas as pd

    done = {info.id: info for info in desk.runs if info.state == "done"}
    if len(done) < 2:
        return
    parts.section("Two runs side by side", "Regions that both runs have are compared; flags count in a run's target.")

    def named(number: int) -> str:
        return f"{number} · {done[number].name}"

    with st.container(horizontal=True, vertical_alignment="bottom"):
        ids = list(done)
        first = st.selectbox("First", ids, index=1, key="compare_first", format_func=named)
        second = st.selectbox("Second", ids, index=0, key="compare_second", format_func=named)
    if first == second:
        parts.note("Choose two different runs.")
        return
    one, two = _view(desk, done[first]), _view(desk, done[second])
    differing = settings_between(one.run.settings, two.run.settings)
    with parts.card("compare_settings", "Settings that differ" if differing else "The settings are the same"):
        if differing:
            told = [
                (settings_words.title(name), *(settings_words.told(name, value) for value in values))
                for name, *values in differing
            ]
            st.dataframe(
                pd.DataFrame(told, columns=["setting", f"run {first}", f"run {second}"]),
                hide_index=True,
                key="compare_table",
            )
    change = flags_between(one.run.table, two.run.table)
    if not change.common:
        parts.note("The runs have no region in common.")
        return
    parts.tiles(
        [
            (words.count(change.common), "regions in both", ""),
            (words.count(change.both), "flagged in both", ""),
            (words.count(len(change.gained)), "flags gained", f"only in run {second}"),
            (words.count(len(change.lost)), "flags lost", f"only in run {first}"),
        ]
    )
    for view, rows, key, title in ((two, change.gained, "gained", "Gained"), (one, change.lost, "lost", "Lost")):
        if len(rows):
            parts.section(title, f"Scores of run {view.run.id}, the strangest first.")
            gallery(view, rows, key=f"compare_{key}", label=f"Flags {key}", height=300)
    _scores(one, two)
    found = clusters_between(one.run.table, two.run.table)
    if found:
        table = pd.DataFrame(found, columns=["cluster", "most like it", "regions shared", "overlap"])
        table["overlap"] = (100 * table["overlap"]).round().astype(int)
        table["most like it"] = [str(other) if other >= 0 else "noise" for other in table["most like it"]]
        with parts.card("compare_clusters", f"Clusters of run {first}, and the one of run {second} most like each"):
            st.dataframe(
                table,
                hide_index=True,
                key="compare_overlap",
                column_config={"overlap": st.column_config.NumberColumn("overlap, %", format="%d")},
            )
            parts.csv_button("clusters-of-two-runs", lambda: table)


def _scores(one: View, two: View) -> None:
    """How differently they order the pictures, and which changed place most."""
    change = scores_between(one.run.table, two.run.table)
    if not change.common:
        return
    order = "all alike" if np.isnan(change.order) else f"{change.order:.2f}"
    parts.section(
        "Scores", "Two networks, or two preprocessings, have scores of different sizes: their order is what compares."
    )
    parts.tiles(
        [
            (order, "agreement of the order", "Spearman: 1 is the same order, 0 none"),
            (f"{change.strangest} of {change.top}", "of the strangest in both", "target pictures"),
            (words.score(change.median[0]), f"median score, run {one.run.id}", ""),
            (words.score(change.median[1]), f"median score, run {two.run.id}", ""),
        ]
    )
    gallery(two, change.moved[:MOVED], key="compare_moved", label="Those that changed place most", height=300)


def _view(desk: Desk, info: RunInfo) -> View:
    return View(desk.workspace, desk.runs, state.open_run(desk.workspace, info), desk.theme)

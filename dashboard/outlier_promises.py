"""What may be promised: lists of findings at a known rate, and how independent reference and target are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.errors import CoreError
from core.neighbours.graph import Graph
from core.ood.conformal import rule_in_words
from core.ood.independence import TWIN_DISTANCE, LeakReport, flags_by_groups, found_groups, leak_report
from core.ood.lists import Findings, Method, findings
from core.stages import group_codes
from dashboard import cached, detecting, later, parts, words
from dashboard.gallery import gallery, why_overlay
from dashboard.summaries import is_reference, is_target

if TYPE_CHECKING:
    import pandas as pd

    from core.runs import Run
    from dashboard.state import View

METHODS: dict[Method, str] = {
    "benjamini-yekutieli": "all regions (Benjamini–Yekutieli)",
    "benjamini-hochberg": "one a group (Benjamini–Hochberg)",
    "nominal": "every p ≤ α (nominal)",
}
DISTANCES = (0.002, 0.005, 0.01, 0.02, TWIN_DISTANCE, 0.1, 0.2)
AT_ONCE = 30_000
"""Larger runs look for near-twins only when asked to."""


def list_card(view: View, name: str) -> None:
    """The regions that a paper may list as new, with what the list promises."""
    remark = "A flag promises something of each region; a list of many needs a stricter rule, or it fills with chance."
    with parts.card("list", "Which may be listed as new?", remark):
        table = view.run.table
        judged = is_target(table) & np.isfinite(detecting.said(view.run, name).p_value)
        if not judged.any():
            parts.note("This run has no target, so there is nothing to list.")
            return
        method: Method = st.segmented_control(
            "Rule",
            list(METHODS),
            default="benjamini-yekutieli",
            required=True,
            key="list_rule",
            format_func=METHODS.__getitem__,
            label_visibility="collapsed",
        )
        found, rows = cached.computed(view.run, "list", (name, method), lambda: _listed(view.run, name, method, judged))
        parts.paragraph(found.sentence)
        if len(rows):
            gallery(
                view,
                rows,
                key="listed",
                label="Regions of the list",
                height=300,
                captions=("group",) if name != detecting.KNN else ("p_value", "group"),
                extra=detecting.captions(view.run, name, rows),
                overlay=why_overlay(view.run, name),
            )
        parts.csv_button("list", lambda: list_table(view.run, name, found, rows))


def _listed(run: Run, name: str, method: Method, judged: np.ndarray) -> tuple[Findings, np.ndarray]:
    said = detecting.said(run, name)
    target = np.flatnonzero(judged)
    found = findings(
        said.p_value[target],
        group_codes(run.table)[target],
        rate=float(said.facts.get("alpha", 0.05)),
        method=method,
        smallest_p=float(said.facts.get("smallest_p", 0.0)),
    )
    rows = target[found.chosen]
    return found, rows[np.argsort(-said.score[rows], kind="stable")]


def list_table(run: Run, name: str, found: Findings, rows: np.ndarray) -> pd.DataFrame:
    """The list, the strangest first, with the rule that made it."""
    said = detecting.said(run, name)
    columns = ["region_id", "image_id", "dataset", "path", "region", "group", "depth_m", "taken_at"]
    return (
        run.table[columns]
        .iloc[rows]
        .assign(detector=name, score=said.score[rows], p_value=said.p_value[rows], rule=found.method, rate=found.rate)
    )


def leak_card(view: View, name: str) -> None:
    """Near-twins of target regions in the reference, and what the figures would be without them."""
    remark = "A target picture with a near-twin in the reference looks familiar because it was seen before."
    with parts.card("leak", "Are reference and target independent?", remark):
        run = view.run
        if not is_target(run.table).any() or not is_reference(run.table).any():
            parts.note("A leak needs a reference and a target.")
            return
        distance = st.select_slider(
            "Near-twins lie at a cosine distance of at most", DISTANCES, value=TWIN_DISTANCE, key="twin_distance"
        )
        big = len(run.table) > AT_ONCE
        if big and not st.toggle(f"look through all {words.count(len(run.table))} regions", key="leak_asked"):
            return
        try:
            found: LeakReport | None = later.computed(
                run, "leak", (name, distance), lambda: leak(run, name, distance), "Near-twins are being looked for."
            )
        except CoreError as error:
            parts.note(str(error))
            return
        if found is None:
            return
        parts.paragraph(found.sentence)
        if np.isfinite(found.median_without):
            show = words.score if name == detecting.KNN else detecting.figure
            parts.note(
                f"The median score of the target is {show(found.median_with)}; without near-twins it is "
                f"{show(found.median_without)}."
            )
        parts.note(cached.computed(run, "groups", (distance,), lambda: group_sentence(run, distance)))
        twins = np.flatnonzero(found.twin)
        if len(twins):
            twins = twins[np.argsort(found.nearest[twins], kind="stable")][:1000]
            gallery(
                view,
                twins,
                key="twins",
                label="Target regions with a near-twin in the reference",
                height=260,
                captions=("group",),
                extra=[f"distance {found.nearest[row]:.4f}" for row in twins],
            )
        parts.csv_button(
            "leak",
            lambda: run.table.loc[is_target(run.table), ["region_id", "image_id", "path", "group"]].assign(
                nearest_reference=found.nearest[is_target(run.table)], near_twin=found.twin[is_target(run.table)]
            ),
        )


def prepare(run: Run) -> None:
    """Have near-twins looked for before the first visitor's page asks for them."""
    table = run.table
    if len(table) <= AT_ONCE and is_target(table).any() and is_reference(table).any():
        later.begin(run, "leak", (detecting.KNN, TWIN_DISTANCE), lambda: leak(run, detecting.KNN, TWIN_DISTANCE))


def leak(run: Run, name: str, distance: float) -> LeakReport:
    """The leak report of a run; a region in both sets counts as target."""
    said = detecting.said(run, name)
    table = run.table
    return leak_report(
        np.asarray(run.embeddings),
        is_reference(table),
        is_target(table),
        group_codes(table),
        scores=said.score,
        flagged=said.flagged,
        threshold=distance,
    )


def group_sentence(run: Run, distance: float) -> str:
    """How many independent units the source names, and how many the pictures alone would give."""
    table = run.table
    graph = Graph(np.asarray(run.graph_all.indices), np.asarray(run.graph_all.distances))
    times = gap = None
    if table["taken_at"].notna().any():
        seconds = table["taken_at"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[s]")
        times, gap = np.where(np.isnat(seconds), np.nan, seconds.astype(np.int64)), 600.0
    runs = found_groups(graph, threshold=distance, times=times, gap=gap)
    named = len(np.unique(group_codes(table)))
    alone = (table["group"].fillna("") == "").all()
    near = "" if gap is None else " within ten minutes"
    pictures = (
        f"By near-twins{near} alone, the {words.count(len(table))} regions would form "
        f"{words.plural(len(np.unique(runs)), 'group')}"
    )
    if alone:
        return (
            f"The source names no groups, so every image counts as independent. {pictures}: import with --group, or "
            f"the promise of a flag rests on fewer independent images than it says.{_regrouped(run, runs)}"
        )
    return f"The run rests on {words.plural(named, 'group')} that the source names. {pictures}."


def _regrouped(run: Run, groups: np.ndarray) -> str:
    """How many would be flagged by kNN with other groups, in a sentence; empty where that cannot be said."""
    target = is_target(run.table)
    alpha = float(run.manifest.get("flag", {}).get("alpha", 0.05))
    try:
        found = flags_by_groups(
            np.asarray(run.embeddings), is_reference(run.table), groups, k=int(run.manifest.get("k", 1)), alpha=alpha
        )
    except CoreError:
        return ""
    return (
        f" With these groups, {words.count(int(found.flagged[target].sum()))} of "
        f"{words.plural(int(target.sum()), 'target region')} would be flagged instead of "
        f"{words.count(int(detecting.said(run, detecting.KNN).flagged[target].sum()))}, by the rule "
        f"“{rule_in_words(found.flag_rule)}” with {words.plural(found.groups, 'reference group')}."
    )

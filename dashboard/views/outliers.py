"""Outliers: what has the model never seen?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import cached, findings, parts, score_figures, score_summaries, summaries
from dashboard.gallery import gallery
from dashboard.state import View

if TYPE_CHECKING:
    from dashboard.summaries import By

SHAPES = {
    "histogram": score_figures.score_histogram,
    "density": score_figures.score_density,
    "cumulative": score_figures.score_cumulative,
}
COLUMNS = ["image_id", "path", "set", "group", "ood_score", "ood_percentile", "p_value", "flagged"]


def page(view: View) -> None:
    """Draw the page."""
    if not view.run.table["ood_score"].notna().any():
        parts.heading("What has the model never seen?")
        parts.empty("Nothing was judged", findings.rule_sentence(view.run.manifest.get("flag", {})))
        return
    head = cached.summary(view.run, summaries.headline, len(view.run.table))
    parts.heading("What has the model never seen?", findings.judged(head))
    _distributions(view)
    _both_ends(view)
    among = cached.summary(view.run, summaries.comparable)
    if among:
        _by_category(view, among)


def _distributions(view: View) -> None:
    reference, target = cached.summary(view.run, score_summaries.scores)
    flag = view.run.manifest.get("flag", {})
    limit = float(np.nanquantile(reference, 0.95)) if np.isfinite(reference).any() else None
    with parts.card("scores", "How strange are the images?", findings.meaning(int(view.run.manifest.get("k", 0)))):
        shape = st.segmented_control(
            "Shape", list(SHAPES), default="histogram", required=True, key="shape", label_visibility="collapsed"
        )
        lines = findings.lines(flag, limit)
        chart = cached.figure(view, "scores", (shape,), lambda: SHAPES[shape](reference, target, lines, view.theme))
        alt = f"Scores of reference and target, {shape}"
        parts.plot(chart, key="scores", alt=alt, data=lambda: cached.images(view.run)[COLUMNS])
        parts.note(findings.rule_sentence(flag))
        if limit is not None:
            above = float(np.mean(target > limit)) if len(target) else None
            parts.note(findings.percentile_sentence(float(np.mean(reference > limit)), above))


def _both_ends(view: View) -> None:
    parts.section("Both ends")
    some, once = st.columns([2, 1], vertical_alignment="center")
    reference, target = cached.summary(view.run, score_summaries.scores)
    present = [name for name, scores in (("target", target), ("reference", reference)) if len(scores)]
    which = some.segmented_control(
        "Show", present, default=present[0], required=True, key="ends_set", label_visibility="collapsed"
    )
    single = once.toggle("one a group", key="ends_once", help="Only the first picture of each group (dive)")
    with parts.pair("ends") as (left, right):
        for place, familiar, title in ((left, False, "Strangest first"), (right, True, "Most familiar first")):
            with place, parts.card(f"end_{familiar}", title):
                gallery(
                    view,
                    cached.summary(view.run, summaries.strangest, which, familiar, single),
                    key=f"end_{familiar}",
                    label=title,
                    height=520,
                    captions=("ood_score", "p_value", "group"),
                    empty=f"Nothing in the {which} has a score.",
                )


def _by_category(view: View, among: tuple[By, ...]) -> None:
    remark = (
        "Boxes hold the middle half of the scores, whiskers nine tenths. Where all from one camera, site or dive "
        "is strange at once, look at the equipment and the water before the animals."
    )
    with parts.card("by", "Where do the strange ones come from?", remark):
        by: By = parts.by("outliers_by", among)
        groups = cached.summary(view.run, score_summaries.score_groups, by)
        if groups.empty:
            parts.note(f"The source names no {summaries.BY_NAMES[by]}.")
            return
        threshold = view.run.manifest.get("flag", {}).get("threshold")
        chart = cached.figure(
            view,
            "by",
            (by,),
            lambda: score_figures.score_by(groups, threshold, view.theme, ordered=by in ("depth", "day")),
        )
        parts.plot(chart, key=f"by_{by}", alt=f"Scores by {summaries.BY_NAMES[by]}", data=lambda: groups)
        parts.note(findings.left_out(cached.summary(view.run, summaries.lacking, by), summaries.BY_NAMES[by]))
        many = groups["category"].nunique()
        if many > score_figures.MOST_CATEGORIES:
            parts.note(f"The strangest {score_figures.MOST_CATEGORIES} of {many} are drawn; the CSV holds all.")

"""The Outliers page's first cards: how scores spread, where the strange ones come from, and how deep they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import (
    cached,
    depth_scatter,
    detecting,
    findings,
    parts,
    ridges,
    score_figures,
    score_summaries,
    summaries,
    words,
)

if TYPE_CHECKING:
    from dashboard.score_figures import Line
    from dashboard.state import View
    from dashboard.summaries import By

SHAPES = {
    "histogram": score_figures.score_histogram,
    "density": score_figures.score_density,
    "cumulative": score_figures.score_cumulative,
}
COLUMNS = ["image_id", "path", "set", "group", "ood_score", "ood_percentile", "p_value", "flagged"]


def axis(name: str) -> str:
    """What stands under an axis of this detector's scores."""
    what = "OOD score" if name == detecting.KNN else detecting.title(name)
    return f"{what}: more familiar ← → stranger"


def lines(view: View, name: str) -> list[Line]:
    """The reference's 95th percentile and the certified threshold of a detector."""
    reference, _ = detecting.summary(view.run, name, score_summaries.scores)
    limit = float(np.nanquantile(reference, 0.95)) if np.isfinite(reference).any() else None
    return findings.lines(detecting.said(view.run, name).facts, limit)


def distributions(view: View, name: str) -> None:
    """Reference against target: histogram, density or cumulative, with both thresholds and what they promise."""
    reference, target = detecting.summary(view.run, name, score_summaries.scores)
    limit = float(np.nanquantile(reference, 0.95)) if np.isfinite(reference).any() else None
    facts = detecting.said(view.run, name).facts
    meaning = (
        findings.meaning(int(view.run.manifest.get("k", 0)))
        if name == detecting.KNN
        else findings.meaning_of(detecting.title(name))
    )
    with parts.card("scores", "How strange are the images?", meaning):
        shape = st.segmented_control(
            "Shape", list(SHAPES), default="histogram", required=True, key="shape", label_visibility="collapsed"
        )
        marks = lines(view, name)
        chart = cached.figure(
            view,
            "scores",
            (shape, name),
            lambda: SHAPES[shape](reference, target, marks, view.theme, axis(name)),
        )
        alt = f"Scores of reference and target, {shape}"
        parts.plot(chart, key="scores", alt=alt, data=lambda: detecting.images(view.run, name)[COLUMNS])
        parts.note(findings.rule_sentence(facts))
        if limit is not None:
            above = float(np.mean(target > limit)) if len(target) else None
            parts.note(findings.percentile_sentence(float(np.mean(reference > limit)), above))


def by_category(view: View, name: str, among: tuple[By, ...]) -> None:
    """Scores by depth band, dive, day, site or camera, as ridges or boxes."""
    remark = (
        "Where all from one camera, site or dive is strange at once, look at the equipment and the water before the "
        "animals."
    )
    with parts.card("by", "Where do the strange ones come from?", remark):
        choose, shape_of = st.columns([3, 1], vertical_alignment="center")
        with choose:
            by: By = parts.by("outliers_by", among)
        shape = shape_of.segmented_control(
            "Drawn as",
            ["ridges", "boxes"],
            default="ridges",
            required=True,
            key="by_shape",
            label_visibility="collapsed",
        )
        groups = detecting.summary(view.run, name, score_summaries.score_groups, by)
        if groups.empty:
            parts.note(f"The source names no {summaries.BY_NAMES[by]}.")
            return
        ordered = by in ("depth", "day")
        names = score_figures.shown_categories(groups, ordered=ordered)
        if shape == "ridges":
            chart = cached.figure(
                view,
                "ridges",
                (by, name),
                lambda: ridges.figure(
                    ridges.ridges(detecting.images(view.run, name), by, names),
                    names,
                    lines(view, name),
                    view.theme,
                    axis(name),
                ),
            )
            parts.note("Each ridge is one smoothed distribution; its area says nothing of how many images it holds.")
        else:
            threshold = detecting.said(view.run, name).facts.get("threshold")
            chart = cached.figure(
                view,
                "by",
                (by, name),
                lambda: score_figures.score_by(groups, threshold, view.theme, ordered=ordered, axis=axis(name)),
            )
            parts.note("Boxes hold the middle half of the scores, whiskers nine tenths.")
        parts.plot(chart, key=f"by_{by}", alt=f"Scores by {summaries.BY_NAMES[by]}", data=lambda: groups)
        parts.note(findings.left_out(cached.summary(view.run, summaries.lacking, by), summaries.BY_NAMES[by]))
        many = groups["category"].nunique()
        if many > score_figures.MOST_CATEGORIES:
            parts.note(f"The strangest {score_figures.MOST_CATEGORIES} of {many} are drawn; the CSV holds all.")


def against_depth(view: View, name: str) -> None:
    """Score against depth, the pictures on hover."""
    found = detecting.summary(view.run, name, depth_scatter.sample)
    with parts.card("depth", "Strange at what depth?", "Point at an image to see it, click to open it."):
        if not len(found.frame):
            parts.note("No judged image has a depth.")
            return
        depth_scatter.depth_scatter(
            view,
            found,
            key="depth_scatter",
            axis=axis(name),
            lines=lines(view, name),
            number=words.score if name == detecting.KNN else detecting.figure,
        )
        parts.csv_button("depth", lambda: detecting.images(view.run, name)[[*COLUMNS, "depth_m"]])
        if len(found.frame) < found.among:
            parts.note(
                f"A sample of {words.count(len(found.frame))} of {words.count(found.among)} images, the strangest of "
                "the target among them; the CSV holds all."
            )
        parts.note(findings.left_out(cached.summary(view.run, summaries.lacking, "depth"), "depth"))

"""Outliers: what has the model never seen?"""

from __future__ import annotations

import streamlit as st

from core.errors import CoreError
from dashboard import (
    cached,
    detecting,
    findings,
    later,
    outlier_kinds,
    outlier_promises,
    outlier_scores,
    outlier_truth,
    parts,
    score_summaries,
    summaries,
)
from dashboard.gallery import gallery, why_overlay
from dashboard.state import View

TITLE = "What has the model never seen?"


def page(view: View) -> None:
    """Draw the page."""
    if not view.run.table["ood_score"].notna().any():
        parts.heading(TITLE)
        parts.empty("Nothing was judged", findings.rule_sentence(view.run.manifest.get("flag", {})))
        return
    lead = st.container()
    name, compared = _detectors(view)
    head = detecting.summary(view.run, name, summaries.headline, len(view.run.table))
    with lead:
        parts.heading(TITLE, findings.judged(head, detecting.said(view.run, name).facts))
    outlier_scores.distributions(view, name)
    _both_ends(view, name)
    outlier_kinds.kinds_card(view, name)
    among = cached.summary(view.run, summaries.comparable)
    if among:
        outlier_scores.by_category(view, name, among)
    if "depth" in among:
        outlier_scores.against_depth(view, name)
    outlier_kinds.agreement_card(view, compared)
    outlier_truth.truth_card(view, compared or [detecting.KNN])
    with parts.pair("promises") as (left, right):
        with left:
            outlier_promises.list_card(view, name)
        with right:
            outlier_promises.leak_card(view, name)


def _detectors(view: View) -> tuple[str, list[str]]:
    """Which detector the page shows, and which are compared; those that cannot be fitted here are said and left."""
    first, second = st.columns([1, 2], vertical_alignment="bottom")
    with first:
        name: str = st.selectbox(
            "Detector",
            detecting.offered(view.run),
            format_func=lambda name: detecting.named(view.run, name),
            key="detector",
            help="What the page shows; the run's own score and flags stay as they are",
        )
    with second:
        compared = outlier_kinds.chosen_detectors(view.run)
    fitting: list[str] = []
    for asked in dict.fromkeys([name, *compared]):
        try:
            if _there(view, asked):
                fitting.append(asked)
        except CoreError as error:
            parts.note(f"{detecting.title(asked)} cannot be shown: {error}.")
    if any(asked not in detecting.stored(view.run) for asked in fitting):
        parts.note(
            "Detectors made here are fitted and calibrated on this run's vectors by the same rules, and are not kept. "
            "To keep one with a run: benthoscope run … --detector NAME."
        )
    reading = [asked for asked in fitting if detecting.reads_logits(view.run, asked)]
    source = detecting.predictions(view.run) if reading else None
    if source is not None:
        told = (
            "What is flagged rests on the groups that it was not made with."
            if "groups" in source.manifest
            else "If that model was trained on reference pictures, they look too familiar and more is flagged than "
            "promised."
        )
        names = ", ".join(detecting.title(asked) for asked in reading)
        parts.note(f"{names}: by the predictions of {source.model}. {told}")
    return (name if name in fitting else detecting.KNN), [asked for asked in compared if asked in fitting]


def _there(view: View, asked: str) -> bool:
    """Whether a detector can be shown now; one that the run does not keep is fitted beside the page."""
    if asked in detecting.stored(view.run):
        detecting.said(view.run, asked)
        return True
    said = f"{detecting.title(asked)} is being fitted to this run; it joins the page in a moment."
    fitted = later.computed(view.run, f"detector {asked}", (), lambda: detecting.said(view.run, asked), said)
    return fitted is not None


def _both_ends(view: View, name: str) -> None:
    parts.section("Both ends")
    some, once = st.columns([2, 1], vertical_alignment="center")
    reference, target = detecting.summary(view.run, name, score_summaries.scores)
    present = [kind for kind, scores in (("target", target), ("reference", reference)) if len(scores)]
    which = some.segmented_control(
        "Show", present, default=present[0], required=True, key="ends_set", label_visibility="collapsed"
    )
    single = once.toggle("one a group", key="ends_once", help="Only the first picture of each group (dive)")
    with parts.pair("ends") as (left, right):
        for place, familiar, title in ((left, False, "Strangest first"), (right, True, "Most familiar first")):
            rows = detecting.summary(view.run, name, summaries.strangest, which, familiar, single)
            with place, parts.card(f"end_{familiar}", title):
                gallery(
                    view,
                    rows,
                    key=f"end_{familiar}",
                    label=title,
                    height=520,
                    captions=("ood_score", "p_value", "group") if name == detecting.KNN else ("group",),
                    extra=detecting.captions(view.run, name, rows),
                    empty=f"Nothing in the {which} has a score.",
                    overlay=why_overlay(view.run, name),
                )

"""Overview: what is in here, and what is new?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cached, figures, findings, geography, parts, summaries
from dashboard.gallery import gallery
from dashboard.state import View

if TYPE_CHECKING:
    import pandas as pd
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.summaries import By


def page(view: View) -> None:
    """Draw the page."""
    head = cached.summary(view.run, summaries.headline, len(view.run.table))
    parts.heading("What is in here, and what is new?", findings.opening(head))
    parts.tiles(findings.tiles(head))
    parts.note(findings.rule_sentence(view.run.manifest.get("flag", {})))
    _strangest(view)
    if head.depth:
        with parts.pair("depth", (1.55, 1)) as (left, right):
            _profile(view, left)
            _bands(view, right)
    with parts.pair("labels", (1, 1) if head.depth and head.time else (1.55, 1)) as (left, right):
        _concepts(view, left) if not head.depth or not head.time else _time(view, left)
        _labels(view, right)
    places = cached.summary(view.run, summaries.positions)
    if len(places):
        _positions(view, places)
    among = cached.summary(view.run, summaries.comparable)
    if among and head.concepts:
        _seen_where(view, among)
    parts.note(findings.silence(head, len(places)))


def _strangest(view: View) -> None:
    parts.section(
        "The strangest twelve", "Ringed in green where flagged. Open one to see why, and what it was compared with."
    )
    rows = cached.summary(view.run, summaries.strangest, "target")
    gallery(
        view,
        (rows if len(rows) else cached.summary(view.run, summaries.strangest, "reference"))[:12],
        key="strangest_twelve",
        label="The strangest twelve pictures",
        layout="rows",
        tools=False,
        empty="Nothing in this run has a score yet.",
    )


def _profile(view: View, place: DeltaGenerator) -> None:
    profile = cached.summary(view.run, summaries.concept_profile)
    remark = "As wide as the share of a depth band's labelled images that show the concept; each on its own scale."
    with place, parts.card("profile", "Who lives how deep", remark):
        if len(profile):
            chart = cached.figure(view, "profile", (), lambda: figures.concept_profile(profile, view.theme))
            parts.plot(chart, key="profile", alt="How often each concept is seen by depth", data=lambda: profile)
        else:
            parts.note("No labelled image has a depth.")


def _bands(view: View, place: DeltaGenerator) -> None:
    bands = cached.summary(view.run, summaries.by_depth)
    remark = "Images of each depth band; the flagged part of the target is outlined in green."
    with place, parts.card("bands", "Reference against target", remark):
        chart = cached.figure(view, "bands", (), lambda: figures.sets_by_depth(bands, view.theme))
        parts.plot(chart, key="bands", alt="Images of reference and target by depth band", data=lambda: bands)
        parts.note(findings.left_out(cached.summary(view.run, summaries.lacking, "depth"), "depth"))


def _concepts(view: View, place: DeltaGenerator) -> None:
    counts = cached.summary(view.run, summaries.concepts_by_set)
    with place, parts.card("named", "What was named"):
        chart = cached.figure(view, "named", (), lambda: figures.concepts_by_set(counts, view.theme))
        parts.plot(chart, key="named", alt="Images with each concept, reference and target", data=lambda: counts)


def _labels(view: View, place: DeltaGenerator) -> None:
    counts = cached.summary(view.run, summaries.labels_per_image)
    with place, parts.card("labels", "Concepts in an image"):
        chart = cached.figure(view, "labels", (), lambda: figures.labels_per_image(counts, view.theme))
        parts.plot(chart, key="labels", alt="Number of images by how many concepts they show", data=lambda: counts)


def _time(view: View, place: DeltaGenerator) -> None:
    counts, period = cached.summary(view.run, summaries.over_time)
    with place, parts.card("time", "When it was filmed"):
        chart = cached.figure(view, "time", (), lambda: figures.over_time(counts, period, view.theme))
        parts.plot(chart, key="time", alt=f"Images a {period}, reference and target", data=lambda: counts)


def _positions(view: View, places: pd.DataFrame) -> None:
    lacking = len(cached.images(view.run)) - len(places)
    with parts.card("positions", "Where it was filmed", findings.left_out(lacking, "position")):
        chart = cached.figure(view, "positions", (), lambda: geography.positions(places, view.theme))
        parts.plot(chart, key="positions", alt="Positions of images", data=lambda: places.drop(columns="row"))


def _seen_where(view: View, among: tuple[By, ...]) -> None:
    with parts.card("concepts", "What was seen where", "Labelled images with each concept. Take it home as CSV."):
        choose, share_of = st.columns([2.4, 1], vertical_alignment="center")
        with choose:
            by: By = parts.by("table_by", among)
        share = share_of.toggle("as share", key="table_share", help="Share of the labelled images of each column")
        table = cached.summary(view.run, summaries.concept_table, by, share)
        counts = cached.summary(view.run, summaries.concept_table, by, False)
        chart = cached.figure(
            view, "concepts", (by, share), lambda: figures.concept_heat(table, counts, share, view.theme)
        )
        parts.plot(chart, key="concepts", alt="Images with each concept by category", data=lambda: table.reset_index())
        parts.note(findings.left_out(cached.summary(view.run, summaries.lacking, by, True), summaries.BY_NAMES[by]))
        if table.shape[0] > figures.MOST_CONCEPTS or table.shape[1] > figures.MOST_COLUMNS:
            parts.note(
                f"All {table.shape[0]} concepts and {table.shape[1]} columns are in the CSV; the fullest are drawn."
            )

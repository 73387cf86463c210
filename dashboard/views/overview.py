"""Overview: what is in here, and what is new?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.review.repeats import repeat_threshold
from dashboard import cached, choosing, figures, findings, geography, parts, sightings, summaries, words
from dashboard.gallery import gallery
from dashboard.state import View

if TYPE_CHECKING:
    import pandas as pd
    from streamlit.delta_generator import DeltaGenerator

    from core.runs import Run
    from core.workspace import Workspace
    from dashboard.cached import Part
    from dashboard.sightings import Measure
    from dashboard.summaries import By


MOST_PLACES = 8000
"""Positions that are drawn."""


def page(view: View) -> None:
    """Draw the page."""
    selection = choosing.current()
    found = choosing.found(view.run, selection)
    part = cached.part(view.run, choosing.condition(selection), found.mask)
    regions = int(found.mask.sum())
    head = cached.of_part(part, summaries.headline, regions)
    parts.heading("What is in here, and what is new?", findings.opening(head) if regions else "")
    choosing.chips(selection)
    if not regions:
        parts.empty("Nothing fits", "No picture meets all these conditions. Take one away, or show everything.")
        return
    if selection.narrows:
        parts.note(f"Everything below is of {choosing.count_sentence(found).replace(' are shown', '', 1)}")
    parts.tiles(findings.tiles(head))
    parts.note(findings.rule_sentence(view.run.manifest.get("flag", {})))
    _strangest(view, part)
    if head.depth:
        with parts.pair("depth", (1.55, 1)) as (left, right):
            _profile(view, part, left)
            _bands(view, part, right)
    if head.concepts or (head.depth and head.time):
        with parts.pair("labels", (1, 1) if head.depth and head.time else (1.55, 1)) as (left, right):
            _concepts(view, part, left) if not head.depth or not head.time else _time(view, part, left)
            _labels(view, part, right)
    places = summaries.positions(part.frame)  # quick and large: not kept
    if len(places):
        _positions(view, part, places)
    among = cached.of_part(part, summaries.comparable)
    if among and head.concepts:
        _seen_where(view, part, among)
    parts.note(findings.silence(head, len(places)))


def _strangest(view: View, part: Part) -> None:
    parts.section(
        "The strangest twelve", "Ringed in green where flagged. Open one to see why, and what it was compared with."
    )
    gallery(
        view,
        cached.of_part(part, _twelve),
        key="strangest_twelve",
        label="The strangest twelve pictures",
        layout="rows",
        tools=False,
        empty="Nothing in this run has a score yet.",
    )


def _twelve(frame: pd.DataFrame) -> np.ndarray:
    """Rows of the strangest twelve of the target, or of the reference where there is no target."""
    rows = summaries.strangest(frame, "target")
    return (rows if len(rows) else summaries.strangest(frame, "reference"))[:12].copy()


def _profile(view: View, part: Part, place: DeltaGenerator) -> None:
    profile = cached.of_part(part, summaries.concept_profile)
    remark = "As wide as the share of a depth band's labelled images that show the concept; each on its own scale."
    with place, parts.card("profile", "Who lives how deep", remark):
        if len(profile):
            chart = cached.figure(view, "profile", (part.named,), lambda: figures.concept_profile(profile, view.theme))
            parts.plot(chart, key="profile", alt="How often each concept is seen by depth", data=lambda: profile)
        else:
            parts.note("No labelled image has a depth.")


def _bands(view: View, part: Part, place: DeltaGenerator) -> None:
    bands = cached.of_part(part, summaries.by_depth)
    remark = "Images of each depth band; the flagged part of the target is outlined in green."
    with place, parts.card("bands", "Reference against target", remark):
        chart = cached.figure(view, "bands", (part.named,), lambda: figures.sets_by_depth(bands, view.theme))
        parts.plot(chart, key="bands", alt="Images of reference and target by depth band", data=lambda: bands)
        parts.note(findings.left_out(cached.of_part(part, summaries.lacking, "depth"), "depth"))


def _concepts(view: View, part: Part, place: DeltaGenerator) -> None:
    counts = cached.of_part(part, summaries.concepts_by_set)
    with place, parts.card("named", "What was named"):
        chart = cached.figure(view, "named", (part.named,), lambda: figures.concepts_by_set(counts, view.theme))
        parts.plot(chart, key="named", alt="Images with each concept, reference and target", data=lambda: counts)


def _labels(view: View, part: Part, place: DeltaGenerator) -> None:
    counts = cached.of_part(part, summaries.labels_per_image)
    with place, parts.card("labels", "Concepts in an image"):
        chart = cached.figure(view, "labels", (part.named,), lambda: figures.labels_per_image(counts, view.theme))
        parts.plot(chart, key="labels", alt="Number of images by how many concepts they show", data=lambda: counts)


def _time(view: View, part: Part, place: DeltaGenerator) -> None:
    counts, period = cached.of_part(part, summaries.over_time)
    with place, parts.card("time", "When it was filmed"):
        chart = cached.figure(view, "time", (part.named,), lambda: figures.over_time(counts, period, view.theme))
        parts.plot(chart, key="time", alt=f"Images a {period}, reference and target", data=lambda: counts)


def _positions(view: View, part: Part, places: pd.DataFrame) -> None:
    lacking = len(part.frame) - len(places)
    with parts.card("positions", "Where it was filmed", findings.left_out(lacking, "position")):
        drawn = cached.of_part(part, _drawn_places)
        chart = cached.figure(view, "positions", (part.named,), lambda: geography.positions(drawn, view.theme))
        parts.plot(chart, key="positions", alt="Positions of images", data=lambda: places.drop(columns="row"))
        if len(drawn) < len(places):
            parts.note(f"An even sample of {words.count(len(drawn))} is drawn; the CSV holds all.")


def _drawn_places(frame: pd.DataFrame) -> pd.DataFrame:
    """Positions, an even sample where there are more than a plot can hold."""
    places = summaries.positions(frame)
    return places.iloc[:: -(-len(places) // MOST_PLACES)] if len(places) > MOST_PLACES else places


def _seen_where(view: View, part: Part, among: tuple[By, ...]) -> None:
    remark = "Labelled images that show each concept. Take the table home as CSV."
    with parts.card("concepts", "What was seen where", remark):
        with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="concepts_tools"):
            by: By = parts.by("table_by", among)
            measure: Measure = st.segmented_control(
                "Count",
                [name for name in sightings.MEASURES if name != "reviewed" or len(_reviewed(view))],
                default="images",
                required=True,
                format_func=sightings.MEASURES.__getitem__,
                key="table_count",
                help=sightings.HELP,
                bind="query-params",
            )
            above = choosing.above(view.run)
            grown = bool(above) and st.toggle(
                "with the groups above",
                key="table_tree",
                bind="query-params",
                help="Also the concepts that those seen belong to",
            )
        order = cached.of_part(part, _order, by)
        found = _sightings(view, part, by, grown)
        table, counts = (sightings.spread(found, name, order) for name in (measure, "images"))
        if table.empty:
            parts.note("No labelled image says where it was taken.")
            return
        chart = cached.figure(
            view,
            "concepts",
            (part.named, by, measure, grown, len(_reviewed(view))),
            lambda: figures.concept_heat(table, counts, sightings.MEASURES[measure], view.theme),
        )
        parts.plot(
            chart,
            key="concepts",
            alt=f"Concepts by {summaries.BY_NAMES[by]}: {sightings.MEASURES[measure]}",
            data=lambda: table.reset_index(),
        )
        parts.csv_button("sightings", lambda: found, "CSV of all counts and shares")
        parts.note(findings.left_out(cached.of_part(part, summaries.lacking, by, True), summaries.BY_NAMES[by]))
        if table.shape[0] > figures.MOST_CONCEPTS or table.shape[1] > figures.MOST_COLUMNS:
            parts.note(
                f"All {table.shape[0]} concepts and {table.shape[1]} columns are in the CSV; the fullest are drawn."
            )


def _order(frame: pd.DataFrame, by: By) -> list[str]:
    labelled = frame[frame["labelled"].fillna(False).to_numpy(dtype=bool)]
    return summaries.categories(labelled, by)[1]


def _sightings(view: View, part: Part, by: By, grown: bool) -> pd.DataFrame:
    """`sightings.sightings`, made once for a part and as many decisions."""
    reviewed = _reviewed(view)
    above = choosing.above(view.run) if grown else None

    def seen(frame: pd.DataFrame, by: By, grown: bool, decided: int) -> pd.DataFrame:
        alike = cached.repeats(view.run, repeat_threshold(view.run))
        return sightings.sightings(frame, by, alike, reviewed, above)

    found: pd.DataFrame = cached.of_part(part, seen, by, grown, len(reviewed))
    return found


def _reviewed(view: View) -> np.ndarray:
    """Ids of the images on which a decision stands; looked up again every half minute."""
    return _decided(view.run.key, view.run, view.workspace)


@st.cache_resource(max_entries=8, ttl=30, show_spinner=False)
def _decided(run_key: str, _run: Run, _space: Workspace) -> np.ndarray:
    from core.review.standing import standing

    ids = {entry.image_id for entry in standing(_space.database) if entry.image_id is not None}
    return np.intersect1d(np.array(sorted(ids), dtype=np.int64), cached.images(_run)["image_id"].to_numpy())

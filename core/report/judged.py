"""The one-file report of an evaluation (`core.report.frame` says what holds for the file)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from core.assess.storing import interval_from
from core.assess.telling import STUDY_SENTENCE, beyond_sentence, calibration_sentence, overall_rows
from core.catalogue import spoken
from core.catalogue.schema import Image
from core.evaluate.behind import said_line, truth_line, worst_first
from core.evaluate.figures import OVERALL
from core.evaluate.intervals import LEVEL, Interval
from core.progress import Progress, silent
from core.report import frame
from core.report.drawing import intervals

if TYPE_CHECKING:
    import pandas as pd

    from core.assess.storing import Stored
    from core.workspace import Workspace

WORST = 48
CONCEPTS = 60
_IN_ONE = ("map20", "sauc", "final", "ap_macro", "ap_micro", "f1_micro", "f1_macro", "accuracy")
"""Figures in [0, 1] of which larger is better, drawn together."""


def evaluation_report(space: Workspace, stored: Stored, *, progress: Progress = silent) -> str:
    """The report as HTML.

    Raises:
        Cancelled: raised by ``progress``.
    """
    progress(0, 3)
    parts = [_heading(stored), _figures(stored), _strain(stored)]
    progress(1, 3)
    parts += [_concepts(stored.concepts), _strata(stored.strata)]
    progress(2, 3)
    parts += [_worst(space, stored), _method(stored), _versions(stored)]
    progress(3, 3)
    return frame.document(stored.title, filter(None, parts))


def _heading(stored: Stored) -> str:
    counts = stored.counts
    made = f"{datetime.fromisoformat(str(stored.facts['created_at'])):%d %b %Y, %H:%M} UTC"
    lead = f"Evaluation {stored.id} of the model {stored.facts['model']}, made {made} by {stored.facts['actor']}"
    numbers = [(f"{counts.regions:,}", "regions"), (f"{counts.groups:,}", "groups"), (f"{counts.labels:,}", "labels")]
    return frame.heading(stored.title, lead) + frame.tiles(numbers)


def _figures(stored: Stored) -> str:
    shown = {OVERALL[key].title: stored.overall[key] for key in _IN_ONE if key in stored.overall}
    rows = [
        (str(row["figure"]), str(stored.overall[key]), f"{row['better']} is better", str(row["meaning"]))
        for key, row in zip(stored.overall, overall_rows(stored), strict=True)
    ]
    study = STUDY_SENTENCE if "map20" in stored.overall else ""
    return frame.section(
        "How far can it be trusted?",
        "Each figure with its interval: 95 % of resamples of whole groups lie within.",
        intervals(shown),
        frame.table(("figure", "value", "", "what it says"), rows),
        frame.paragraphs((study, calibration_sentence(stored), beyond_sentence(stored))),
    )


def _strain(stored: Stored) -> str:
    found = stored.facts.get("stress")
    if not found:
        return ""
    keys = [key for key in ("map20", "ap_macro", "accuracy") if any(key in way for way in found["ways"].values())]
    rows = [
        [str(way["way"]), *(str(interval_from(way[key]["gain"])) if key in way else "" for key in keys)]
        for way in found["ways"].values()
    ]
    lead = f"What is lost on {found['regions']:,} regions of {found['groups']:,} groups when the pictures are spoiled."
    return frame.section("Spoiled pictures", lead, frame.table(("way", *(OVERALL[key].title for key in keys)), rows))


def _concepts(table: pd.DataFrame) -> str:
    lead = f"The most frequent first, {min(CONCEPTS, len(table))} of {len(table)}."
    return frame.section("By concept", lead, _table(table.head(CONCEPTS)))


def _strata(table: pd.DataFrame) -> str:
    return frame.section("Where?", "By depth, site and camera.", _table(table)) if len(table) else ""


def _table(table: pd.DataFrame) -> str:
    """A stored table as text; numbers with an interval beside them become one cell."""
    joined = [name for name in table.columns if {f"{name}_low", f"{name}_high"} <= set(table.columns)]
    ends = {f"{name}_{end}" for name in joined for end in ("low", "high")}
    shown = [name for name in table.columns if name not in ends and not name.endswith("_groups")]
    rows = []
    for row in table.to_dict("records"):
        cells = []
        for name in shown:
            value = row[name]
            if name in joined and value == value:
                cells.append(
                    str(Interval(float(value), float(row[f"{name}_low"]), float(row[f"{name}_high"]), LEVEL, 0))
                )
            else:
                cells.append(_cell(value))
        rows.append(cells)
    return frame.table([name.replace("_", " ") for name in shown], rows)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if value != value else f"{value:.3f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)


def _worst(space: Workspace, stored: Stored) -> str:
    cases = stored.cases
    rows = worst_first(cases)[:WORST]
    regions = stored.regions
    ids = [int(regions["image_id"].iloc[row]) for row in rows]
    with space.database.read() as session:
        found = session.execute(select(Image.id, Image.content_hash).where(Image.id.in_(ids))).all()
    content = {image: hash_ or "" for image, hash_ in found}
    grid = frame.Pictures(space).grid(
        (
            content.get(image, ""),
            str(regions["path"].iloc[row]),
            (truth_line(cases, int(row)), said_line(cases, int(row))),
        )
        for image, row in zip(ids, rows, strict=True)
    )
    return frame.section("Where it is most wrong", "The worst first, with what is true and what the model says.", grid)


def _method(stored: Stored) -> str:
    facts = stored.facts
    asked = spoken.in_words(facts["where"], "")
    outside = spoken.in_words(facts["outside"], "")
    lines = [
        str(facts["fair"]),
        *map(str, facts["notes"]),
        f"Regions: {', '.join(facts['datasets'])}" + (f" where {asked}." if asked else "."),
        f"Truly unlike the reference is {outside}; the OOD scores are those of run {facts['run']}." if outside else "",
        f"Intervals are from {facts['resamples']:,} resamples of whole groups.",
    ]
    return frame.section("How was it done?", "", frame.paragraphs(lines))


def _versions(stored: Stored) -> str:
    facts = [("evaluation", stored.key), ("model", str(stored.facts["model_key"])), *frame.versions()]
    return frame.section("Versions", "", frame.facts(facts))

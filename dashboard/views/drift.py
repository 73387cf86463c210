"""Drift: has the sea, or the camera, changed?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.drift.alarms import CONTROLS, Alarms, Control, alarms
from core.drift.timeline import QUESTIONS, Question, Shift, driving
from core.errors import CoreError
from dashboard import cached, drift_figures, drift_words, drifting, later, parts, words
from dashboard.drifting import Drift
from dashboard.gallery import gallery
from dashboard.state import View

TITLE = "Has the sea, or the camera, changed?"
_CONTROL_NAMES = {
    "benjamini-hochberg": "Benjamini–Hochberg",
    "benjamini-yekutieli": "Benjamini–Yekutieli",
    "lord++": "LORD++, as they come",
    "nominal": "none (nominal)",
}


def page(view: View) -> None:
    """Draw the page."""
    among = drifting.choices(view.run.table)
    if not among:
        parts.heading(TITLE)
        parts.empty(
            "There are no batches to compare",
            "Drift compares dives, days or datasets with the reference, and the source names fewer than two of any. "
            "Import with --group, or with a column of times.",
        )
        return
    parts.heading(
        TITLE,
        "Each batch is compared with the reference. Whether a difference is more than chance is judged by whole "
        "groups: how often would groups of the reference, taken as a batch, differ as much?",
    )
    by, question, control = _asked(among)
    try:
        found = later.computed(
            view.run,
            "drift",
            (by,),
            lambda: drifting.drift(view.run, by),
            "Every batch is being compared with the reference, and with chance; it stands here in a moment.",
        )
    except CoreError as error:
        parts.empty("Nothing to compare", str(error))
        return
    if found is None:
        return
    judged = found.judged(question)
    if not judged:
        parts.empty(
            "This cannot be asked here",
            f"No batch can be compared by {QUESTIONS[question]}: batches share all their groups with the reference, or "
            "their pictures carry no labels or statistics. Choose another comparison or another question above.",
        )
        return
    verdicts = [shift.verdicts[question] for shift in judged]
    raised = alarms(
        np.array([verdict.p_value for verdict in verdicts]),
        rate=float(view.run.manifest.get("flag", {}).get("alpha", 0.05)),
        control=control,
        smallest_p=min(verdict.smallest_p for verdict in verdicts),
    )
    _timeline(view, found, by, question, control, raised)
    _pictures(view, found, by)
    _batch(view, found, by, question, raised)


def _asked(among: dict[str, str]) -> tuple[str, Question, Control]:
    first, second, third = st.columns([1, 1.4, 1.2])
    by = first.selectbox("Batches", list(among), format_func=among.__getitem__, key="drift_by")
    question: Question = second.selectbox(
        "What may have changed", list(QUESTIONS), format_func=drift_words.ASKED.__getitem__, key="drift_question"
    )
    control: Control = third.selectbox(
        "Control of false alarms",
        list(CONTROLS),
        format_func=_CONTROL_NAMES.__getitem__,
        key="drift_control",
        help="How the share of false alarms among all alarms of the timeline is kept low; see Help",
    )
    return by, question, control


def _timeline(view: View, found: Drift, by: str, question: Question, control: Control, raised: Alarms) -> None:
    alarmed = tuple(shift.batch for shift, yes in zip(found.judged(question), raised.raised, strict=True) if yes)
    with parts.card("drift_time", "Over time", drift_words.MEANS[question]):
        chart = cached.figure(
            view,
            "drift_time",
            (by, question, control, alarmed),
            lambda: drift_figures.timeline(found, question, alarmed, view.theme),
        )
        alt = f"How much each batch differs from the reference, by {QUESTIONS[question]}"
        parts.plot(chart, key="drift_time", alt=alt, data=lambda: drifting.table_of(found))
        parts.note(raised.sentence)
        parts.note(drift_words.unasked(found, question))


def _pictures(view: View, found: Drift, by: str) -> None:
    if not any("pictures" in shift.features for shift in found.shifts):
        return
    remark = (
        "Each column is a batch in the order of time, each row an image statistic: orange is above the reference, blue "
        "below. A whole column of colour is a changed camera or changed water; cut off at three standard deviations."
    )
    with parts.card("drift_pictures", "What became of the pictures", remark):
        chart = cached.figure(
            view, "drift_pictures", (by,), lambda: drift_figures.pictures_over_time(found, view.theme)
        )
        parts.plot(
            chart, key="drift_pictures", alt="Image statistics of each batch", data=lambda: drifting.table_of(found)
        )


def _batch(view: View, found: Drift, by: str, question: Question, raised: Alarms) -> None:
    judged = found.judged(question)
    order = sorted(
        range(len(judged)),
        key=lambda i: (
            not raised.raised[i],
            judged[i].verdicts[question].p_value,
            -judged[i].verdicts[question].statistic,
        ),
    )
    names = {judged[i].batch: found.names[judged[i].batch] for i in order}
    number = st.selectbox(
        "Look into a batch, the most changed first",
        list(names),
        format_func=lambda batch: words.group(names[batch]),
        key=f"drift_batch_{by}_{question}",
    )
    shift = next(shift for shift in judged if shift.batch == number)
    parts.passage(words.group(names[number]), *drift_words.of_batch(shift))
    _features(view, by, shift)
    _images(view, found, by, shift)


def _features(view: View, by: str, shift: Shift) -> None:
    with parts.pair("drift_features") as (left, right):
        for place, question, title in ((left, "pictures", "Image statistics"), (right, "labels", "Concepts")):
            features = drifting.features_of(shift, question)
            with place, parts.card(f"drift_of_{question}", title):
                if features.empty:
                    parts.note(drift_words.LACKING[question])
                    continue
                chart = cached.figure(
                    view,
                    "drift_features",
                    (by, shift.batch, shift.reference, question),
                    lambda features=features, question=question: drift_figures.changes(
                        features, view.theme, shares=question == "labels"
                    ),
                )
                parts.plot(
                    chart,
                    key=f"drift_of_{question}",
                    alt=f"{title} of the batch against the reference",
                    data=lambda features=features: features,
                )
                parts.note("Orange: more than chance explains (p ≤ 0.05, with all of them looked at together).")


def _images(view: View, found: Drift, by: str, shift: Shift) -> None:
    behind = later.computed(
        view.run,
        "driving",
        (by, shift.batch, shift.reference),
        lambda: driving(found.collection, shift.batch, is_reference=shift.reference),
        "The images behind it are being looked for.",
    )
    if behind is None:
        return
    came, missing = behind
    parts.section("The images behind it")
    with parts.pair("drift_images") as (left, right):
        for place, rows, key, title, remark in (
            (left, came, "came", "What came", "Of the batch, those most unlike the reference first."),
            (right, missing, "missing", "What is missing", "Of the reference, those most unlike the batch first."),
        ):
            with place, parts.card(f"drift_{key}", title, remark):
                gallery(
                    view,
                    rows,
                    key=f"drift_{key}",
                    label=title,
                    height=420,
                    captions=("group", "ood_score"),
                    empty="There is no picture to show.",
                )

"""Evaluate: can I trust it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.assess.telling import STUDY_SENTENCE, beyond_sentence, calibration_sentence, download
from core.evaluate.behind import worst_first
from core.evaluate.figures import OVERALL
from dashboard import evaluated, evaluating, going, leading, parts, predicting, teaching, words

if TYPE_CHECKING:
    from core.assess.storing import Stored
    from dashboard.state import View

TITLE = "Can I trust it?"
NONE = "none"
EVERY = "all together"


def page(view: View) -> None:
    """Draw the page."""
    leading.wished("evaluation")
    kept = evaluating.stored(view.workspace)
    if not kept:
        parts.heading(TITLE, "Only images of groups that served nothing while a model was made can tell.")
        _nothing(view)
        return
    by_id = {one.id: one for one in kept}
    parts.heading(TITLE, "Every number here opens the pictures behind it. Intervals are over whole groups (dives).")
    with parts.card("which", "Which evaluation"):
        left, right = st.columns(2, gap="medium")
        first = by_id[left.selectbox("Evaluation", list(by_id), key="evaluation", format_func=lambda i: by_id[i].title)]
        others = {NONE: None} | {one.title: one for one in kept if one.id != first.id}
        second = others[right.selectbox("Beside it", list(others), key="evaluation_beside")]
        first, second = _one_head(first, second)
        for sentence in (str(first.facts["fair"]), *first.facts["notes"], beyond_sentence(first)):
            parts.note(sentence)
    views = _views(first, second)
    chosen = st.segmented_control(
        "Show",
        list(views),
        default=next(iter(views)),
        required=True,
        key="evaluation_show",
        label_visibility="collapsed",
    )
    views[chosen](view, first)
    _downloads(first)
    teaching.judging(view, predicting.usable_models(view.workspace), open_it=False)


def _one_head(first: Stored, second: Stored | None) -> tuple[Stored, Stored | None]:
    """Both evaluations, of one head alone where the model asks several questions and one is chosen."""
    if len(first.heads) < 2:
        return first, second
    chosen = st.segmented_control(
        "Head",
        [EVERY, *first.heads],
        default=EVERY,
        required=True,
        key="evaluation_head",
        help="The model answers several questions; each can be judged alone.",
    )
    if chosen == EVERY:
        return first, second
    # Two models can only be compared on what both were asked.
    if second is not None and chosen not in second.heads:
        parts.note(f"{second.title} has no head {chosen}, so it cannot stand beside this one.")
        second = None
    return evaluating.of_head(first, chosen), second and evaluating.of_head(second, chosen)


def _views(first: Stored, second: Stored | None) -> Mapping[str, Callable[[View, Stored], None]]:
    found: dict[str, Callable[[View, Stored], None]] = {
        "Figures": _figures,
        "Concepts": evaluated.concepts,
        "Probabilities": evaluated.probabilities,
        "Mistakes": evaluated.mistakes,
    }
    if len(first.strata):
        found["Where"] = evaluated.where
    if first.facts.get("stress"):
        found["Spoiled pictures"] = evaluated.spoiled
    if second is not None:
        found["Side by side"] = lambda view, one: evaluated.side_by_side(view, one, second)
    return found


def _nothing(view: View) -> None:
    models = predicting.usable_models(view.workspace)
    if not models:
        parts.empty(
            "There is no model to judge yet", "Train one: some groups are kept apart to judge it on, here and later."
        )
        if st.button("Train a model", key="evaluate_train", type="primary"):
            going.go("predict", {})
        return
    parts.empty(
        "Nothing was evaluated yet",
        "An evaluation gives figures with their intervals, by depth, site and concept, and the pictures behind every "
        "number. Say what is truly outside the reference, and how well the OOD score finds it is judged too.",
    )
    teaching.judging(view, models, open_it=True)


def _figures(view: View, one: Stored) -> None:
    parts.tiles(evaluating.tiles(one))
    if "final" in one.overall:
        parts.note(STUDY_SENTENCE)
    elif "map20" in one.overall:
        parts.note(
            "sAUC and the combined figure need images that are truly unlike the reference: name them with --outside. "
            + STUDY_SENTENCE
        )
    parts.note(calibration_sentence(one))
    table = evaluating.overall_table(one)
    with parts.card("overall", "All figures", "Choose one to see the pictures that it suffers from, worst first."):
        config = {name: st.column_config.NumberColumn(format="%.3f") for name in ("value", "low", "high")}
        event: Any = st.dataframe(
            table.drop(columns="key"),
            key="evaluation_overall",
            hide_index=True,
            column_config=config,
            height=evaluating.table_height(len(table)),
            on_select="rerun",
            selection_mode="single-row",
        )
        parts.csv_button("evaluation_figures", lambda: table)
    chosen = event["selection"]["rows"]
    name = OVERALL[str(table["key"].iloc[chosen[0]])].title if chosen and chosen[0] < len(table) else ""
    title = f"Behind {name}: worst first" if name else "Worst first"
    rows = evaluated.behind_figure(one, str(table["key"].iloc[chosen[0]])) if name else worst_first(one.cases)
    evaluated.pictures(view, one, rows, title, key="evaluation_worst")


def _downloads(one: Stored) -> None:
    with st.container(horizontal=True, key="csv_evaluation"):
        st.download_button(
            "The whole evaluation as JSON",
            data=lambda: download(one),
            file_name=f"benthoscope-evaluation-{one.id}.json",
            mime="application/json",
            key="evaluation_json",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
        )
        made = str(one.facts["created_at"])[:16].replace("T", " ")
        counted = words.plural(int(one.facts["resamples"]), "draw")
        parts.note(f"Made {made} UTC by {one.facts['actor']}; {counted} of whole groups behind every interval.")

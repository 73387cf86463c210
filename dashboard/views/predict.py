"""Predict: what is in my picture?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import choosing, following, leading, parts, predicting, predictions_table, teaching, words
from dashboard.gallery import gallery
from dashboard.predicted_detail import detail
from dashboard.uploads import dropped

if TYPE_CHECKING:
    from core.learn.models import Model, ModelInfo
    from dashboard.predicting import Answers, RunPredictions
    from dashboard.state import View

TITLE = "What is in my picture?"
EVERY = "all together"
OWN, ONE = "each concept's own", "one for all"
SOURCES = ("My pictures", "The current selection")
STUDY = 0.1
"""The first study's threshold, where one for all is wished."""


def page(view: View) -> None:
    """Draw the page."""
    leading.wished("predict_model", "predict_source")
    models = predicting.usable_models(view.workspace)
    if not models:
        parts.heading(TITLE, "A model names what it sees, with probabilities that mean what they say.")
        parts.empty(
            "There is no model yet",
            "Train one on images whose concepts people have stated. Then drop pictures here, or take what you have "
            "selected.",
        )
        teaching.training(view, open_it=True)
        return
    parts.heading(TITLE, "Drop pictures or take the current selection. Nothing above its threshold is an answer too.")
    with parts.card("ask", "Who is asked, and about what"):
        left, middle, right = st.columns([1.2, 1.3, 1.5], gap="medium")
        with left:
            info = _chosen_model(models)
        with middle:
            source = st.segmented_control(
                "Pictures", list(SOURCES), default=SOURCES[0], required=True, key="predict_source"
            )
        model = predicting.open_model(info)
        with right:
            limits, fallback = _limits(model)
        among = _asked_of(model)
        parts.note(_about(model))
    if source == SOURCES[0]:
        _pictures(view, model, limits, fallback, among)
    else:
        following.section(view.workspace, ("predict",), "The model is being asked")
        _selection(view, model, limits, fallback, among)
    teaching.training(view, open_it=False)


def _chosen_model(models: Sequence[ModelInfo]) -> ModelInfo:
    by_name = {info.name: info for info in models}
    chosen = st.selectbox(
        "Model",
        list(by_name),
        key="predict_model",
        format_func=lambda name: f"{name} · {words.plural(by_name[name].concepts, 'concept')}",
    )
    return by_name[chosen]


def _asked_of(model: Model) -> np.ndarray | None:
    """``[C]`` mask of the concepts of one head, where the model asks several questions and one is chosen."""
    if len(model.heads) < 2:
        return None
    by_name = {head.name: head for head in model.heads}
    chosen = st.segmented_control(
        "Head",
        [EVERY, *by_name],
        default=EVERY,
        required=True,
        key="predict_head",
        help="The model answers several questions; look at one of them alone. Downloads hold all.",
    )
    if chosen == EVERY:
        return None
    mask = np.zeros(len(model.tree), bool)
    mask[list(by_name[chosen].columns)] = True
    return mask


def _about(model: Model) -> str:
    data = model.facts.get("data", {})
    named = ", ".join(str(name) for name in data.get("datasets", ()))
    fine, parents = int(model.tree.fine_level.sum()), int((model.tree.parent_level & ~model.tree.fine_level).sum())
    text = f"{words.plural(fine, 'concept')}" + (f" under {words.plural(parents, 'broader one')}" if parents else "")
    text += f", learned from {named}" if named else ""
    if model.members > 1:
        text += f"; {model.members} members, whose disagreement is drawn as whiskers"
    return text + ". How far to trust it is on the page Evaluate."


def _limits(model: Model) -> tuple[np.ndarray, bool]:
    """``[C]`` thresholds as the visitor wants them, and whether the likeliest is named anyway."""
    rule = st.segmented_control("Threshold", [OWN, ONE], default=OWN, required=True, key="predict_rule")
    limits = np.asarray(model.thresholds, dtype=np.float32).copy()
    if rule == ONE:
        limits[:] = st.slider("Probability from which a concept is named", 0.01, 0.99, STUDY, 0.01, key="predict_one")
    else:
        with st.popover("Look at them, or change them"):
            limits = _edited(model)
    fallback = st.toggle(
        "name the likeliest anyway",
        key="predict_fallback",
        help="Where nothing reaches its threshold, name the likeliest concept, as the first study did",
    )
    return limits, fallback


def _edited(model: Model) -> np.ndarray:
    import pandas as pd

    frame = pd.DataFrame({"concept": list(model.tree.names), "threshold": model.thresholds.astype(float)})
    column = st.column_config.NumberColumn(min_value=0.0, max_value=1.0, step=0.01, format="%.2f")
    edited: Any = st.data_editor(
        frame,
        key=f"limits_{model.key[:12]}",
        disabled=["concept"],
        hide_index=True,
        column_config={"threshold": column},
        height=320,
    )
    return edited["threshold"].fillna(1.0).clip(0, 1).to_numpy(dtype=np.float32)


def _pictures(view: View, model: Model, limits: np.ndarray, fallback: bool, among: np.ndarray | None) -> None:
    sent = dropped("predict_files")
    parts.note(predicting.LIMITS)
    if not sent:
        return
    answers = _answered(view, model, sent)
    for sentence in answers.notes:
        parts.note(sentence)
    table = predictions_table.of_answers(answers.each, model.tree, limits, fallback=fallback, among=among)
    parts.section(f"{words.plural(len(table), 'picture')}", predictions_table.summary(table))
    chosen = predictions_table.choose(table, key="predict_table")
    predictions_table.downloads(
        lambda: predictions_table.rows_of(answers.each), model, limits, fallback=fallback, key="answers"
    )
    detail(view, model, answers.each[chosen], limits, among)


def _answered(view: View, model: Model, sent: Sequence[predicting.Named]) -> Answers:
    """Answered once; the same pictures under the same model are not asked about again."""
    key = predicting.asked_key(view, model, sent)
    kept: Answers | None = st.session_state.get("predict_answers")
    if kept is not None and kept.key == key:
        return kept
    bar = st.progress(0.0, text="Opening the pictures")
    answers = predicting.answer(view, model, sent, lambda share, text: bar.progress(min(1.0, share), text=text))
    bar.empty()
    st.session_state["predict_answers"] = answers
    return answers


def _selection(view: View, model: Model, limits: np.ndarray, fallback: bool, among: np.ndarray | None) -> None:
    selection = choosing.current()
    rows = choosing.rows(view.run, choosing.found(view.run, selection), selection)
    choosing.chips(selection)
    parts.note(
        f"{words.plural(len(rows), 'picture')} of the current selection; narrow it down on Browse or on the Map."
    )
    if not len(rows):
        return
    known = next((one for one in predicting.of_run(view) if one.stored.manifest["model"]["key"] == model.key), None)
    if known is None or (known.places[rows] < 0).any():
        if not _offer(view, model, rows):
            return
        known = next((one for one in predicting.of_run(view) if one.stored.manifest["model"]["key"] == model.key), None)
        if known is None:
            return
    _shown(view, model, known, rows, limits, fallback, among)


def _offer(view: View, model: Model, rows: np.ndarray) -> bool:
    """Ask the model about the selection when wished; whether it was."""
    images = np.unique(view.run.table["image_id"].to_numpy()[rows])
    if len(rows) > predicting.MOST_REGIONS:
        parts.note("These pictures were not asked about yet.")
        teaching.asking(view, model)
        return False
    if not st.button(f"Ask about these {words.plural(len(rows), 'picture')}", key="predict_ask", type="primary"):
        return False
    from core.learn.predicting import predict_regions

    bar = st.progress(0.0, text="Asking the model")
    predict_regions(
        view.workspace,
        model,
        run=view.run,
        image_ids=[int(image) for image in images],
        workers=2,
        progress=lambda done, total: bar.progress(done / max(1, total), text="Asking the model"),
    )
    bar.empty()
    return True


def _shown(
    view: View,
    model: Model,
    known: RunPredictions,
    rows: np.ndarray,
    limits: np.ndarray,
    fallback: bool,
    among: np.ndarray | None,
) -> None:
    summary = predictions_table.counted(view, known, rows, limits, fallback=fallback, among=among)
    parts.section(f"{words.plural(len(rows), 'picture')}", summary)
    gallery(
        view,
        rows,
        key="predict_gallery",
        label="Pictures with what the model says",
        captions=("ood_score", "group"),
        extra=predicting.lines(known, rows[: predicting.CAPTIONED], limits, among),
        height=560,
    )
    predictions_table.downloads(
        lambda: predictions_table.stored_rows(view, known, rows), model, limits, fallback=fallback, key="selection"
    )

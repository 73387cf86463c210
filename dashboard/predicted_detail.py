"""One picture that a visitor brought: what the model says, how strange it is, and what is most like it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import looking, parts, prediction_figures, words
from dashboard.boundary import sentence
from dashboard.evidence import evidence
from dashboard.gallery import gallery
from dashboard.predicted import verdict

if TYPE_CHECKING:
    from core.assess.outsiders import Strangeness
    from core.learn.models import Model
    from dashboard.predicting import Answer
    from dashboard.state import View


def detail(view: View, model: Model, answer: Answer, limits: np.ndarray, among: np.ndarray | None = None) -> None:
    """Draw it.

    Args:
        among: ``[C]`` mask of the concepts that are spoken of; all by default.
    """
    if answer.probabilities is None:
        parts.empty("This picture was refused", sentence(answer.reason))
        return
    with parts.pair("answer", (1.15, 1)) as (left, right):
        with left, parts.card("brought", answer.name):
            st.image(answer.preview)
            evidence(model, answer.preview, answer.probabilities)
            _strange(view, answer.strange)
        with right, parts.card("said", "What the model says"):
            _bars(view, model, answer, limits, among)
    if answer.strange is not None:
        _nearest(view, answer.strange)


def _bars(view: View, model: Model, answer: Answer, limits: np.ndarray, among: np.ndarray | None) -> None:
    values, spread = answer.probabilities, answer.spread
    assert values is not None
    fine = prediction_figures.bars_table(values, limits, model.tree, parents=False, spread=spread, among=among)
    parts.note(verdict(int(fine["said"].sum()), len(fine)))
    parts.plot(
        prediction_figures.bars(fine, view.theme),
        key="answer_fine",
        alt="Probabilities of the likeliest concepts",
        data=lambda: fine,
    )
    broad = prediction_figures.bars_table(values, limits, model.tree, parents=True, spread=spread, among=among, most=5)
    if len(broad):
        parts.note("Broader concepts; one is never less likely than what it holds.")
        parts.plot(
            prediction_figures.bars(broad, view.theme),
            key="answer_broad",
            alt="Probabilities of the likeliest broader concepts",
            data=lambda: broad,
        )


def _strange(view: View, strange: Strangeness | None) -> None:
    if strange is None:
        parts.note("How strange it is cannot be said in this run.")
        return
    flag, k = view.run.manifest.get("flag", {}), int(view.run.manifest.get("k", 1))
    if strange.flagged:
        parts.badges([("flagged as strange", "flagged")])
        parts.note("The model was not made for pictures like this one: take what it says with care.")
    parts.note(words.score_sentence(strange.score, strange.percentile, k))
    parts.note(words.p_sentence(strange.p_value, flag))


def _nearest(view: View, strange: Strangeness) -> None:
    parts.section("The reference pictures nearest to it", "0 is a copy, 1 is unrelated. A click opens one.")
    gallery(
        view,
        strange.nearest,
        key="answer_nearest",
        label="Nearest reference pictures",
        captions=("concepts", "depth_m"),
        extra=[f"distance {words.score(float(distance))}" for distance in strange.distances],
        layout="strip",
        height=190,
        tools=False,
        on_open=partial(looking.ask, view.run),
    )

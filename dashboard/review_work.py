"""The part of the Review page where decisions are taken: which queue, and the component that goes through it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.review.queues import QUEUES
from core.review.verdicts import verdicts
from dashboard import assets, choosing, explained, parts, reviewing, selecting
from dashboard.listings import LISTINGS
from dashboard.payload import to_json

if TYPE_CHECKING:
    from dashboard.state import View

KEY = "review"
_OPINIONS = {"fresh": "First opinion", "second": "Second opinion"}
_EXTRA = {
    reviewing.DISPUTED: (
        "Reviewers disagree",
        "On which reviewers gave different verdicts; those with most come first.",
    ),
    reviewing.SELECTED: ("Current selection", "What is chosen in Browse or on the Map, strangest first."),
}
_COMPONENT = st.components.v2.component(
    "benthoscope_review",
    css=(Path(__file__).parent / "components" / "review.css").read_text(encoding="utf-8"),
    js=assets.LOADER,
)


def work(view: View) -> None:
    """The choice of a queue, and the queue."""
    queue, rule = _choice(view)
    listing = LISTINGS.add(view.run, selected_rows(view), (), ()).key if queue == reviewing.SELECTED else ""
    data = {
        "module": assets.module("review.js"),
        "base": assets.base(),
        "run": view.run.id,
        "workspace": view.run.info.uid,
        "queue": queue,
        "listing": listing,
        "rule": rule,
        "finished": _finished(queue, rule),
        "verdicts": [vars(verdict) for verdict in verdicts(view.workspace.database)],
        "keys": [list(pair) for pair in explained.REVIEW_KEYS],
    }
    _COMPONENT(key=KEY, data=to_json(data), height="content", on_reviewer_change=_nothing)


def reviewer() -> str:
    """Who reviews in this browser, as the component last said."""
    kept = st.session_state.get(KEY)
    name = kept.get("reviewer") if isinstance(kept, Mapping) else None
    return name.strip()[:100] if isinstance(name, str) else ""


def selected_rows(view: View) -> np.ndarray:
    """Rows of the run in the current selection, strangest first."""
    mask = selecting.find(choosing.index(view.run), choosing.current()).mask
    scores = np.nan_to_num(view.run.table["ood_score"].to_numpy(dtype=float), nan=-1.0)
    rows: np.ndarray = np.flatnonzero(mask)
    return rows[np.argsort(-scores[rows], kind="stable")]


def _choice(view: View) -> tuple[str, str]:
    offered = [name for name, queue in QUEUES.items() if not queue.why_not(view.run)] + list(_EXTRA)
    titles = {name: queue.title for name, queue in QUEUES.items()} | {
        name: title for name, (title, _) in _EXTRA.items()
    }
    says = {name: queue.says for name, queue in QUEUES.items()} | {name: text for name, (_, text) in _EXTRA.items()}
    first, second = st.columns([1, 2.4], vertical_alignment="bottom")
    with first:
        queue = st.selectbox(
            "Queue", offered, format_func=titles.__getitem__, key="queue", bind="query-params", persist_state="session"
        )
    with second:
        rule = st.segmented_control(
            "Opinion",
            list(_OPINIONS),
            default="fresh",
            required=True,
            format_func=_OPINIONS.__getitem__,
            key="opinion",
            label_visibility="collapsed",
            help="A second opinion shows what exactly one other person has decided on, without saying what.",
        )
    lacking = "; ".join(
        f"{queue.title}: {queue.why_not(view.run)}" for queue in QUEUES.values() if queue.why_not(view.run)
    )
    parts.note(" ".join(filter(None, [says[queue], f"Not offered: {lacking}." if lacking else ""])))
    if queue == reviewing.SELECTED:
        choosing.chips(choosing.current())
    return queue, rule


def _finished(queue: str, rule: str) -> str:
    if rule == "second":
        return "There is nothing to give a second opinion on: it needs a decision by exactly one other person."
    if queue == reviewing.DISPUTED:
        return "Reviewers disagree on nothing else."
    return "This queue is done, or what is left is in other reviewers' hands for the moment."


def _nothing() -> None:
    """Streamlit registers a component's events by the presence of a callback."""

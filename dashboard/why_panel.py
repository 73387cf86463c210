"""The image panel's section on "why".

Its strangest and its most familiar place, what it shares with the pictures that it was compared with, what the network
itself takes it for, and the features that add most to its score.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit as st

from dashboard import assets, looking, parts, why, why_facts, why_words, words
from dashboard.gallery import Overlay
from dashboard.payload import to_json

if TYPE_CHECKING:
    from dashboard.state import View

_COMPONENT = st.components.v2.component(
    "benthoscope_why",
    css=(Path(__file__).parent / "components" / "why.css").read_text(encoding="utf-8"),
    js=assets.LOADER,
)


def section(view: View, row: int) -> None:
    """Draw it; nothing where the region was not judged."""
    run = view.run
    if not why.explainable(run) or words.missing(run.table["ood_score"].iloc[row]):
        return
    base = assets.base()
    parts.section("Why?", "Point at a place of either picture to see what it matches in the other; a click holds it.")
    detector = _detector(view, row)
    data = {
        "module": assets.module("why.js"),
        "row": row,
        "key": f"{run.id}-{row}-{detector}",
        "facts": f"{base}/why-facts/{run.id}/{row}?{urlencode({'of': run.key[:16], 'detector': detector})}",
        "match": f"{base}/match/{run.id}/{row}/{{other}}?of={run.key[:16]}",
        "image": f"{base}/image/{{image}}",
        "thumb": f"{base}/thumb/{{image}}",
        "here": why_facts.picture(run, row),
        "nearest": why_facts.nearest(run, row),
        "pooled": bool(run.manifest["embedder"].get("pooled", True)),
    }
    _COMPONENT(key="why", data=to_json(data), height="content", on_open_change=partial(_open, view))


def _detector(view: View, row: int) -> str:
    """Whose score crops and features explain; asked where the run has several, at first the one that flagged."""
    offered = why.detectors(view.run)
    if len(offered) == 1:
        return offered[0]
    first = why.flagging(view.run, row)
    return st.selectbox(
        "In the eyes of",
        offered,
        index=offered.index(first),
        format_func=why_words.judge,
        key=f"why_detector_{view.run.id}_{row}",
        help="Whose score the crops and the features explain; at first the detector that flagged the picture",
    )


def _open(view: View) -> None:
    """Show a picture that was pressed."""
    row: Any = st.session_state["why"].get("open")
    if isinstance(row, int) and 0 <= row < len(view.run.table):
        looking.ask(view.run, row)


def matches(view: View, row: int) -> Overlay | None:
    """What the pictures of a gallery share with a row, for its switch."""
    if not why.explainable(view.run) or words.missing(view.run.table["ood_score"].iloc[row]):
        return None
    url = why.overlay_url(view.run, why.Wanted("match", other=row))
    return Overlay(url, "what they share", "Orange is what makes them like the picture above")

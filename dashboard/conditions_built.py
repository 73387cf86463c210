"""Conditions built by clicking: a field, then what it is to be; the words of `core.catalogue.conditions` come out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import streamlit as st

from core.catalogue import spoken
from dashboard import parts

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = {
    "depth_m": "Depth, m",
    "altitude_m": "Height over ground, m",
    "latitude": "Latitude",
    "longitude": "Longitude",
}
TEXTS = {"camera": "Camera", "site": "Site", "group": "Group (dive)", "concepts": "Concept", "dataset": "Dataset"}
TIME = {"taken_at": "Date"}


def fields(images: pd.DataFrame) -> dict[str, str]:
    """Column → title of what these images can be told apart by."""
    found = {}
    for name, title in {**NUMBERS, **TIME, **TEXTS}.items():
        column = images[name]
        values = column.explode().dropna() if name == "concepts" else column.dropna()
        if values.astype("str").replace("", None).dropna().nunique() > 1:
            found[name] = title
    return found


def builder(key: str, title: str, images: pd.DataFrame, otherwise: str) -> tuple[str, ...]:
    """Draw the list of conditions and the way to add one; returns them."""
    kept: list[str] = st.session_state.setdefault(f"{key}_conditions", [])
    parts.section(title, "" if kept else otherwise)
    for place, condition in enumerate(kept):
        st.button(
            parts.unmarked(spoken.in_words((condition,), "")),
            key=f"{key}_drop_{place}",
            icon=":material/close:",
            on_click=kept.remove,
            args=(condition,),
            help="Take it away",
        )
    known = fields(images)
    if not known:
        parts.note("Nothing is known of these images that could tell them apart.")
        return tuple(kept)
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}_new"):
        field = st.selectbox("Where", list(known), key=f"{key}_field", format_func=known.__getitem__)
        wanted = _value(key, field, images)
        st.button("Add", key=f"{key}_add", disabled=not wanted, on_click=_add, args=(kept, wanted))
    return tuple(kept)


def _add(kept: list[str], wanted: str) -> None:
    if wanted and wanted not in kept:
        kept.append(wanted)


def middle(low: float, high: float) -> float:
    """A round number about half way between two; within them."""
    if not high > low:
        return low
    step = 10.0 ** math.floor(math.log10((high - low) / 4))
    return min(max(round((low + high) / 2 / step) * step, low), high)


def _value(key: str, field: str, images: pd.DataFrame) -> str:
    """The condition that the widgets say now; empty while they say nothing."""
    if field in NUMBERS:
        low, high = float(images[field].min()), float(images[field].max())
        op = st.segmented_control(
            "is",
            ["below", "at least"],
            default="below",
            required=True,
            label_visibility="collapsed",
            key=f"{key}_{field}_op",
        )
        number = st.number_input("Value", low, high, value=middle(low, high), key=f"{key}_{field}_value")
        return f"{field}{'<' if op == 'below' else '>='}{number:g}"
    if field in TIME:
        days = images[field].dropna().dt.date
        op = st.segmented_control(
            "is",
            ["before", "from"],
            default="before",
            required=True,
            label_visibility="collapsed",
            key=f"{key}_{field}_op",
        )
        day = st.date_input("Day", value=max(days), key=f"{key}_{field}_value")
        return f"{field}{'<' if op == 'before' else '>='}{day}"
    column = images[field].explode() if field == "concepts" else images[field]
    counts = column.dropna().astype("str").value_counts()
    names = [name for name in counts.index if name][:500]
    op = st.segmented_control(
        "is", ["is", "is not"], default="is", required=True, label_visibility="collapsed", key=f"{key}_{field}_op"
    )
    chosen = st.selectbox(
        "Value",
        names,
        index=None,
        key=f"{key}_{field}_value",
        format_func=lambda name: f"{name} ({counts[name]:,})",
        placeholder="choose",
    )
    name = "concept" if field == "concepts" else field
    return f'{name}{"=" if op == "is" else "!="}"{chosen}"' if chosen else ""

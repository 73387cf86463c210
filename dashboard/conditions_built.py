"""Conditions built by clicking: a field, then what it is to be; the words of `core.catalogue.conditions` come out."""

from __future__ import annotations

import math
from datetime import date
from functools import cached_property
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


class Choices:
    """What conditions on some images can be made of, looked for once.

    Args:
        images: `core.catalogue.overview.image_table`.
    """

    def __init__(self, images: pd.DataFrame) -> None:
        self.images = images
        self._counts: dict[str, dict[str, int]] = {}

    @cached_property
    def fields(self) -> dict[str, str]:
        """Column → title of what these images can be told apart by."""
        known = {name: title for name, title in {**NUMBERS, **TIME}.items() if self.images[name].nunique() > 1}
        return known | {name: title for name, title in TEXTS.items() if len(self.counts(name)) > 1}

    @cached_property
    def ends(self) -> dict[str, tuple[float, float]]:
        """Lowest and highest value of each column of numbers in `fields`."""
        return {name: (float(self.images[name].min()), float(self.images[name].max())) for name in NUMBERS}

    @cached_property
    def last_day(self) -> date:
        """The day of the newest image."""
        return self.images["taken_at"].max().date()

    def counts(self, field: str) -> dict[str, int]:
        """Images by value of a column of text, the most frequent first; without those that say nothing."""
        if field not in self._counts:
            column = self.images[field].explode() if field == "concepts" else self.images[field]
            counted = column.dropna().astype("str").value_counts()
            self._counts[field] = {str(name): int(many) for name, many in counted.items() if name}
        return self._counts[field]


def builder(key: str, title: str, choices: Choices, otherwise: str) -> tuple[str, ...]:
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
    known = choices.fields
    if not known:
        parts.note("Nothing is known of these images that could tell them apart.")
        return tuple(kept)
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}_new"):
        field = st.selectbox("Where", list(known), key=f"{key}_field", format_func=known.__getitem__)
        wanted = _value(key, field, choices)
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


def _value(key: str, field: str, choices: Choices) -> str:
    """The condition that the widgets say now; empty while they say nothing."""
    if field in NUMBERS:
        low, high = choices.ends[field]
        op = st.segmented_control(
            "is",
            ["below", "at least"],
            default="below",
            required=True,
            label_visibility="collapsed",
            format_func=lambda op: "less than" if field == "depth_m" and op == "below" else op,
            key=f"{key}_{field}_op",
        )
        number = st.number_input("Value", low, high, value=middle(low, high), format="%.8g", key=f"{key}_{field}_value")
        return f"{field}{'<' if op == 'below' else '>='}{number:g}"
    if field in TIME:
        op = st.segmented_control(
            "is",
            ["before", "from"],
            default="before",
            required=True,
            label_visibility="collapsed",
            key=f"{key}_{field}_op",
        )
        day = st.date_input("Day", value=choices.last_day, key=f"{key}_{field}_value")
        return f"{field}{'<' if op == 'before' else '>='}{day}"
    counts = choices.counts(field)
    op = st.segmented_control(
        "is", ["is", "is not"], default="is", required=True, label_visibility="collapsed", key=f"{key}_{field}_op"
    )
    chosen = st.selectbox(
        "Value",
        list(counts)[:500],
        index=None,
        key=f"{key}_{field}_value",
        format_func=lambda name: f"{name} ({counts[name]:,})",
        placeholder="choose",
    )
    name = "concept" if field == "concepts" else field
    return f'{name}{"=" if op == "is" else "!="}"{chosen}"' if chosen else ""

"""What a table's columns mean, mapped with the mouse: each with its first values and a guess that a click changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from core.artefacts import canonical_json, digest
from core.catalogue.formats.columns import KEPT
from dashboard import parts

TOLD = "opt_columns"
ROLES = {
    "file": "the image's file",
    "time": "date and time",
    "date": "date",
    "clock": "time of day",
    "latitude": "latitude",
    "longitude": "longitude",
    "depth": "depth, metres down",
    "sea altitude": "height over the sea, metres",
    "ground distance": "height over the ground, metres",
    "camera": "camera",
    "site": "site",
    "labels": "labels",
    "group": "group (dive, transect)",
    KEPT: "kept as it is",
}
"""Role → how a person calls it."""
_SAID = {
    "file": "file",
    "time of day": "clock",
    "time": "time",
    "date": "date",
    "latitude": "latitude",
    "longitude": "longitude",
    "depth": "depth",
    "height over the surface": "sea altitude",
    "height over the ground": "ground distance",
    "camera": "camera",
    "site": "site",
    "labels": "labels",
    "group": "group",
}
"""How readers say what they used a column as (its beginning) → role."""
_VALUES = 3
_MOST_ROWS = 12
_TABLES = (".csv", ".tsv", ".txt", ".parquet", ".pq")


def told() -> tuple[dict[str, str], str | None]:
    """What was said so far: column → role, and the column of the group."""
    said: dict[str, str] = dict(st.session_state.get(TOLD, {}))
    group = next((column for column, role in said.items() if role == "group"), None)
    return {column: role for column, role in said.items() if role != "group"}, group


def columns_of(path: Path) -> list[str]:
    """A table's columns; nothing where it is none."""
    return list(_samples(str(path), path.stat().st_mtime_ns)) if path.is_file() else []


def role_said(meaning: str) -> str:
    """The role behind a reader's words about a column."""
    return next((role for start, role in _SAID.items() if meaning.startswith(start)), KEPT)


def editor(path: Path, meanings: Mapping[str, str]) -> tuple[str, ...]:
    """The columns as a table whose last column is chosen with the mouse; returns the columns that it shows.

    Args:
        meanings: Column → how a reader used it; empty where it could not read the table.
    """
    import pandas as pd

    samples = _samples(str(path), path.stat().st_mtime_ns)
    if not samples:
        return ()
    said: dict[str, str] = st.session_state.get(TOLD, {})
    used = {column: role_said(meanings.get(column, "")) for column in samples}
    roles = {column: said.get(column, used[column]) for column in samples}
    parts.section(
        "What the columns are", "Guessed by their names. Where a guess is wrong, choose in the last column what it is."
    )
    frame = pd.DataFrame(
        {
            "column": list(samples),
            "first values": [", ".join(values) for values in samples.values()],
            **({"read as": [meanings.get(column, "") for column in samples]} if meanings else {}),
            "is": [ROLES[roles[column]] for column in samples],
        }
    )
    key = f"map_{digest(canonical_json([str(path), roles]))[:12]}"
    st.data_editor(
        frame,
        key=key,
        hide_index=True,
        disabled=["column", "first values", "read as"],
        height="content" if len(frame) <= _MOST_ROWS else 420,
        column_config={
            "first values": st.column_config.TextColumn(width=180),  # the last column has to be in sight
            "is": st.column_config.SelectboxColumn(options=list(ROLES.values()), required=True),
        },
        on_change=_changed,
        args=(key, list(samples)),
    )
    return tuple(samples)


def _changed(key: str, columns: list[str]) -> None:
    """Take the change over; a role that only one column can have leaves the column that had it."""
    edits: dict[int, dict[str, Any]] = st.session_state[key]["edited_rows"]
    said = dict(st.session_state.get(TOLD, {}))
    by_title = {title: role for role, title in ROLES.items()}
    for place, change in edits.items():
        role = by_title.get(str(change.get("is")))
        if role is None:
            continue
        for other in [column for column, had in said.items() if had == role and role != KEPT]:
            said[other] = KEPT
        said[columns[int(place)]] = role
    st.session_state[TOLD] = said


@st.cache_data(max_entries=8, show_spinner=False)
def _samples(path: str, stamp: int) -> dict[str, list[str]]:
    """Column → its first values that are not empty; nothing where the source is no table."""
    from core.catalogue.formats.loading import load_sheet
    from core.catalogue.formats.report import Report
    from core.errors import FormatError

    if Path(path).suffix.lower() not in _TABLES:
        return {}
    try:
        sheet = load_sheet(Path(path), Report())
    except FormatError:
        return {}
    found = {}
    for place, name in enumerate(sheet.header):
        values = dict.fromkeys(row[place].strip()[:40] for row in sheet.rows[:200])
        found[name] = [value for value in values if value][:_VALUES]
    return found

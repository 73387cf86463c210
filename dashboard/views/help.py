"""Help: what do the numbers mean?"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import believing, explained, explained_detectors, findings, parts
from dashboard.explained import Entry
from dashboard.state import View


def page(view: View) -> None:
    """Draw the page."""
    parts.heading(
        "What do the numbers mean?",
        "Every score and rule with its formula and its source. All scores point the same way: larger is stranger.",
    )
    parts.note(f"In this run: {findings.rule_sentence(view.run.manifest.get('flag', {}))}")
    parts.section("How strange is it?")
    _entries("scores", explained.SCORES)
    parts.section("Which detector, and what may be listed?")
    _entries("detectors", explained_detectors.DETECTORS)
    parts.section("Where does it sit?")
    _entries("places", explained.PLACES)
    parts.section("Why is it strange?")
    _entries("reasons", explained.REASONS)
    believing.section(view)
    parts.section("How far can a model be trusted?")
    _entries("trust", explained.TRUST)
    parts.section("Has anything changed?")
    _entries("drift", explained_detectors.DRIFT)
    with parts.pair("learn") as (left, right):
        with left, parts.card("glossary", "Words"):
            parts.facts(explained.GLOSSARY)
        with right, parts.card("keys", "Keys"):
            parts.facts(explained.KEYS)
            parts.facts(explained.REVIEW_KEYS, "While reviewing")


def _entries(key: str, entries: Sequence[Entry]) -> None:
    for first in range(0, len(entries), 2):
        with parts.pair(f"{key}_{first}") as places:
            for place, entry in zip(places, entries[first : first + 2], strict=False):
                with place, parts.card(f"help_{parts.slug(entry.title)}", entry.title):
                    parts.paragraph(entry.text)
                    if entry.formula:
                        st.latex(entry.formula)
                    parts.note(entry.where)
                    parts.note(f"Source: {entry.source}" if entry.source else "")

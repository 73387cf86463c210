"""Help: what do the numbers mean?"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import believing, explained, explained_detectors, explained_looking, explained_work, findings, parts
from dashboard.explained import Entry
from dashboard.state import View

SECTIONS = (
    ("How strange is it?", explained.SCORES),
    ("Which detector, and what may be listed?", explained_detectors.DETECTORS),
    ("What is shown, and how is it counted?", explained_looking.LOOKING),
    ("Where does it sit?", (*explained.PLACES, *explained_looking.ARRANGING)),
    ("Why is it strange?", explained.REASONS),
    ("How far can a model be trusted?", explained.TRUST),
    ("Has anything changed?", explained_detectors.DRIFT),
    ("Who decides, and what is taken home?", explained_looking.DECIDING),
)
"""What is explained, in its order."""


def page(view: View) -> None:
    """Draw the page."""
    parts.heading(
        "What do the numbers mean?",
        "Every score and rule with its formula and its source. All scores point the same way: larger is stranger.",
    )
    parts.note(f"In this run: {findings.rule_sentence(view.run.manifest.get('flag', {}))}")
    wanted = st.text_input(
        "Find in this page", key="find", placeholder="a word, such as haze", bind="query-params", width=320
    ).strip()
    found = False
    for title, entries in SECTIONS:
        found |= _section(title, entries, wanted)
        if entries is explained.REASONS and not wanted:
            believing.section(view)
    if not found:
        parts.note("No rule here has that word; the words and keys are below.")
    parts.section("How is the work done?")
    _entries("work", explained_work.WORK)
    with parts.pair("learn") as (left, right):
        with left, parts.card("glossary", "Words"):
            parts.facts(explained.GLOSSARY)
        with right, parts.card("keys", "Keys"):
            parts.facts(explained.KEYS)
            parts.facts(explained.REVIEW_KEYS, "While reviewing")


def _section(title: str, entries: Sequence[Entry], wanted: str) -> bool:
    """The entries that have a word in them, all without one; whether there are any."""
    fits = [entry for entry in entries if wanted.casefold() in f"{entry.title} {entry.text} {entry.where}".casefold()]
    if fits:
        parts.section(title)
        _entries(parts.slug(title), fits)
    return bool(fits)


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

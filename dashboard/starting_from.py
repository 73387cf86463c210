"""An earlier run's settings as the beginning of a new one: they fill the form, what it has no field for comes along."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import streamlit as st

from core.between import settings_between
from core.processing.steps import KINDS, parse
from dashboard import parts, settings_words, weighing

if TYPE_CHECKING:
    from core.runs import RunInfo
    from core.settings import RunSettings
    from core.workspace import Workspace
    from dashboard.desk import Desk

FROM = "start_from"
_FILLED = (
    "start_regions",
    "start_embedder",
    "start_side",
    "start_alpha",
    "start_detectors",
    "start_model",
    "start_fast",
    "start_search",
    "start_steps",
    weighing.WAY,
)
"""Fields that the usual settings empty again."""


def chooser(desk: Desk, known: Collection[str]) -> RunInfo | None:
    """Draw the choice; the run whose settings are begun with, ``None`` for the usual ones."""
    runs = {info.id: info for info in desk.runs}
    if not runs:
        return None
    if st.session_state.get(FROM) not in runs:  # put away meanwhile
        st.session_state.pop(FROM, None)
    chosen = st.selectbox(
        "Start from",
        list(runs),
        index=None,
        key=FROM,
        format_func=lambda number: f"the settings of run {number} · {runs[number].name}",
        placeholder="the usual settings",
        on_change=_changed,
        args=(desk.workspace, runs, frozenset(known)),
    )
    return None if chosen is None else runs[chosen]


def _changed(space: Workspace, runs: dict[int, RunInfo], known: frozenset[str]) -> None:
    chosen = runs.get(st.session_state.get(FROM) or 0)
    if chosen is None:
        for key in _FILLED:
            st.session_state.pop(key, None)
        for key in ("reference_conditions", "target_conditions"):
            st.session_state[key] = []
    else:
        fill(space, chosen.settings, known)


def fill(space: Workspace, settings: RunSettings, known: frozenset[str]) -> None:
    """Write settings into the fields of the form; before they are drawn."""
    steps = [parse(text) for text in settings.embed.steps]
    st.session_state.update(
        {
            "start_datasets": [name for name in settings.datasets if name in known],
            "reference_conditions": list(settings.reference),
            "target_conditions": list(settings.target),
            "start_regions": str(settings.regions),
            "start_embedder": settings.embed.embedder,
            "start_side": settings.embed.short_side,
            "start_alpha": settings.ood.alpha,
            "start_detectors": list(settings.ood.detectors),
            "start_model": settings.ood.model,
            "start_fast": settings.projection.fast,
            "start_search": settings.search.method,
            "start_steps": [step.name for step in steps],
            **{f"start_steps_{step.name}": step.number for step in steps if KINDS[step.name].number},
        }
    )
    weighing.fill(space, settings.embed.weights)


def told(base: RunInfo, settings: RunSettings, plain: RunSettings, known: Collection[str]) -> None:
    """Say what comes along without a field of the form, and what does not.

    Args:
        settings: What would be run.
        plain: The same without the earlier run.
    """
    gone = [name for name in base.settings.datasets if name not in known]
    if gone:
        parts.note(f"Of its datasets {', '.join(gone)} cannot be taken: put away, renamed, or without images.")
    along = [
        f"{settings_words.title(name)} {settings_words.told(name, value)}"
        for name, _, value in settings_between(plain, settings)
    ]
    if along:
        parts.note(f"As in run {base.id}, without a field here: {'; '.join(along)}.")
    if base.settings.known is not None:
        parts.note(
            "What reviewers judged known had joined its reference. That does not come along: a new run of that kind is "
            "made on Review."
        )

"""Jobs: what is being done?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from core.console import duration
from core.jobs.asking import book, log_tail, retry
from core.jobs.book import ENDED, JobInfo
from dashboard import following, going, leading, parts, words
from dashboard.boundary import sentence
from dashboard.desk import Desk

if TYPE_CHECKING:
    from core.workspace import Workspace

_STATES = {
    "waiting": "waits",
    "running": "at work",
    "done": "done",
    "failed": "failed",
    "cancelled": "stopped",
}
SHOWN = 25


def page(desk: Desk) -> None:
    """Draw the page."""
    parts.heading(
        "What is being done?",
        "Imports, runs, models and exports wait here for their turn: one at a time that computes, one at a time that "
        "handles files. They go on when the browser is closed, and after a crash.",
    )
    live = bool(book(desk.workspace).jobs(states=("waiting", "running"), limit=1))
    st.fragment(_queue, run_every=1.0 if live else None)(desk.workspace)


def _queue(space: Workspace) -> None:
    found = book(space)
    active = found.jobs(states=("waiting", "running"))
    ended = found.jobs(states=ENDED, limit=SHOWN)
    if not active and not ended:
        parts.note("Nothing was asked for yet. Imports begin on Datasets, runs on Runs.")
        if st.button("Bring images", key="jobs_bring", type="primary"):
            going.go("datasets", {})
        return
    had = st.session_state.get("jobs_active")
    st.session_state["jobs_active"] = len(active)
    if had and not active:
        st.rerun()  # the page stops looking, and the rest of it may have something new to show
    parts.section("Now", "" if active else "Nothing waits and nothing is at work.")
    for job in reversed(active):
        _job(space, job)
    if ended:
        parts.section("Before")
        for job in ended:
            _job(space, job)


def _job(space: Workspace, job: JobInfo) -> None:
    with st.container(border=True, key=f"card_job_{job.id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            parts.facts([(f"{job.id} · {_STATES[job.state]}", job.title)])
            _buttons(space, job)
        if job.state == "running":
            following.progress(job)
        said = str(job.result.get("sentence") or job.error)
        parts.note(" · ".join(part for part in (_times(job), sentence(said) if said else "") if part))
        with st.expander("Log", key=f"job_log_{job.id}"):
            lines = log_tail(space.root, job.id, 60)
            st.code("\n".join(lines) or "Nothing was written yet.", language=None, wrap_lines=True)


def _times(job: JobInfo) -> str:
    if job.state == "waiting":
        return f"asked {words.when(job.created_at)}"
    if job.started_at is None:
        return ""
    end = job.finished_at or datetime.now(UTC)
    return f"began {words.when(job.started_at)}, {duration((end - job.started_at).total_seconds())}"


def _buttons(space: Workspace, job: JobInfo) -> None:
    if job.state in ("waiting", "running"):
        following.cancel(space, job, f"job_cancel_{job.id}")
    elif job.state in ("failed", "cancelled"):
        # Outside the fragment: the page begins to look again.
        if st.button("Retry", key=f"job_retry_{job.id}", help="What was finished is kept; it goes on from there"):
            retry(space, job.id)
            st.rerun()
    elif (way := leading.way(job)) is not None and st.button(way.label, key=f"job_open_{job.id}"):
        leading.follow(way)

"""Jobs: what is being done?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from core.console import duration
from core.jobs.asking import book, log_tail, retry
from core.jobs.book import ENDED, JobInfo
from dashboard import going, parts, waiting, words
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
_SILENT = timedelta(seconds=60)
SHOWN = 25


def page(desk: Desk) -> None:
    """Draw the page."""
    parts.heading(
        "What is being done?",
        "Imports, runs and exports wait here for their turn: one at a time that computes, one at a time that handles "
        "files. They go on when the browser is closed, and after a crash.",
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
            progress(job)
        said = str(job.result.get("sentence") or job.error)
        parts.note(" · ".join(part for part in (_times(job), sentence(said) if said else "") if part))
        with st.expander("Log", key=f"job_log_{job.id}"):
            lines = log_tail(space.root, job.id, 60)
            st.code("\n".join(lines) or "Nothing was written yet.", language=None, wrap_lines=True)


def progress(job: JobInfo) -> None:
    """How far a job is, as a bar with rate and time left."""
    if not job.stage:
        st.progress(0.0, text="It is just starting.")
        return
    share = job.done / job.total if job.total else 0.0
    counted = f": {words.count(job.done)} of {words.count(job.total)}" if job.total > 1 else ""
    pace = f" · {job.pace.rate:,.0f} a second" if job.pace.rate >= 1 and job.done < job.total else ""
    left = waiting.left(job.pace.seconds_left) if job.done < job.total else ""
    now = datetime.now(UTC)
    silence = " · nothing heard for a minute" if job.heard_at and now - job.heard_at > _SILENT else ""
    stopping = " · stopping at the next step" if job.cancel_requested else ""
    name = waiting.STAGES.get(job.stage, job.stage)
    st.progress(min(1.0, share), text=f"{name}{counted}{pace}{left}{silence}{stopping}")


def _times(job: JobInfo) -> str:
    if job.state == "waiting":
        return f"asked {words.when(job.created_at)}"
    if job.started_at is None:
        return ""
    end = job.finished_at or datetime.now(UTC)
    return f"began {words.when(job.started_at)}, {duration((end - job.started_at).total_seconds())}"


def _buttons(space: Workspace, job: JobInfo) -> None:
    if job.state in ("waiting", "running"):
        st.button(
            "Cancel",
            key=f"job_cancel_{job.id}",
            disabled=job.cancel_requested,
            on_click=book(space).request_cancel,
            args=(job.id,),
        )
    elif job.state in ("failed", "cancelled"):
        # Outside the fragment: the page begins to look again.
        if st.button("Retry", key=f"job_retry_{job.id}", help="What was finished is kept; it goes on from there"):
            retry(space, job.id)
            st.rerun()
    elif job.kind == "run" and st.button("Open", key=f"job_open_{job.id}"):
        st.query_params["run"] = str(job.result["run"])
        going.go("overview", {"run": str(job.result["run"])})
    elif job.kind == "import" and st.button("Look", key=f"job_open_{job.id}"):
        going.go("datasets", {})
    elif job.kind in ("export", "report") and st.button("To Outputs", key=f"job_open_{job.id}"):
        going.go("outputs", {})

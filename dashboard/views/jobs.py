"""Jobs: what is being done?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from core.console import duration
from core.jobs.asking import book, log_path, log_tail, retry
from core.jobs.book import ENDED, JobInfo
from core.jobs.lanes import LANES
from dashboard import following, going, leading, parts, waiting, words
from dashboard.boundary import sentence
from dashboard.desk import Desk, follows

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
"""Ended jobs on the page."""
LINES = 60
"""Lines of a log that are shown: the last ones."""


def page(desk: Desk) -> None:
    """Draw the page."""
    parts.heading(
        "What is being done?",
        "Imports, runs, models and exports wait here for their turn: one at a time that computes, one at a time that "
        "handles files. They go on when the browser is closed, and after a crash.",
    )
    follows()
    found = book(desk.workspace)
    active = tuple(job.id for job in reversed(found.jobs(states=("waiting", "running"))))
    if not active and not found.jobs(limit=1):
        parts.note("Nothing was asked for yet. Imports begin on Datasets, runs on Runs.")
        if st.button("Bring images", key="jobs_bring", type="primary"):
            going.go("datasets", {})
        return
    with st.container(key="jobs_now"):
        st.fragment(_now, run_every=following.EVERY if active else None)(desk.workspace, active)
    st.fragment(_before)(desk.workspace, active)


def _now(space: Workspace, active: tuple[int, ...]) -> None:
    """What was active when the page was drawn; news of an end or a new job draw the page anew."""
    found = book(space)
    jobs = [found.job(number) for number in active]
    parts.section("Now", "" if active else "Nothing waits and nothing is at work.")
    ahead = dict.fromkeys(LANES, 0)
    for job in jobs:
        _job(space, job, ahead[job.lane])
        ahead[job.lane] += job.state in ("waiting", "running")


def _before(space: Workspace, active: tuple[int, ...]) -> None:
    """What has ended; each log is read when somebody opens it."""
    ended = [job for job in book(space).jobs(states=ENDED, limit=SHOWN) if job.id not in active]
    if ended:
        parts.section("Before")
    for job in ended:
        _job(space, job)


def _job(space: Workspace, job: JobInfo, ahead: int = 0) -> None:
    with st.container(border=True, key=f"card_job_{job.id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            parts.facts([(f"{job.id} · {_STATES[job.state]}", job.title)])
            _buttons(space, job)
        if job.state == "running":
            following.progress(job)
        said = str(job.result.get("sentence") or job.error)
        line = f"{words.plural(ahead, 'job')} before it" if job.state == "waiting" and ahead else _left_at(job)
        parts.note(" · ".join(part for part in (_times(job), line, sentence(said) if said else "") if part))
        if log_path(space.root, job.id).exists():
            _log(space, job)


def _log(space: Workspace, job: JobInfo) -> None:
    """The last lines of what the job wrote, read when somebody opens them."""
    log = st.expander("Log", key=f"job_log_{job.id}", on_change="rerun")
    if log.open:
        lines = log_tail(space.root, job.id, LINES)
        log.code("\n".join(lines) or "Nothing was written yet.", language=None, wrap_lines=True)


def _left_at(job: JobInfo) -> str:
    """Where a job was left that did not end well."""
    if job.state not in ("failed", "cancelled") or job.total <= 1:
        return ""
    return f"left at {waiting.STAGES.get(job.stage, job.stage)}, {words.count(job.done)} of {words.count(job.total)}"


def _times(job: JobInfo) -> str:
    if job.state == "waiting":
        return f"asked {words.when(job.created_at)}"
    if job.started_at is None:
        return ""
    end = job.finished_at or datetime.now(UTC)
    lasted = duration((end - job.started_at).total_seconds())
    return f"began {words.when(job.started_at)}, {f'took {lasted}' if job.finished_at else f'{lasted} so far'}"


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

"""Jobs that a page waits for: how far they are, a way to stop them, and the page drawn anew when one has ended."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from core.jobs.asking import book
from dashboard import parts, waiting, words

if TYPE_CHECKING:
    from core.jobs.book import JobInfo
    from core.workspace import Workspace

_SILENT = timedelta(seconds=60)


def section(space: Workspace, kinds: Collection[str], title: str = "At work") -> None:
    """The jobs of these kinds that wait or are at work; nothing when there are none."""
    active = [job for job in book(space).jobs(states=("waiting", "running")) if job.kind in kinds]
    if active:
        st.fragment(_follow, run_every=1.0)(space, frozenset(job.id for job in active), title)


def _follow(space: Workspace, followed: frozenset[int], title: str) -> None:
    now = [book(space).job(number) for number in sorted(followed)]
    if any(job.state not in ("waiting", "running") for job in now):
        st.rerun()
    with parts.card(f"following_{parts.slug(title)}", title):
        for job in now:
            with st.container(horizontal=True, vertical_alignment="center"):
                parts.note(job.title)
                cancel(space, job, f"follow_cancel_{job.id}")
            progress(job) if job.state == "running" else parts.note("It waits for its turn.")


def cancel(space: Workspace, job: JobInfo, key: str) -> None:
    """The button that stops a job."""
    st.button("Cancel", key=key, disabled=job.cancel_requested, on_click=book(space).request_cancel, args=(job.id,))


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

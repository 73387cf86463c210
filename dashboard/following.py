"""Jobs that a page waits for: how far they are, a way to stop them, and the page drawn anew when one has ended."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from core.jobs.asking import book
from dashboard import desk, parts, waiting, words

if TYPE_CHECKING:
    from core.jobs.book import JobInfo
    from core.workspace import Workspace

EVERY = 1.0
"""Seconds between two looks at a job that goes on."""
_SILENT = timedelta(seconds=60)


def section(space: Workspace, kinds: Collection[str], title: str = "At work") -> None:
    """The jobs of these kinds that wait or are at work; an empty place when there are none.

    The place is there in any case: what stands below keeps where it is, and with it a list that somebody has open.
    """
    desk.follows()
    active = [job for job in book(space).jobs(states=("waiting", "running")) if job.kind in kinds]
    with st.container(key=f"followed_{parts.slug(title)}"):
        if active:
            st.fragment(_follow, run_every=EVERY)(space, frozenset(job.id for job in active), title)


def _follow(space: Workspace, followed: frozenset[int], title: str) -> None:
    now = [book(space).job(number) for number in sorted(followed)]
    with parts.card(f"following_{parts.slug(title)}", title):
        for job in now:
            with st.container(horizontal=True, vertical_alignment="center"):
                parts.note(job.title)
                if job.state in ("waiting", "running"):
                    cancel(space, job, f"follow_cancel_{job.id}")
            if job.state == "running":
                progress(job)
            else:  # an ended one stands here until the page is drawn anew, which the news see to
                parts.note("It waits for its turn." if job.state == "waiting" else "It has ended.")


def cancel(space: Workspace, job: JobInfo, key: str) -> None:
    """The button that stops a job."""
    st.button("Cancel", key=key, disabled=job.cancel_requested, on_click=book(space).request_cancel, args=(job.id,))


def progress(job: JobInfo) -> None:
    """How far a job is, as a bar with rate and time left."""
    now = datetime.now(UTC)
    silence = " · nothing heard for a minute" if job.heard_at and now - job.heard_at > _SILENT else ""
    if not job.stage:
        st.progress(0.0, text=f"{'Stopping before it begins' if job.cancel_requested else 'Just starting'}{silence}")
        return
    share = job.done / job.total if job.total else 0.0
    counted = f": {words.count(job.done)} of {words.count(job.total)}" if job.total > 1 else ""
    pace = f" · {job.pace.rate:,.0f} a second" if job.pace.rate >= 1 and job.done < job.total else ""
    left = waiting.left(job.pace.seconds_left) if job.done < job.total else ""
    stopping = " · stopping at the next step" if job.cancel_requested else ""
    name = waiting.STAGES.get(job.stage, job.stage)
    st.progress(min(1.0, share), text=f"{name}{counted}{pace}{left}{silence}{stopping}")

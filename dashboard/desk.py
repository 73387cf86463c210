"""What pages draw from that need no run: the workspace, and asking for jobs in a visitor's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import streamlit as st

from dashboard import leading, news, parts
from dashboard.boundary import sentence

if TYPE_CHECKING:
    from core.jobs.book import JobInfo
    from core.runs import RunInfo
    from core.workspace import Workspace
    from dashboard.theme import Theme

ACTOR = "dashboard"
_SEEN = "jobs_seen"
_NEWS = "jobs_news"
_FOLLOWS = "jobs_followed"
MOST_NEWS = 3
"""Ended jobs that are told of at once."""
_ENDINGS = {"done": "is done", "failed": "failed", "cancelled": "was stopped"}


@dataclass(frozen=True)
class Desk:
    """Everything that a page without a run draws from.

    Attributes:
        runs: All runs of the workspace that are not archived, newest first; there may be none.
    """

    workspace: Workspace
    runs: tuple[RunInfo, ...]
    theme: Theme


def ask(space: Workspace, kind: str, title: str, arguments: Mapping[str, Any], *, key: str) -> JobInfo:
    """Ask for a job; the same ``key`` on the page asks once until `asked` is told to forget it."""
    from core.jobs.asking import ask as ask_for

    known = st.session_state.setdefault(f"job_key_{key}", uuid4().hex)
    job = ask_for(space, kind, title, arguments, actor=ACTOR, key=known)
    st.session_state[f"job_key_{key}"] = uuid4().hex
    return job


def notices(space: Workspace) -> None:
    """Tell on any page when a job has ended; drawn before the page, which may say that it `follows` the jobs."""
    st.session_state[_FOLLOWS] = False
    st.fragment(_tell)(space)


def follows() -> None:
    """The page that is drawn shows jobs: it is drawn anew when one is asked for, begins or ends."""
    st.session_state[_FOLLOWS] = True


def _tell(space: Workspace) -> None:
    from core.jobs.book import ENDED

    now = news.token(space)
    if news.watch(now) and st.session_state.get(_FOLLOWS):
        st.rerun()
    jobs = news.jobs(space, now)
    ended = {job.id: job for job in jobs if job.state in ENDED}
    endings = {(job.id, job.finished_at): job for job in ended.values()}  # a job that is tried again ends again
    seen = st.session_state.get(_SEEN)
    st.session_state[_SEEN] = set(endings) if seen is None else seen | set(endings)
    for job in [] if seen is None else [job for ending, job in endings.items() if ending not in seen]:
        said = str(job.result.get("sentence") or job.error)
        text = f"{job.title} {_ENDINGS[job.state]}. {sentence(said)}".strip()
        st.toast(parts.unmarked(text), icon=":material/done:" if job.state == "done" else ":material/error:")
        if leading.way(job) is not None:
            _put_away(job.id)
            st.session_state[_NEWS] = [job.id, *st.session_state[_NEWS]][:MOST_NEWS]
    at_work = [job for job in jobs if job.state not in ENDED]
    if at_work:
        parts.note(f"{len(at_work)} in the queue: {at_work[-1].title}")
    for job in [ended[number] for number in st.session_state.get(_NEWS, ()) if number in ended]:
        _news(job)


def _news(job: JobInfo) -> None:
    """One line about a job that ended while the visitor was here, until it is followed or put away."""
    on = leading.way(job)
    if on is None:
        return
    with st.container(key=f"news_{job.id}", gap=None):
        parts.note(f"{job.title} {_ENDINGS[job.state]}.")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            opened = st.button(on.label, key=f"news_open_{job.id}", type="primary")
            st.button("Put away", key=f"news_away_{job.id}", type="tertiary", on_click=_put_away, args=(job.id,))
    if opened:
        _put_away(job.id)
        leading.follow(on)


def _put_away(number: int) -> None:
    st.session_state[_NEWS] = [other for other in st.session_state.get(_NEWS, ()) if other != number]

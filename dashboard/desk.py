"""What pages draw from that need no run: the workspace, and asking for jobs in a visitor's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import streamlit as st

from dashboard import parts
from dashboard.boundary import sentence

if TYPE_CHECKING:
    from core.jobs.book import JobInfo
    from core.runs import RunInfo
    from core.workspace import Workspace
    from dashboard.theme import Theme

ACTOR = "dashboard"
_SEEN = "jobs_seen"
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
    """Tell on any page when a job has ended; looks again and again while there are jobs."""
    from core.jobs.asking import book

    live = bool(book(space).jobs(states=("waiting", "running"), limit=1))
    st.fragment(_tell, run_every=2.0 if live else None)(space)


def _tell(space: Workspace) -> None:
    from core.jobs.asking import book
    from core.jobs.book import ENDED

    ended = {job.id: job for job in book(space).jobs(states=ENDED, limit=30)}
    seen = st.session_state.get(_SEEN)
    st.session_state[_SEEN] = set(ended) if seen is None else seen | set(ended)
    for job in [] if seen is None else [job for number, job in ended.items() if number not in seen]:
        said = str(job.result.get("sentence") or job.error)
        text = f"{job.title} {_ENDINGS[job.state]}. {sentence(said)}".strip()
        st.toast(parts.unmarked(text), icon=":material/done:" if job.state == "done" else ":material/error:")
    at_work = book(space).jobs(states=("waiting", "running"))
    if at_work:
        parts.note(f"{len(at_work)} in the queue: {at_work[-1].title}")

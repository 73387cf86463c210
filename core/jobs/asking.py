"""Asking for jobs: the one way in for pages and commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import SettingsError
from core.jobs.book import JobBook, JobInfo
from core.jobs.lanes import LANE_OF
from core.jobs.queue import FOLDER, Queue
from core.workspace import Workspace


def book(space: Workspace) -> JobBook:
    """The workspace's book of jobs."""
    return JobBook(space.database)


def ask(
    space: Workspace, kind: str, title: str, arguments: Mapping[str, Any], *, actor: str, key: str | None = None
) -> JobInfo:
    """Ask for a job; the same key again gives the same job.

    Raises:
        SettingsError: there is no such kind of job.
    """
    if kind not in LANE_OF:
        raise SettingsError(f"a job is one of {', '.join(LANE_OF)}, got {kind!r}")
    job = book(space).add(kind, title, LANE_OF[kind], arguments, actor=actor, key=key)
    if job.state == "waiting":
        _send(space, job)
    return job


def retry(space: Workspace, job_id: int) -> None:
    """Queue a failed or cancelled job again; what it finished is kept, so it goes on from there."""
    found = book(space)
    if found.retry(job_id):
        _send(space, found.job(job_id))


def _send(space: Workspace, job: JobInfo) -> None:
    queue = Queue(space.root, job.lane)
    try:
        queue.put(job.id)
    finally:
        queue.close()


def log_path(root: Path, job_id: int) -> Path:
    """Where a job writes what it did."""
    return root / FOLDER / f"{job_id:06d}.log"


def log_tail(root: Path, job_id: int, lines: int = 200) -> list[str]:
    """The last lines of a job's log; nothing when there is none."""
    try:
        with log_path(root, job_id).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 64 * 1024))
            return file.read().decode("utf-8", "replace").splitlines()[-lines:]
    except OSError:
        return []

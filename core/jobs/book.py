"""The book of jobs: what was asked for, how far it is, and how it ended. The catalogue keeps it.

The contract:
- a job is ``waiting`` → ``running`` → ``done``, ``failed`` or ``cancelled``; every change of state asks for the state
  before it, so that two who want the same job cannot both have it;
- asking twice under one key is asking once;
- what a dead worker left running goes back to waiting; after `MOST_ATTEMPTS` deaths it has failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update

from core.catalogue.database import Database
from core.catalogue.schema import JobRow
from core.errors import WorkspaceError
from core.progress import Pace

MOST_ATTEMPTS = 3
"""Times a worker may die over one job before it is given up."""
ENDED = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class JobInfo:
    """A line about a job.

    Attributes:
        stage: What it does now; ``done`` of ``total`` units of it are finished.
        pace: Units a second of this stage, and seconds left.
        heard_at: Last sign of life of its worker.
        result: What it left: numbers of runs, names of files, a sentence.
        error: One sentence when it failed.
    """

    id: int
    kind: str
    title: str
    lane: str
    arguments: Mapping[str, Any]
    state: str
    attempts: int
    cancel_requested: bool
    stage: str
    done: int
    total: int
    pace: Pace
    heard_at: datetime | None
    result: Mapping[str, Any]
    error: str
    actor: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobBook:
    """The jobs of one catalogue; safe to share between threads and processes."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    def add(
        self, kind: str, title: str, lane: str, arguments: Mapping[str, Any], *, actor: str, key: str | None = None
    ) -> JobInfo:
        """Note a job as waiting; under a key that was used before, the job of that time."""
        with self._database.write() as session:
            row = session.scalar(select(JobRow).where(JobRow.idempotency_key == key)) if key else None
            if row is None:
                row = JobRow(
                    idempotency_key=key,
                    kind=kind,
                    title=title,
                    lane=lane,
                    arguments=dict(arguments),
                    state="waiting",
                    actor=actor,
                    created_at=self._clock(),
                )
                session.add(row)
                session.flush()
            return _info(row)

    def job(self, job_id: int) -> JobInfo:
        """One job.

        Raises:
            WorkspaceError: there is none with this id.
        """
        with self._database.read() as session:
            row = session.get(JobRow, job_id)
            if row is None:
                raise WorkspaceError(f"there is no job {job_id} in this workspace; look at the list of jobs")
            return _info(row)

    def jobs(self, *, states: tuple[str, ...] = (), lane: str = "", limit: int = 200) -> list[JobInfo]:
        """Jobs, newest first; of some states or one lane when named."""
        query = select(JobRow).order_by(JobRow.id.desc()).limit(limit)
        if states:
            query = query.where(JobRow.state.in_(states))
        if lane:
            query = query.where(JobRow.lane == lane)
        with self._database.read() as session:
            return [_info(row) for row in session.scalars(query)]

    def claim(self, job_id: int) -> JobInfo | None:
        """Take a waiting job; ``None`` when it is not waiting (any more)."""
        now = self._clock()
        taken = self._change(
            job_id,
            ("waiting",),
            state="running",
            attempts=JobRow.attempts + 1,
            started_at=now,
            heard_at=now,
            finished_at=None,
            error="",
            stage="",
            done=0,
            total=0,
        )
        return self.job(job_id) if taken else None

    def hear(self, job_id: int) -> bool:
        """Note a sign of life; whether someone wants the job to stop."""
        self._change(job_id, ("running",), heard_at=self._clock())
        with self._database.read() as session:
            return bool(session.scalar(select(JobRow.cancel_requested).where(JobRow.id == job_id)))

    def progress(self, job_id: int, stage: str, done: int, total: int, began_with: int, began_at: datetime) -> None:
        """Note how far the job is."""
        self._change(
            job_id,
            ("running",),
            stage=stage,
            done=done,
            total=total,
            began_with=began_with,
            stage_began_at=began_at,
            heard_at=self._clock(),
        )

    def finish(self, job_id: int, state: str, *, result: Mapping[str, Any] | None = None, error: str = "") -> bool:
        """Note how a running job ended; whether it was running."""
        values = {"state": state, "error": error, "finished_at": self._clock(), "cancel_requested": False}
        return self._change(job_id, ("running",), result=dict(result or {}), **values)

    def put_back(self, job_id: int) -> None:
        """A worker that is asked to end gives its job back; that is no failed attempt."""
        self._change(job_id, ("running",), state="waiting", attempts=JobRow.attempts - 1, started_at=None)

    def request_cancel(self, job_id: int) -> None:
        """Stop a job: at once while it waits, at its next unit of work while it runs."""
        now = self._clock()
        if not self._change(job_id, ("waiting",), state="cancelled", finished_at=now):
            self._change(job_id, ("running",), cancel_requested=True)

    def retry(self, job_id: int) -> bool:
        """Queue a failed or cancelled job again; whether it was one."""
        return self._change(
            job_id,
            ("failed", "cancelled"),
            state="waiting",
            attempts=0,
            cancel_requested=False,
            error="",
            finished_at=None,
            started_at=None,
        )

    def recover(self, lane: str) -> list[int]:
        """What a dead worker of this lane left running waits again, or has failed; only who holds the lane may ask.

        Returns:
            Ids of all jobs of the lane that wait now, oldest first.
        """
        now = self._clock()
        with self._database.write() as session:
            mine = (JobRow.lane == lane, JobRow.state == "running")
            session.execute(
                update(JobRow)
                .where(*mine, JobRow.attempts >= MOST_ATTEMPTS)
                .values(
                    state="failed",
                    finished_at=now,
                    error=f"the worker ended {MOST_ATTEMPTS} times over this job, most likely for want of memory; "
                    "choose less at a time, then retry",
                )
            )
            session.execute(
                update(JobRow).where(*mine, JobRow.cancel_requested).values(state="cancelled", finished_at=now)
            )
            session.execute(update(JobRow).where(*mine).values(state="waiting"))
            waiting = select(JobRow.id).where(JobRow.lane == lane, JobRow.state == "waiting").order_by(JobRow.id)
            return list(session.scalars(waiting))

    def _change(self, job_id: int, states: tuple[str, ...], **values: Any) -> bool:
        with self._database.write() as session:
            mine = (JobRow.id == job_id, JobRow.state.in_(states))
            changed = session.execute(update(JobRow).where(*mine).values(**values).returning(JobRow.id)).all()
            return bool(changed)


def _info(row: JobRow) -> JobInfo:
    seconds = (row.heard_at - row.stage_began_at).total_seconds() if row.heard_at and row.stage_began_at else 0.0
    return JobInfo(
        row.id,
        row.kind,
        row.title,
        row.lane,
        row.arguments,
        row.state,
        row.attempts or 0,
        bool(row.cancel_requested),
        row.stage or "",
        row.done or 0,
        row.total or 0,
        Pace.of(row.done or 0, row.total or 0, row.began_with or 0, seconds),
        row.heard_at,
        row.result or {},
        row.error or "",
        row.actor,
        row.created_at,
        row.started_at,
        row.finished_at,
    )

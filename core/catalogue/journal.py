"""Runs in the catalogue: what was started, how far it is, whether someone asked it to stop.

The contract:
- any process can read progress and ask for a stop; only the running process writes progress;
- progress is written at most twice a second and at the end of each stage, so it costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from core.catalogue.database import Database
from core.catalogue.schema import RunRow, StageProgress
from core.errors import Cancelled, WorkspaceError
from core.progress import Pace, Progress
from core.runs import RunInfo
from core.settings import RunSettings

_WRITE_EVERY = timedelta(seconds=0.5)


@dataclass(frozen=True)
class StageState:
    """How far one stage is.

    Attributes:
        done, total: Units of the stage.
        pace: Rate a second and seconds left, over what this process did itself.
        stale: Whether nothing was heard of it for a minute although it is not finished.
    """

    stage: str
    done: int
    total: int
    pace: Pace
    stale: bool


class Journal:
    """The runs of one catalogue."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    def runs(self, *, archived: bool = False) -> list[RunInfo]:
        """All runs, newest first."""
        query = select(RunRow).order_by(RunRow.id.desc())
        if not archived:
            query = query.where(RunRow.archived_at.is_(None))
        with self._database.read() as session:
            return [_info(row) for row in session.scalars(query)]

    def run(self, run_id: int) -> RunInfo:
        """One run.

        Raises:
            WorkspaceError: there is none with this id.
        """
        with self._database.read() as session:
            row = session.get(RunRow, run_id)
            if row is None:
                known = ", ".join(str(item) for item in session.scalars(select(RunRow.id).order_by(RunRow.id)))
                raise WorkspaceError(f"there is no run {run_id} in this workspace; runs are: {known or 'none yet'}")
            return _info(row)

    def find(self, plan_key: str) -> RunInfo | None:
        """The newest run of the same plan, finished or not."""
        with self._database.read() as session:
            row = session.scalar(
                select(RunRow)
                .where(RunRow.plan_key == plan_key, RunRow.archived_at.is_(None))
                .order_by(RunRow.id.desc())
                .limit(1)
            )
            return None if row is None else _info(row)

    def start(self, name: str, plan_key: str, settings: RunSettings, actor: str) -> RunInfo:
        """Note a new run as running."""
        with self._database.write() as session:
            row = RunRow(
                name=name,
                plan_key=plan_key,
                settings=settings.to_json(),
                state="running",
                actor=actor,
                created_at=self._clock(),
            )
            session.add(row)
            session.flush()
            return _info(row)

    def resume(self, run_id: int) -> None:
        """Note that work on an unfinished run goes on; an earlier wish to stop is forgotten."""
        self._set(run_id, state="running", error="", cancel_requested=False)

    def finish(self, run_id: int, counts: Mapping[str, int]) -> None:
        """Note a run as done."""
        self._set(run_id, state="done", counts=dict(counts), error="", finished_at=self._clock())

    def fail(self, run_id: int, state: str, sentence: str) -> None:
        """Note a run as ``failed`` or ``cancelled``, with a sentence for people."""
        self._set(run_id, state=state, error=sentence)

    def request_cancel(self, run_id: int) -> None:
        """Ask a run to stop; its process does so at its next progress call."""
        self._set(run_id, cancel_requested=True)

    def rename(self, run_id: int, name: str) -> None:
        """Give a run another name.

        Raises:
            WorkspaceError: it is empty or longer than 200 characters.
        """
        name = " ".join(name.split())
        if not 1 <= len(name) <= 200:
            raise WorkspaceError(f"a run's name has between 1 and 200 characters, got {len(name)}")
        self._set(run_id, name=name)

    def pin(self, run_id: int, pinned: bool) -> None:
        """Keep a run at the head of lists, or let it go."""
        self._set(run_id, pinned_at=self._clock() if pinned else None)

    def pinned(self) -> frozenset[int]:
        """Ids of the runs that are pinned."""
        with self._database.read() as session:
            return frozenset(session.scalars(select(RunRow.id).where(RunRow.pinned_at.is_not(None))))

    def archive(self, run_id: int, archived: bool) -> None:
        """Take a run from the lists, or bring it back; nothing of it is deleted."""
        self._set(run_id, archived_at=self._clock() if archived else None)

    def _set(self, run_id: int, **values: Any) -> None:
        with self._database.write() as session:
            session.execute(update(RunRow).where(RunRow.id == run_id).values(**values))

    def progress(self, run_id: int) -> list[StageState]:
        """The stages of a run in their order."""
        now = self._clock()
        with self._database.read() as session:
            rows = session.scalars(
                select(StageProgress).where(StageProgress.run_id == run_id).order_by(StageProgress.position)
            ).all()
        return [
            StageState(
                row.stage,
                row.done,
                row.total,
                Pace.of(row.done, row.total, row.began_with, (row.updated_at - row.started_at).total_seconds()),
                row.done < row.total and now - row.updated_at > timedelta(minutes=1),
            )
            for row in rows
        ]

    def reporter(self, run_id: int, stage: str, position: int, also: Progress) -> Progress:
        """A progress callee that writes to the catalogue, calls `also`, and raises `Cancelled` when asked to stop."""
        started = self._clock()
        state: dict[str, Any] = {"began_with": None, "written": started - _WRITE_EVERY}

        def report(done: int, total: int) -> None:
            also(done, total)
            now = self._clock()
            if state["began_with"] is None:
                state["began_with"] = done
            if done < total and now - state["written"] < _WRITE_EVERY:
                return
            state["written"] = now
            with self._database.write() as session:
                session.merge(
                    StageProgress(
                        run_id=run_id,
                        stage=stage,
                        position=position,
                        done=done,
                        total=total,
                        began_with=state["began_with"],
                        started_at=started,
                        updated_at=now,
                    )
                )
                wanted = session.scalar(select(RunRow.cancel_requested).where(RunRow.id == run_id))
            if wanted:
                raise Cancelled("the run was stopped on request; finished work is kept, run again to go on")

        return report


def _info(row: RunRow) -> RunInfo:
    return RunInfo(
        id=row.id,
        uid=row.uid,
        name=row.name,
        state=row.state,
        created_at=row.created_at.isoformat(timespec="seconds"),
        finished_at=row.finished_at.isoformat(timespec="seconds") if row.finished_at else None,
        error=row.error,
        settings=RunSettings.from_json(row.settings),
        counts=row.counts,
    )

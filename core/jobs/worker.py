"""A worker: one process that holds a lane and does its jobs, one after the other.

The contract:
- a lane is held by an exclusive lock on a SQLite file, which the system gives back when the process dies, however it
  dies: so a lane never has two workers, and a job that runs in a lane without one is an orphan;
- asked to end, it stops at the next unit of work and gives its job back; killed, the next worker goes on with it;
- left alone (the process that started it is gone, however it went), it ends in the same way: nobody would see it work,
  and whoever starts the server again finds the job waiting with what was finished.
"""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from core.errors import Cancelled, CoreError
from core.jobs.asking import book, log_path
from core.jobs.book import JobInfo
from core.jobs.doing import Task, perform
from core.jobs.keeping import KEPT_BY_VARIABLE
from core.jobs.queue import FOLDER, Queue
from core.progress import Progress
from core.workspace import Workspace, open_workspace

_IDLE = 0.25
_SWEEP_EVERY = 5.0
_BEAT_EVERY = 1.0
_WRITE_EVERY = 0.5
NICE = 15
NICE_VARIABLE = "BENTHOSCOPE_WORKERS_NICE"
"""How far workers stand back (0 to 19): pages that people wait for have the processor first."""
_AUTOGROUP = Path("/proc/self/autogroup")


@contextmanager
def lane_lock(root: Path, lane: str, give_up: Callable[[], bool]) -> Iterator[bool]:
    """Hold a lane, waiting for it; yields whether it is held (not when ``give_up()`` became true before)."""
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    connection = sqlite3.connect(folder / f"{lane}.lock", isolation_level=None, timeout=0)
    try:
        held = False
        while not held and not give_up():
            try:
                connection.execute("BEGIN EXCLUSIVE")
                held = True
            except sqlite3.OperationalError:
                time.sleep(_IDLE)
        yield held
    finally:
        connection.close()


class Worker:
    """Does the jobs of one lane of a workspace."""

    def __init__(self, space: Workspace, lane: str, *, alone: Callable[[], bool] = lambda: False) -> None:
        self.space, self.lane = space, lane
        self.book = book(space)
        self.queue = Queue(space.root, lane, self._perform)
        self.ending = threading.Event()
        self._alone = alone

    def end(self) -> None:
        """Ask it to stop at the next unit of work."""
        self.ending.set()

    def left_alone(self) -> bool:
        """Whether the process that it belongs to has gone."""
        return self._alone()

    def _leaves(self) -> bool:
        return self.ending.is_set() or self.left_alone()

    def work(self, *, until_idle: bool = False) -> None:
        """Take the lane and do its jobs until asked to end; with ``until_idle`` only those that wait now."""
        with lane_lock(self.space.root, self.lane, self._leaves) as held:
            if not held:
                return
            self.queue.flush()
            swept = time.monotonic()
            for job_id in self.book.recover(self.lane):
                self.queue.put(job_id)
            while not self._leaves():
                if self.queue.take():
                    continue
                if until_idle:
                    return
                if (
                    time.monotonic() - swept > _SWEEP_EVERY
                ):  # whoever asked may have died between the book and the queue
                    swept = time.monotonic()
                    for job in reversed(self.book.jobs(states=("waiting",), lane=self.lane)):
                        self.queue.put(job.id)
                    continue
                time.sleep(_IDLE)
        self.queue.close()

    def _perform(self, job_id: int) -> None:
        if self.ending.is_set():
            return
        job = self.book.claim(job_id)
        if job is None:
            return
        known = log_path(self.space.root, job.id).exists()
        at_work = _AtWork(self, job)
        at_work.say(f"{job.title}: {'goes on' if known else 'begins'}")
        try:
            result = perform(
                Task(self.space, job.id, job.arguments, job.actor, at_work.progress_for, at_work.say), job.kind
            )
        except (Cancelled, KeyboardInterrupt):
            if self.ending.is_set() and not self.book.job(job.id).cancel_requested:
                at_work.say("the server ends; the job goes on when it is back")
                self.book.put_back(job.id)
            else:
                at_work.say("stopped on request; what was finished is kept")
                self.book.finish(job.id, "cancelled")
        except CoreError as error:
            at_work.say(str(error))
            self.book.finish(job.id, "failed", error=str(error))
        except Exception:  # nobody above could tell a person more; the next job must not suffer
            number = uuid4().hex[:8]
            logging.getLogger("benthoscope.jobs").exception("job %d: unforeseen error %s", job.id, number)
            sentence = f"something unforeseen went wrong (error {number}); the worker's log in the workspace tells more"
            (self.space.root / FOLDER / f"error-{number}.txt").write_text(traceback.format_exc(), encoding="utf-8")
            self.book.finish(job.id, "failed", error=sentence)
        else:
            self.book.finish(job.id, "done", result=result)
        finally:
            at_work.close()
            self.space.thumbnails.close()  # who writes them holds them: commands must have their turn between jobs


class _AtWork:
    """One job's heartbeat, log and progress."""

    def __init__(self, worker: Worker, job: JobInfo) -> None:
        self._worker, self._job = worker, job
        self._cancelled = threading.Event()
        self._over = threading.Event()
        self._beat = threading.Thread(target=self._listen, name=f"job {job.id}", daemon=True)
        self._beat.start()

    def _listen(self) -> None:
        while not self._over.wait(_BEAT_EVERY):
            if self._worker.left_alone():
                self._worker.end()
            try:
                if self._worker.book.hear(self._job.id):
                    self._cancelled.set()
            except CoreError:  # a busy catalogue; the next beat asks again
                continue

    def say(self, text: str) -> None:
        """A line of the log."""
        with log_path(self._worker.space.root, self._job.id).open("a", encoding="utf-8") as file:
            for line in text.splitlines():
                file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {line}\n")

    def progress_for(self, stage: str, unit: str) -> Progress:
        """The progress callee of one stage."""
        began, at = time.monotonic(), datetime.now(UTC)
        first: list[int] = []
        finished: list[float] = []
        written = [began - _WRITE_EVERY]

        def report(done: int, total: int) -> None:
            now = time.monotonic()
            if not first:
                first.append(done)
                self.say(f"{stage} begins" + (f", {total:,} {unit}".rstrip() if total > 1 else ""))
            if done >= total or now - written[0] >= _WRITE_EVERY:
                written[0] = now
                self._worker.book.progress(self._job.id, stage, done, total, first[0], at)
                if self._worker.book.hear(self._job.id):
                    self._cancelled.set()
            if done >= total and not finished:
                finished.append(now)
                self.say(f"{stage} done in {now - began:.1f} s")
            if self._cancelled.is_set():
                raise Cancelled("the job was stopped on request; finished work is kept, retry to go on")
            if self._worker.ending.is_set():
                raise Cancelled("the worker ends; finished work is kept and goes on with the next one")

        return report

    def close(self) -> None:
        """End the heartbeat."""
        self._over.set()
        self._beat.join()


def stand_back() -> None:
    """Let every other process have the processor first.

    Where Linux groups processes by session (sched(7), autogroup), niceness counts within a session alone, and a worker
    has one of its own: its group must stand back too, or two busy workers take two thirds of the machine from pages.
    """
    wished = os.environ.get(NICE_VARIABLE, "")
    how_far = min(19, int(wished)) if wished.isdecimal() else NICE
    if hasattr(os, "nice"):
        os.nice(how_far)
    with suppress(OSError):  # another system, no such feature, or a container that hides it
        if _AUTOGROUP.exists() and os.getsid(0) == os.getpid():  # else the group is also that of whoever called
            _AUTOGROUP.write_text(str(how_far), encoding="ascii")


def main(folder: str, lane: str) -> None:
    """``python -m core.jobs.worker WORKSPACE LANE``: work until ended or left alone."""
    kept_by = os.environ.get(KEPT_BY_VARIABLE, "")
    parent = int(kept_by) if kept_by.isdecimal() else os.getppid()  # it may be gone before this line is reached
    stand_back()
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    space = open_workspace(folder, create=False)
    worker = Worker(space, lane, alone=lambda: os.getppid() != parent)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _signal, _frame: worker.end())
    try:
        worker.work()
    finally:
        space.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

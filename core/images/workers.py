"""A pool of processes that outlives its workers: for work on bytes that may kill the process that touches them.

The contract:
- results come in the order of the tasks, and at most ``4 * chunk * workers`` are ahead of the consumer;
- each answer travels alone, so when a worker dies it is known which task it held: that one is tried once more in a
  fresh process and then given to `lost`, the others go on;
- a task that takes longer than `patience` seconds is given to `lost` and its worker is ended;
- leaving the loop early, by any exception or Ctrl-C, ends all workers before control returns.

`concurrent.futures` does not fit: one killed worker breaks its whole pool and cannot be told from its neighbours.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext
from typing import Any, Generic, TypeVar

from core.errors import CoreError

Task = TypeVar("Task")
Result = TypeVar("Result")

_TICK = 0.05  # seconds after which the thread looks whether the consumer has moved on or gone
_TRIES = 2  # a worker may have died for want of memory that its neighbour held


def ordered_map(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    lost: Callable[[Task, str], Result],
    *,
    workers: int,
    chunk: int = 16,
    patience: float = 120.0,
) -> Generator[Result, None, None]:
    """``work(task)`` for every task, in order, from `workers` processes (0: in this one, without protection).

    Args:
        work: Importable by its name (a module's function, or a `functools.partial` of one).
        lost: Makes the result of a task that cannot be finished, from a half sentence of why.
        chunk: Tasks handed to a worker at a time.
        patience: Seconds after which a task is given up.

    Raises:
        CoreError: worker processes cannot be started here.
    """
    if workers <= 0:
        for task in tasks:
            yield _attempt(work, task, lost)
        return
    pool = _Pool(work, tasks, lost, min(workers, math.ceil(len(tasks) / chunk)), chunk, patience)
    try:
        pool.start()
        for index in range(len(tasks)):
            yield pool.result(index)
    finally:
        pool.close()


def _attempt(work: Callable[[Task], Result], task: Task, lost: Callable[[Task, str], Result]) -> Result:
    try:
        return work(task)
    except Exception as error:  # one task must not end a hundred thousand; its result says what happened
        return lost(task, f"{type(error).__name__}: {error}")


def _serve(connection: Connection, work: Callable[[Any], Any], lost: Callable[[Any, str], Any]) -> None:
    """A worker's life: say that it is ready, then answer chunk after chunk until nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    # glibc hands the memory of every picture back to the system, which costs a tenth of the time in page faults, until
    # it has seen a larger piece come and go.
    bytes(24 * 2**20)
    try:
        connection.send(None)
        _silence()
        while True:
            for index, task in connection.recv():
                connection.send((index, _attempt(work, task, lost)))
    except (EOFError, ConnectionError):
        return


def _silence() -> None:
    """C libraries print about damaged files straight to the terminal; what matters is in the task's result."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


class _Worker:
    """One process, its line, and which tasks it holds, in the order that it works on them."""

    def __init__(self, context: SpawnContext, *arguments: Any) -> None:
        self.line, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, *arguments), daemon=True)
        self.process.start()
        theirs.close()
        self.ready = False
        self.holds: deque[int] = deque()
        self.since = time.monotonic()

    def end(self) -> None:
        self.process.terminate()
        self.line.close()
        self.process.join()


class _Pool(Generic[Task, Result]):
    """The workers and the thread that looks after them, so that they are busy also while the consumer is."""

    def __init__(
        self,
        work: Callable[[Task], Result],
        tasks: Sequence[Task],
        lost: Callable[[Task, str], Result],
        workers: int,
        chunk: int,
        patience: float,
    ) -> None:
        self._context = get_context("spawn")  # a fork would copy the locks of threads that do not come along
        self._work, self._tasks, self._lost = work, tasks, lost
        self._size, self._chunk, self._patience = workers, chunk, patience
        # Shared with the consumer, under the condition's lock:
        self._changed = threading.Condition()
        self._done: dict[int, Result] = {}
        self._wanted = 0
        self._closing = False
        self._failure: BaseException | None = None
        # The thread's own:
        self._workers: list[_Worker] = []
        self._next = 0
        self._answered = 0
        self._again: deque[int] = deque()
        self._deaths: Counter[int] = Counter()
        self._thread = threading.Thread(target=self._run, name="workers", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End all workers, whatever they are at."""
        self._closing = True
        if self._thread.is_alive():
            self._thread.join()

    def result(self, index: int) -> Result:
        """Wait for one task's result; call with 0, 1, 2 and so on."""
        with self._changed:
            self._wanted = index
            while index not in self._done:
                if self._failure is not None:
                    raise self._failure
                self._changed.wait(1.0)  # without end it could not be interrupted on Windows
            return self._done.pop(index)

    def _run(self) -> None:
        try:
            if hasattr(signal, "pthread_sigmask"):
                resource_tracker.ensure_running()  # started later, it would let interrupts through again
                # Processes inherit this: they never hear Ctrl-C, not even while they import.
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            while len(self._workers) < self._size:
                self._workers.append(self._start())
            while self._answered < len(self._tasks) and not self._closing:
                for worker in self._workers:
                    self._feed(worker)
                self._listen(_TICK)
        except BaseException as error:
            with self._changed:
                self._failure = error
                self._changed.notify()
        finally:
            for worker in self._workers:
                worker.end()

    def _start(self) -> _Worker:
        return _Worker(self._context, self._work, self._lost)

    def _answer(self, index: int, result: Result) -> None:
        with self._changed:
            self._done[index] = result
            self._changed.notify()
        self._answered += 1

    def _feed(self, worker: _Worker) -> None:
        """Top a worker up to two chunks: one at hand, one under way."""
        if not worker.ready or len(worker.holds) > self._chunk:
            return
        if not worker.holds:
            worker.since = time.monotonic()
        end = min(self._wanted + 4 * self._chunk * self._size, len(self._tasks))
        share: list[int] = []
        while len(share) < self._chunk and (self._again or self._next < end):
            if self._again:
                share.append(self._again.popleft())
            else:
                share.append(self._next)
                self._next += 1
        if share:
            worker.holds.extend(share)
            try:
                worker.line.send([(index, self._tasks[index]) for index in share])
            except ConnectionError:
                return  # it has died; `_listen` finds out by the line's end

    def _listen(self, seconds: float) -> None:
        """Take in what the workers say within `seconds`, and notice those that died or take too long."""
        spoken = set(wait([worker.line for worker in self._workers], seconds))
        for place, worker in enumerate(self._workers):
            if worker.line in spoken:
                try:
                    self._take(worker)
                except (EOFError, ConnectionError):
                    worker.process.join()
                    self._replace(place, _end_of(worker.process.exitcode), _TRIES)
            elif worker.holds and time.monotonic() - worker.since > self._patience:
                self._replace(place, f"it took longer than {self._patience:g} seconds", 1)

    def _take(self, worker: _Worker) -> None:
        message = worker.line.recv()
        worker.since = time.monotonic()
        if message is None:
            worker.ready = True
            return
        index, result = message
        worker.holds.remove(index)
        self._answer(index, result)

    def _replace(self, place: int, reason: str, tries: int) -> None:
        """Put a fresh process in a worker's place; the task at hand is to blame, the rest goes back in line."""
        worker = self._workers[place]
        worker.end()
        if not worker.ready:
            raise CoreError(f"no worker process can be started ({reason}); set the number of workers to 0")
        if worker.holds:
            index = worker.holds[0]
            self._deaths[index] += 1
            if self._deaths[index] >= tries:
                worker.holds.popleft()
                self._answer(index, self._lost(self._tasks[index], reason))
        self._again.extendleft(reversed(worker.holds))
        self._workers[place] = self._start()


def _end_of(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        names = {known.value: known.name for known in signal.Signals}
        return f"its process was ended by {names.get(-exit_code, f'signal {-exit_code}')}"
    return f"its process ended with exit code {exit_code}"

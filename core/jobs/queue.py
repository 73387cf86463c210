"""The queue that brings a job's number from a page to a worker: Huey on SQLite, in a file of the workspace.

Huey (MIT, maintained since 2011, no dependencies) is chosen over Celery and RQ, which need a broker to be installed,
and over Dramatiq and APScheduler, which have no queue on SQLite. Its messages are pickled by default; here they are
JSON, so that a workspace from a stranger is data and never code.

The contract: a message is only a hint that a job waits. The book (`core.jobs.book`) decides: a message that comes twice
finds the job taken, one that is lost is made again when a worker starts or has nothing to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huey import SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer

FOLDER = "jobs"
"""In the workspace: the queue, the lanes' locks, the jobs' logs."""


class _Json(Serializer):  # type: ignore[misc]  # huey has no types
    def _serialize(self, data: Any) -> bytes:
        return json.dumps(list(data)).encode()

    def _deserialize(self, data: bytes) -> Any:
        return Message(*json.loads(bytes(data)))


class Queue:
    """One lane's queue.

    Args:
        root: The workspace.
        perform: Called by `take` with a job's number.
    """

    def __init__(self, root: Path, lane: str, perform: Callable[[int], None] = lambda job_id: None) -> None:
        folder = root / FOLDER
        folder.mkdir(exist_ok=True)
        self._huey = SqliteHuey(
            f"benthoscope-{lane}",
            filename=str(folder / "queue.sqlite"),
            serializer=_Json(),
            results=False,
            fsync=True,
            strict_fifo=True,
            timeout=15,
        )

        def task(job_id: int) -> None:
            perform(job_id)

        self._task = self._huey.task(name="perform")(task)

    def put(self, job_id: int) -> None:
        """Send a job's number."""
        self._task(job_id)

    def take(self) -> bool:
        """Perform the next job; whether there was one."""
        message = self._huey.dequeue()
        if message is None:
            return False
        self._huey.execute(message)
        return True

    def size(self) -> int:
        """Messages on their way."""
        return int(self._huey.pending_count())

    def flush(self) -> None:
        """Forget all messages."""
        self._huey.flush()

    def close(self) -> None:
        """Give the file back."""
        self._huey.storage.close()

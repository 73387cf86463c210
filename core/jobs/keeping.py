"""The workers of a server: started with it, started again when they die, ended with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from core.jobs.lanes import LANES

KEPT_BY_VARIABLE = "BENTHOSCOPE_KEPT_BY"
"""Process that a worker belongs to; the worker ends when that one has gone."""
_LOOK_EVERY = 0.5
_PATIENCE = 8.0
_LONGEST_WAIT = 30.0


class Keeper:
    """Keeps one worker process a lane alive.

    Args:
        workspace: Its folder, which is a workspace.
        environment: For the workers.
    """

    def __init__(self, workspace: Path, environment: dict[str, str] | None = None) -> None:
        self._workspace = workspace
        self._environment = dict(environment or os.environ)
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._thread = threading.Thread(target=self._watch, name="workers", daemon=True)

    def start(self) -> None:
        """Start the workers and watch them."""
        self._thread.start()

    def processes(self) -> dict[str, int]:
        """Lane → process id of its worker."""
        with self._lock:
            return {lane: process.pid for lane, process in self._workers.items() if process.poll() is None}

    def stop(self) -> None:
        """End the workers: asked first, killed when they do not hear."""
        self._ending.set()
        self._thread.join()
        with self._lock:
            alive = [process for process in self._workers.values() if process.poll() is None]
            for process in alive:
                process.terminate()
            until = time.monotonic() + _PATIENCE
            for process in alive:
                try:
                    process.wait(timeout=max(0.1, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()  # its job goes on from its last finished stage
                    process.wait()

    def _watch(self) -> None:
        next_start = dict.fromkeys(LANES, 0.0)
        waits = dict.fromkeys(LANES, 1.0)
        began = dict.fromkeys(LANES, 0.0)
        while True:
            now = time.monotonic()
            for lane in LANES:
                process = self._workers.get(lane)
                if process is not None and process.poll() is None:
                    continue
                if process is not None and next_start[lane] <= began[lane]:
                    # A worker that dies at once is started again ever more slowly.
                    waits[lane] = min(_LONGEST_WAIT, 2 * waits[lane]) if now - began[lane] < 5 else 0.5
                    next_start[lane] = now + waits[lane]
                if now >= next_start[lane]:
                    began[lane] = next_start[lane] = now
                    with self._lock:
                        self._workers[lane] = self._started(lane)
            if self._ending.wait(_LOOK_EVERY):
                return

    def _started(self, lane: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            [sys.executable, "-m", "core.jobs.worker", str(self._workspace), lane],
            env=self._environment | {KEPT_BY_VARIABLE: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal reaches the server alone, which ends them in order
        )

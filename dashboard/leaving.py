"""How a server ends: soon after it is asked to, and by itself when its `benthoscope serve` has gone.

Without the first, a connection that somebody holds open would keep it as long as they like; without the second nobody
could end it in order, and it would keep its port.
"""

from __future__ import annotations

import os
import signal
import time
from threading import Thread, Timer, current_thread, main_thread
from types import FrameType

from core.serving import SERVED_BY_VARIABLE

GRACE = 5.0
"""Seconds for answers that are on their way once the server is asked to end. What was acknowledged is on the disk."""
_LOOK_EVERY = 1.0


def with_parent() -> None:
    """Watch the process that started this one, where it said so; end as if asked to when it has gone."""
    parent = os.environ.get(SERVED_BY_VARIABLE, "")
    if parent.isdecimal() and int(parent) == os.getppid():
        Thread(target=_watch, args=(int(parent),), name="parent", daemon=True).start()


def in_time() -> None:
    """Once asked to end (SIGTERM, SIGINT), be gone within `GRACE` seconds, whoever still holds a connection open."""
    if current_thread() is not main_thread():
        return  # signals are the main thread's; a server that runs elsewhere is ended by whoever runs it
    for number in (signal.SIGTERM, signal.SIGINT):
        _bound(number)


def _bound(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def asked(received: int, frame: FrameType | None) -> None:
        last = Timer(GRACE, os._exit, [128 + number])
        last.daemon = True
        last.start()
        if callable(before):
            before(received, frame)

    signal.signal(number, asked)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)

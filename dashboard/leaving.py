"""A server whose `benthoscope serve` is gone ends too: nobody could end it in order, and it would keep its port."""

from __future__ import annotations

import os
import signal
import time
from threading import Thread

from core.serving import SERVED_BY_VARIABLE

_LOOK_EVERY = 1.0


def with_parent() -> None:
    """Watch the process that started this one, where it said so; end as if asked to when it has gone."""
    parent = os.environ.get(SERVED_BY_VARIABLE, "")
    if parent.isdecimal() and int(parent) == os.getppid():
        Thread(target=_watch, args=(int(parent),), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)

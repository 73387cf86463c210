"""Memory and pauses of a server that many people use for days.

Streamlit sweeps all of Python's memory after every rerun of every visitor, a quarter of a second each time once the
libraries are loaded; `core.serving` turns that off. Instead, what was loaded at the start is set aside for good, the
rest is swept now and then, whatever the number of visitors, and what that frees goes back to the system.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import sys
import threading

EVERY = 60.0
"""Seconds between two sweeps of everything that was not set aside; each stops all visitors for a moment."""
_BY_ITSELF = 1000
"""Python sweeps everything by itself after so many sweeps of what is new, instead of ten: never, between ours."""
TURN = 0.002
"""Seconds that a thread may compute before another that waits has its turn."""
_BACK = 8
_ARENA_MAX = -8
"""glibc's M_ARENA_MAX (malloc.h)."""
_ARENAS = 2


def few_arenas() -> None:
    """Let threads share glibc's memory: each rerun is a thread, and each would keep what it freed to itself."""
    library = _glibc()
    if library is not None:
        library.mallopt(_ARENA_MAX, _ARENAS)


def short_turns() -> None:
    """Let threads take shorter turns: a rerun that has waited for the catalogue goes on sooner beside a busy one."""
    sys.setswitchinterval(TURN)


def stand_back() -> None:
    """Let the threads of visitors have the processor before this one; where the system tells threads apart."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + _BACK)


def set_aside() -> None:
    """Take everything that lives now out of later sweeps: modules, classes, what was warmed up."""
    gc.collect()
    gc.freeze()


def sweep() -> None:
    """Free cycles, and give free memory back to the system."""
    gc.collect()
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


async def keep_tidy() -> None:
    """Sweep every `EVERY` seconds until cancelled."""
    before = gc.get_threshold()
    gc.set_threshold(*before[:2], _BY_ITSELF)
    try:
        while True:
            await asyncio.sleep(EVERY)
            await asyncio.to_thread(sweep)
    finally:
        gc.set_threshold(*before)


def _glibc() -> ctypes.CDLL | None:
    """The C library where it is glibc; other systems' need none of this."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        library = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None

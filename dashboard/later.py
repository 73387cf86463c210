"""What takes longer than a page may: made beside the page, which says so and is drawn anew when it is there.

The contract: as `dashboard.cached`, keyed by a run's content key and plain options, made once for all visitors; a rerun
waits `PATIENCE` for it and no longer, however much there is to compute and whatever else the machine does.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import parts, tidying

if TYPE_CHECKING:
    from core.runs import Run

PATIENCE = 0.05
"""Seconds that a rerun waits."""
LOOKS = 0.5
"""Seconds between two looks of a page that waits."""
MOST = 16
"""Results that are kept."""
_Key = tuple[str, str, tuple[Any, ...]]
_lock = threading.Lock()
_work: OrderedDict[_Key, Future[Any]] = OrderedDict()
_pool = ThreadPoolExecutor(2, "later", initializer=tidying.stand_back)


def computed(run: Run, name: str, options: tuple[Any, ...], make: Callable[[], Any], said: str) -> Any | None:
    """What ``make()`` gives, made once for these options (plain values); ``None`` while it is not there.

    Args:
        name: Unique to what is made.
        said: Shown while it is not there; the page then looks again by itself.

    Raises:
        CoreError: whatever `make` raises; it is tried again at the next rerun.
    """
    key = (name, run.key, options)
    future = _begun(key, make)
    try:
        return future.result(timeout=PATIENCE)
    except NotYet:
        if future.done():  # what was made raised this itself
            _forget(key)
            raise
        with st.container(key=f"later_{parts.slug(name)}"):
            st.fragment(_wait, run_every=LOOKS)(key, said)
        return None
    except Exception:
        _forget(key)
        raise


def begin(run: Run, name: str, options: tuple[Any, ...], make: Callable[[], Any]) -> None:
    """Have it made before anybody asks `computed` for it."""
    _begun((name, run.key, options), make)


def _begun(key: _Key, make: Callable[[], Any]) -> Future[Any]:
    with _lock:
        future = _work.get(key) or _pool.submit(make)
        _work[key] = future
        _work.move_to_end(key)
        for old in [one for one, work in _work.items() if work.done()][: max(0, len(_work) - MOST)]:
            del _work[old]
    return future


def _forget(key: _Key) -> None:
    with _lock:
        _work.pop(key, None)


def _wait(key: _Key, said: str) -> None:
    with _lock:
        future = _work.get(key)
    if future is None or future.done():
        st.rerun()
    parts.note(said)

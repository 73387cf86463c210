"""The server's memory: cycles are freed though nobody sweeps after a rerun, and what was loaded is not swept again."""

from __future__ import annotations

import asyncio
import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

from dashboard import tidying, warm


class Node:
    """Something that only a sweep can free."""

    def __init__(self) -> None:
        self.own = self


def test_a_sweep_frees_cycles():
    gc.disable()
    try:
        dropped = weakref.ref(Node())
        assert dropped() is not None
        tidying.sweep()
        assert dropped() is None
    finally:
        gc.enable()


def test_what_was_loaded_is_set_aside():
    kept = Node()
    try:
        tidying.set_aside()
        assert gc.get_freeze_count() > 1000
        assert not any(one is kept for one in gc.get_objects())
    finally:
        gc.unfreeze()


def test_the_server_keeps_tidy_from_start_to_end(monkeypatch):
    done = []
    monkeypatch.setattr(warm, "warm", lambda: done.append("warmed"))
    monkeypatch.setattr(tidying, "EVERY", 0.001)
    monkeypatch.setattr(tidying, "sweep", lambda: done.append("swept"))
    monkeypatch.setattr(tidying, "set_aside", lambda: done.append("aside"))

    async def serve() -> None:
        async with warm.lifespan(None):
            while not {"swept", "aside"} <= set(done):
                await asyncio.sleep(0.001)
        before = len(done)
        await asyncio.sleep(0.02)
        assert len(done) - before <= 1  # the one that was under way

    # In a thread of its own: a browser that another test drives has a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(asyncio.wait_for(serve(), 20))).result()
    assert done.index("warmed") < done.index("aside")

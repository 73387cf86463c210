"""What the first visitor would otherwise wait for: libraries, the newest run and its summaries, loaded at the start."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Thread
from typing import Any

from core.errors import CoreError
from dashboard import leaving, tidying

_LOG = logging.getLogger("benthoscope.dashboard")


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    """Warm up beside the server, which answers at once; keep its memory tidy while it runs."""
    leaving.with_parent()
    tidying.few_arenas()
    Thread(target=_begin, name="warm", daemon=True).start()
    tidy = asyncio.create_task(tidying.keep_tidy())
    try:
        yield {}
    finally:
        tidy.cancel()
        with suppress(asyncio.CancelledError):
            await tidy


def _begin() -> None:
    try:
        warm()
    finally:
        tidying.set_aside()


def warm() -> None:
    """Load what every page needs, and open the run that opens first."""
    from dashboard import cached, choosing, figures, shell, state, summaries
    from dashboard.selecting import Selection
    from dashboard.theme import theme_for

    assert shell.PAGES  # every page's libraries
    try:
        space = state.workspace()
        info = next((info for info in space.runs() if info.state == "done"), None)
        if info is None:
            return
        run = state.open_run(space, info)
        cached.summary(run, summaries.headline, len(run.table))
        bands = cached.summary(run, summaries.by_depth)
        figures.sets_by_depth(bands, theme_for(None, None))
        cached.summary(run, summaries.strangest, "target")
        choosing.found(run, Selection())
    except CoreError as error:
        _LOG.info("nothing to warm up: %s", error)  # the page says the same to whoever opens it

"""What the first visitor would otherwise wait for: libraries, the newest run and its summaries, loaded at the start."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread
from typing import Any

from core.errors import CoreError

_LOG = logging.getLogger("benthoscope.dashboard")


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    """Warm up beside the server, which answers at once."""
    Thread(target=warm, name="warm", daemon=True).start()
    yield {}


def warm() -> None:
    """Load what every page needs, and open the run that opens first."""
    from dashboard import cached, figures, state, summaries
    from dashboard.theme import theme_for

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
    except CoreError as error:
        _LOG.info("nothing to warm up: %s", error)  # the page says the same to whoever opens it

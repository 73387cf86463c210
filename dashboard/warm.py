"""What the first visitor would otherwise wait for: libraries, the newest run and its summaries, loaded at the start."""

from __future__ import annotations

import asyncio
import importlib
import logging
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from core.errors import CoreError
from dashboard import leaving, tidying

if TYPE_CHECKING:
    from core.runs import RunInfo
    from core.workspace import Workspace

_LOG = logging.getLogger("benthoscope.dashboard")


_LOOK_EVERY = 2.0
_LIBRARIES = (
    *("sklearn.metrics", "sklearn.neighbors", "scipy.stats", "plotly.graph_objects", "pandas", "torch", "torchvision"),
    *("core.embed.load", "core.jobs.asking", "core.learn.models", "core.ood.registry", "core.outlook"),
    *("core.publish.writing", "core.relearning", "core.catalogue.overview", "core.clusters.placing"),
    "core.learn.recipes",
)
"""What functions of pages import when they are first called."""


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    """Warm up beside the server, which answers at once; keep its memory tidy while it runs."""
    leaving.with_parent()
    leaving.in_time()
    tidying.few_arenas()
    tidying.short_turns()
    over = Event()
    Thread(target=_begin, args=(over,), name="warm", daemon=True).start()
    tidy = asyncio.create_task(tidying.keep_tidy())
    try:
        yield {}
    finally:
        over.set()
        tidy.cancel()
        with suppress(asyncio.CancelledError):
            await tidy


def _begin(over: Event) -> None:
    try:
        warm()
    finally:
        tidying.set_aside()
    keep_warm(over)


def warm() -> None:
    """Load what every page needs, and open the run that opens first."""
    libraries()
    from dashboard import shell, state

    assert shell.PAGES  # every page's libraries
    try:
        space = state.workspace()
        info = next((info for info in space.runs() if info.state == "done"), None)
        if info is not None:
            look_at(space, info)
    except CoreError as error:
        _LOG.info("nothing to warm up: %s", error)  # the page says the same to whoever opens it


def libraries() -> None:
    """Import what the first visitor of each page would wait for."""
    import dashboard

    own = [found.name for found in pkgutil.walk_packages(dashboard.__path__, "dashboard.")]
    for name in (*_LIBRARIES, *own):
        if name not in ("dashboard.app", "dashboard.main"):
            importlib.import_module(name)


def keep_warm(over: Event) -> None:
    """Look at each run that is finished from now on before its first visitor does, until `over`."""
    from dashboard import news, state

    try:
        space = state.workspace()
        known, token = {info.id for info in space.runs() if info.state == "done"}, news.token(space)
        while not over.wait(_LOOK_EVERY):
            if (now := news.token(space)) == token:
                continue
            token = now
            new = [info for info in space.runs() if info.state == "done" and info.id not in known]
            for info in new:
                known.add(info.id)
                look_at(space, info)
    except CoreError as error:
        _LOG.info("no more is warmed up: %s", error)


def look_at(space: Workspace, info: RunInfo) -> None:
    """Make what the pages of a run need first."""
    from dashboard import (
        cached,
        choosing,
        clustering,
        detecting,
        figures,
        outlier_kinds,
        outlier_promises,
        score_summaries,
        state,
        summaries,
    )
    from dashboard.selecting import Selection
    from dashboard.theme import theme_for

    run = state.open_run(space, info)
    cached.summary(run, summaries.headline, len(run.table))
    bands = cached.summary(run, summaries.by_depth)
    figures.sets_by_depth(bands, theme_for(None, None))
    cached.summary(run, summaries.strangest, "target")
    choosing.found(run, Selection())
    clustering.traits(run.key, run)
    if run.table["ood_score"].notna().any():
        detecting.summary(run, detecting.KNN, summaries.headline, len(run.table))
        detecting.summary(run, detecting.KNN, score_summaries.scores)
        for familiar in (False, True):
            detecting.summary(run, detecting.KNN, summaries.strangest, "target", familiar, False)
        cached.summary(run, summaries.comparable)
        outlier_kinds.kinds(run, detecting.KNN)
        outlier_promises.prepare(run)

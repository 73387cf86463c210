"""That something happened to the jobs reaches a page without the page asking its script again and again.

The contract:
- the browser asks a small route every other second (never from a tab that nobody sees); the script runs only when the
  answer has changed;
- a page is never drawn anew under the hands of somebody who has a list open or types: the browser waits, and offers a
  button meanwhile.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import assets, state
from dashboard.answers import NOT_KEPT, plain_json
from dashboard.payload import to_json

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from core.jobs.book import JobInfo
    from core.jobs.news import News
    from core.workspace import Workspace

EVERY = 2.0
"""Seconds between two looks of a browser."""
LAST = 30
"""Ended jobs that pages are told of."""
_COMPONENTS = Path(__file__).parent / "components"
_WATCH = st.components.v2.component(
    "benthoscope_news", css=(_COMPONENTS / "news.css").read_text(encoding="utf-8"), js=assets.LOADER
)


@st.cache_resource(max_entries=4, show_spinner=False, on_release=lambda news: news.close())
def _news(catalogue: str) -> News:
    from core.jobs.news import News

    return News(Path(catalogue))


def token(space: Workspace) -> str:
    """What changes whenever a job of this workspace is asked for, begins or ends."""
    return _news(str(space.database.path)).token()


@st.cache_resource(max_entries=4, show_spinner=False)
def _jobs(catalogue: str, now: str, _space: Workspace) -> tuple[JobInfo, ...]:
    from core.jobs.asking import book
    from core.jobs.book import ENDED

    found = book(_space)
    return (*found.jobs(states=("waiting", "running")), *found.jobs(states=ENDED, limit=LAST))


def jobs(space: Workspace, now: str) -> tuple[JobInfo, ...]:
    """The jobs that wait or are at work, then the last that ended, newest first; looked up once a token."""
    return _jobs(str(space.database.path), now, space)


def route(_request: Request) -> Response:
    """The token of now: ``news``."""
    return plain_json({"token": token(state.workspace())}, NOT_KEPT)


def watch(now: str) -> bool:
    """Let the browser look, beginning with the token of what is drawn; whether this rerun is because it saw news."""
    data = {"module": assets.module("news.js"), "address": f"{assets.base()}/news", "token": now, "every": EVERY}
    told = _WATCH(key="news", data=to_json(data), on_news_change=lambda: None)
    return bool(getattr(told, "news", None))

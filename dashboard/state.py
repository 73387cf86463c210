"""What is open and what is being looked at: the workspace, the run, the display mode, and their place in the URL.

The contract:
- open workspaces and runs are shared by all visitors and by our routes: cached by path and by run, read only;
- the URL alone reopens the view: ``run`` and ``image`` (with ``region``) are ids, looked up again on arrival;
- nothing here draws.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from core.errors import WorkspaceError
from dashboard.theme import Theme, theme_for

if TYPE_CHECKING:
    from core.runs import Run, RunInfo
    from core.workspace import Workspace

WORKSPACE_VARIABLE = "BENTHOSCOPE_WORKSPACE"
MODE_COOKIE = "benthoscope-mode"


@dataclass(frozen=True)
class View:
    """Everything a page draws from.

    Attributes:
        runs: All runs of the workspace, newest first.
        run: The open one.
    """

    workspace: Workspace
    runs: tuple[RunInfo, ...]
    run: Run
    theme: Theme


@st.cache_resource(max_entries=4, show_spinner=False, on_release=lambda workspace: workspace.close())
def _open_workspace(path: str) -> Workspace:
    from core.workspace import open_workspace

    return open_workspace(path, create=False)


def workspace() -> Workspace:
    """The workspace that this server shows.

    Raises:
        WorkspaceError: none is named, or the folder is not one.
    """
    path = os.environ.get(WORKSPACE_VARIABLE, "")
    if not path:
        raise WorkspaceError(
            "no workspace is open; start the dashboard with: benthoscope serve --workspace DIR "
            "(or make one to look at with: benthoscope demo)"
        )
    return _open_workspace(str(Path(path).expanduser().resolve()))


@st.cache_resource(max_entries=6, show_spinner=False)
def _open_run(root: str, run_id: int, uid: str) -> Run:
    return _open_workspace(root).open_run(run_id)


def open_run(space: Workspace, info: RunInfo) -> Run:
    """A finished run, opened once for all visitors."""
    return _open_run(str(space.root), info.id, info.uid)


def finished_run(run_id: int) -> Run | None:
    """The finished run with this id in the workspace at hand; for routes, which know only the id."""
    space = workspace()
    try:
        info = space.journal.run(run_id)
    except WorkspaceError:
        return None
    return open_run(space, info) if info.state == "done" else None


def url_id(name: str) -> int | None:
    """A positive integer from the URL's query; anything else counts as not given."""
    value = st.query_params.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and 0 < len(value) < 16 else None


def choose_run(runs: tuple[RunInfo, ...]) -> RunInfo:
    """The run to look at: the URL's, else the one looked at before, else the newest finished, else the newest.

    Moving between pages drops the query, so the choice is written back to it. There must be a run.
    """
    by_id = {info.id: info for info in runs}
    wanted = [url_id("run"), st.session_state.get("run_id")]
    chosen = next((by_id[run_id] for run_id in wanted if run_id in by_id), None)
    if chosen is None:
        chosen = next((info for info in runs if info.state == "done"), runs[0])
    st.session_state["run_id"] = chosen.id
    set_url("run", chosen.id)
    return chosen


def set_url(name: str, value: int | None) -> None:
    """Write an id to the URL's query, or take it away."""
    if value is None:
        if name in st.query_params:
            del st.query_params[name]
    elif st.query_params.get(name) != str(value):
        st.query_params[name] = str(value)


def current_theme() -> Theme:
    """The mode that the visitor chose in this browser (a cookie), else what the browser prefers."""
    return theme_for(st.context.cookies.get(MODE_COOKIE), st.context.theme.type)

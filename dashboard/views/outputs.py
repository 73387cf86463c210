"""Outputs: what can be taken home?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.console import duration
from core.jobs.doing import outputs_folder
from core.publish.writing import FORMATS, WRITERS
from dashboard import choosing, evaluating, following, parts, reopened, report_routes, state
from dashboard.desk import Desk, ask

if TYPE_CHECKING:
    from core.runs import RunInfo

_PREVIEWED = (".csv", ".json", ".txt", ".yaml")
_PREVIEW_BYTES = 4000
ALL, FLAGGED, SELECTED = "all regions", "flagged regions", "the current selection"


def page(desk: Desk) -> None:
    """Draw the page."""
    parts.heading(
        "What can be taken home?",
        "Reports and exports, made by a job and kept in the workspace until you take them.",
    )
    following.section(desk.workspace, ("report", "export"))
    _make(desk)
    reopened.section(desk)
    folder = outputs_folder(desk.workspace.root)
    found = sorted((path for path in folder.glob("*") if path.is_file()), reverse=True) if folder.is_dir() else []
    if not found:
        parts.note("Nothing was made yet.")
    for path in found[:100]:
        _file(path)


def _make(desk: Desk) -> None:
    done = {info.id: info for info in desk.runs if info.state == "done"}
    if not done:
        parts.note("There is no finished run to take anything from.")
        return
    judged = {one.id: one for one in evaluating.stored(desk.workspace)}
    with (
        parts.card("make", "Make one"),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        run = st.selectbox("Run", list(done), key="make_run", format_func=lambda n: f"{n} · {done[n].name}")
        kinds = ["report", *(["evaluation"] if judged else []), *FORMATS]
        kind = st.selectbox(
            "As",
            kinds,
            key="make_kind",
            format_func=_title,
        )
        if kind == "evaluation":
            of: Any = st.selectbox("Of", list(judged), key="make_judged", format_func=lambda n: judged[n].title)
        else:
            narrowed = kind == "report" and choosing.current().narrows
            of = st.selectbox("Of", [ALL, FLAGGED, *([SELECTED] if narrowed else [])], key="make_of")
        if st.button("Make it", key="make_it", type="primary"):
            if kind in ("report", "evaluation"):
                title, arguments = _report(desk, done[run], kind, of)
                ask(desk.workspace, "report", title, arguments, key="report")
            else:
                conditions = ["flagged=true"] if of == FLAGGED else []
                arguments = {"run": run, "format": kind, "conditions": conditions}
                ask(desk.workspace, "export", f"{_title(kind)} of run {run}", arguments, key="export")
            st.rerun()


def _report(desk: Desk, info: RunInfo, kind: str, of: Any) -> tuple[str, dict[str, Any]]:
    """A report's title, and what its job is told."""
    if kind == "evaluation":
        return f"Report of evaluation {of}", {"evaluation": int(of)}
    if of == ALL:
        return f"Report of run {info.id}", {"run": info.id}
    run = state.open_run(desk.workspace, info)
    if of == FLAGGED:
        rows, said = np.flatnonzero(run.table["flagged"].to_numpy(bool)), FLAGGED
    else:
        selection = choosing.current()
        found = choosing.found(run, selection)
        rows, said = choosing.rows(run, found, selection), choosing.in_words(selection)
    regions = [int(region) for region in run.table["region_id"].to_numpy()[rows]]
    return f"Report of {of}, run {info.id}", {"run": info.id, "regions": regions, "said": said}


def _title(kind: str) -> str:
    plain = {
        "report": "Report, one HTML file",
        "evaluation": "Report of an evaluation, one HTML file",
        "csv": "Table, CSV",
        "json": "Table, JSON",
    }
    return plain.get(kind) or WRITERS[kind].title


def _file(path: Path) -> None:
    facts = path.stat()
    age = (datetime.now(UTC) - datetime.fromtimestamp(facts.st_mtime, UTC)).total_seconds()
    with st.container(border=True, key=f"card_output_{parts.slug(path.name)}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            made = "just now" if age < 60 else f"{duration(age)} ago"
            parts.facts([(path.name, f"{facts.st_size / 1e6:,.1f} MB, made {made}")])
            st.download_button(
                "Download",
                data=path.read_bytes,
                file_name=path.name,
                key=f"output_{path.name}",
                on_click="ignore",
                icon=":material/download:",
            )
            reopened.open_button(path)
        if path.suffix.lower() in _PREVIEWED:
            with st.expander("First lines", key=f"output_look_{path.name}"), path.open("rb") as file:
                st.code(file.read(_PREVIEW_BYTES).decode("utf-8", "replace"), language=None)
        elif (address := report_routes.address(path)) is not None:
            parts.note("Opens in any browser, without a network.")
            with st.expander("Look at it", key=f"output_look_{path.name}", on_change="rerun") as place:
                if place.open:
                    st.iframe(address, height=640)

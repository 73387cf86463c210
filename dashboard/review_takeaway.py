"""Taking decisions, labels and numbers home: which pictures, in which format."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.publish.writing import WRITERS, Options, as_download, make, rows_of
from dashboard import choosing, parts, review_work, words
from dashboard.boundary import boundary

if TYPE_CHECKING:
    from dashboard.state import View

_READY = "takeaway_ready"
_LARGEST_REGISTER = 20_000_000
_TITLES = {"csv": "CSV table", "json": "JSON table"} | {name: writer.title for name, writer in WRITERS.items()}


def takeaway(view: View) -> None:
    """Choose, prepare, download."""
    with parts.card("takeaway", "Take it home", "Labels, decisions and scores, with who said so and from which model."):
        _body(view)


@st.fragment
def _body(view: View) -> None:
    scopes = {"decided": "What was decided", "selection": "The current selection", "run": "The whole run"}
    if not choosing.current().narrows:
        scopes.pop("selection")
    first, second, third = st.columns([1, 1, 1], vertical_alignment="bottom")
    scope = first.selectbox("Pictures", list(scopes), format_func=scopes.__getitem__, key="takeaway_scope")
    name = second.selectbox("Format", list(_TITLES), format_func=_TITLES.__getitem__, key="takeaway_format")
    register = None
    if name == "darwin-core":
        register = st.file_uploader(
            "Names and AphiaIDs from WoRMS, with their date in the file's name (worms-2026-03-01.csv)",
            type=["csv", "tsv", "txt"],
            key="takeaway_worms",
            max_upload_size=_LARGEST_REGISTER // 1_000_000,
        )
    asked = (view.run.key, scope, name, register.file_id if register else "")
    if third.button("Prepare", key="takeaway_prepare", type="primary"):
        st.session_state.pop(_READY, None)
        with boundary():
            st.session_state[_READY] = {"asked": asked, **_prepared(view, scope, name, register)}
    ready: dict[str, Any] | None = st.session_state.get(_READY)
    if ready and ready["asked"] == asked:
        for remark in ready["remarks"]:
            parts.note(remark)
        st.download_button(
            f"{ready['name']}: {words.count(ready['count'])} {ready['noun']}",
            data=ready["data"],
            file_name=f"benthoscope-run-{view.run.id}-{ready['name']}",
            key="takeaway_download",
            on_click="ignore",
            icon=":material/download:",
        )


def chosen_rows(view: View, scope: str) -> np.ndarray:
    """Rows of the run that a scope means."""
    if scope == "selection":
        return np.sort(review_work.selected_rows(view))
    return rows_of(view.workspace, view.run, ("opinions>0",) if scope == "decided" else ())


def _prepared(view: View, scope: str, name: str, register: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        worms = None
        if register is not None:
            # The visitor's name for the file carries its date and nothing else: only its digits are kept.
            day = "".join(letter for letter in register.name if letter.isascii() and letter.isdecimal())[-8:]
            worms = Path(folder) / f"worms-{day}.csv"
            worms.write_bytes(register.getvalue()[:_LARGEST_REGISTER])
        written = make(view.workspace, view.run, name, chosen_rows(view, scope), Options(worms=worms))
    file_name, data = as_download(written)
    found = {"name": file_name, "data": data, "count": written.count}
    return found | {"noun": written.noun, "remarks": list(written.remarks)}

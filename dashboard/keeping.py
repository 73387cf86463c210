"""The menu of saved selections: save what is narrowed down now, open one again, take one from the list."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from core.catalogue.saving import LONGEST_NAME, SavedEntry, archive_selection, saved_selections
from core.catalogue.selections import Node
from core.errors import SelectionError
from dashboard import choosing, parts, saved, words
from dashboard.boundary import sentence

if TYPE_CHECKING:
    from dashboard.selecting import Selection
    from dashboard.state import View


def menu(view: View, selection: Selection) -> None:
    """A button that opens the list."""
    with st.popover("Saved", icon=":material/bookmark:"):
        if selection.narrows:
            among = saved.named(view.workspace, (*selection.saved, *selection.without))
            form("selection", "Save this selection", view, saved.tree(selection, among, list(view.run.table.columns)))
        else:
            parts.note("Narrow something down, and save it here under a name.")
        entries = saved_selections(view.workspace.database)
        if entries:
            parts.note("Open narrows down to it; without it shows all others.")
        for entry in entries:
            _entry(view, selection, entry)


def _entry(view: View, selection: Selection, entry: SavedEntry) -> None:
    into = replace(selection, saved=tuple(dict.fromkeys((*selection.saved, entry.id))))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"saved_{entry.id}"):
        st.button(
            parts.unmarked(entry.name),
            key=f"saved_open_{entry.id}",
            on_click=choosing.put,
            args=(into,),
            help=f"Saved {words.when(entry.created_at)}",
        )
        st.button(
            "without",
            key=f"saved_without_{entry.id}",
            type="tertiary",
            on_click=_leave_out,
            args=(view, selection, entry),
        )
        st.button("take off the list", key=f"saved_off_{entry.id}", type="tertiary", on_click=_off, args=(view, entry))


def _leave_out(view: View, selection: Selection, entry: SavedEntry) -> None:
    """Everything else of what is shown; of the whole run when nothing else is shown, as after saving it."""
    out = replace(selection, without=tuple(dict.fromkeys((*selection.without, entry.id))))
    if not choosing.found(view.run, out).mask.any():
        out = replace(selection.everything, without=out.without)
    choosing.put(out)


def _off(view: View, entry: SavedEntry) -> None:
    archive_selection(view.workspace.database, entry.id, now=datetime.now(UTC))


def form(key: str, label: str, view: View, node: Node, proposal: str = "") -> None:
    """A name (something may be proposed) and a button that saves a condition under it."""
    st.session_state.setdefault(f"save_name_{key}", proposal)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"save_{key}"):
        st.text_input(
            "Name", key=f"save_name_{key}", max_chars=LONGEST_NAME, placeholder="a name", label_visibility="collapsed"
        )
        st.button(label, key=f"save_do_{key}", on_click=_save, args=(key, view, node))
    said = st.session_state.pop(f"save_said_{key}", "")
    parts.note(said)


def _save(key: str, view: View, node: Node) -> None:
    try:
        entry = saved.keep(view.workspace, st.session_state[f"save_name_{key}"], node)
    except SelectionError as error:
        st.session_state[f"save_said_{key}"] = sentence(str(error))
    else:
        st.session_state[f"save_name_{key}"] = ""
        st.session_state[f"save_said_{key}"] = f"Saved as “{entry.name}”; it is in the list under Saved."

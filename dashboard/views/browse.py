"""Browse: show me."""

from __future__ import annotations

import streamlit as st

from core.export import export_table
from dashboard import choosing, parts, selecting
from dashboard.gallery import gallery
from dashboard.state import View


def page(view: View) -> None:
    """Draw the page."""
    selection = choosing.current()
    found = selecting.find(choosing.index(view.run), selection)
    rows = choosing.rows(view.run, found, selection.sort)
    parts.heading("What would you like to see?", choosing.count_sentence(found))
    narrow, wide = st.columns([1, 3.6], gap="medium")
    with narrow, parts.card("facets", "Narrow down"):
        choosing.facets(view.run, selection, found)
    with wide:
        choosing.chips(selection)
        with st.container(horizontal=True, vertical_alignment="center", key="browse_tools"):
            with st.container(width=260):
                choosing.sorting(view.run, selection)
            parts.csv_button("browse", lambda: export_table(view.run).iloc[rows], "CSV of what is shown")
        gallery(
            view,
            rows,
            key="browse",
            label="Pictures of this selection",
            captions=_captions(view, selection.sort),
            height=720,
            named=True,
            empty="No picture fits. Take a condition away, or show everything.",
        )


def _captions(view: View, sort: str) -> list[str]:
    """What is known here, what the list is ordered by first."""
    column = selecting.SORTS[sort][1]
    wanted = dict.fromkeys([column, "ood_score", "depth_m", "group"])
    table = view.run.table
    return [name for name in wanted if name != "path" and table[name].notna().any() and not (table[name] == "").all()][
        :3
    ]

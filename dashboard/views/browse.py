"""Browse: show me."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.catalogue.selections import Regions
from core.export import export_table
from dashboard import choosing, faceting, keeping, likeness, parts, predicting, words
from dashboard.boundary import boundary
from dashboard.gallery import gallery
from dashboard.uploads import MAX_BYTES, received

if TYPE_CHECKING:
    from core.runs import Run
    from dashboard.selecting import Selection
    from dashboard.state import View

WITH_DISTANCE = 1000
"""Pictures at the head of a list by likeness whose distance is written out."""


def page(view: View) -> None:
    """Draw the page."""
    selection = choosing.current()
    found = choosing.found(view.run, selection)
    rows = choosing.rows(view.run, found, selection)
    parts.heading("What would you like to see?", choosing.count_sentence(found))
    with parts.beside("browse") as (narrow, wide):
        with narrow, parts.card("facets", "Narrow down"):
            faceting.facets(view, selection, found)
        with wide:
            choosing.chips(selection)
            _example(view, selection)
            choose = _tools(view, selection, rows)
            alike = likeness.distances(view.run, selection.like) if selection.like else None
            chosen = gallery(
                view,
                rows,
                key="browse",
                label="Pictures of this selection",
                captions=_captions(view, selection),
                extra=[f"distance {words.score(d)}" for d in alike.distances[rows[:WITH_DISTANCE]]] if alike else (),
                height=720,
                named=True,
                selectable=choose,
                empty="No picture fits. Take a condition away, or show everything.",
            )
            if choose:
                _chosen(view, chosen)


def _tools(view: View, selection: Selection, rows: np.ndarray) -> bool:
    """Order, search by example, saved selections, download; returns whether pictures are being chosen."""
    with st.container(horizontal=True, vertical_alignment="center", key="browse_tools", gap="small"):
        with st.container(width=240):
            choosing.sorting(view.run, selection)
        with st.popover("By example", icon=":material/image_search:"):
            _upload(view.run)
        keeping.menu(view, selection)
        choose = st.toggle("Choose", key="browse_choose", help="Click chooses pictures; a double click opens one")
        parts.csv_button("browse", lambda: export_table(view.run).iloc[rows], "CSV of what is shown")
    return bool(choose)


def _upload(run: Run) -> None:
    """A picture from the visitor's own disk, to sort everything by likeness to it."""
    parts.note("Sort everything by likeness to a picture of yours. It is compared, not kept.")
    sent = st.file_uploader(
        "A picture",
        type=["jpg", "jpeg", "png", "tif", "tiff", "webp"],
        key="example",
        label_visibility="collapsed",
        max_upload_size=MAX_BYTES // 2**20,
    )
    if sent is None:
        parts.note("For a picture that is here already: open it, and choose “Find similar”.")
        return
    if st.session_state.get("example_taken") == sent.file_id:
        return
    with boundary(), st.spinner("Comparing it with everything …"):
        key = likeness.add(run, received(sent))
        st.session_state["example_taken"] = sent.file_id
        choosing.put(replace(choosing.current(), like=key))
        st.rerun()


def _example(view: View, selection: Selection) -> None:
    """What the list is ordered by likeness to."""
    if not selection.like:
        return
    row = likeness.row_of(view.run, selection.like)
    if row is not None:
        name = str(view.run.table["path"].iloc[row]).rsplit("/", 1)[-1]
        parts.note(f"Most alike {name} first, as the network sees it: distance 0 is a copy, 1 is unrelated.")
    elif likeness.distances(view.run, selection.like) is not None:
        parts.note("Most alike your picture first, as the network sees it: distance 0 is a copy, 1 is unrelated.")
    else:
        parts.note("The picture to compare with is no longer kept; send it again under “By example”.")


def _chosen(view: View, chosen: np.ndarray) -> None:
    """What can be done with chosen pictures."""
    if not len(chosen):
        parts.note("Nothing is chosen yet: click, shift-click for a range, or arrows and space.")
        return
    ids = tuple(int(region) for region in view.run.table["region_id"].iloc[chosen])
    with st.container(horizontal=True, vertical_alignment="center", key="browse_chosen", gap="small"):
        keeping.form("chosen", f"Save the {words.count(len(ids))} chosen", view, Regions(ids))
        parts.csv_button("chosen", lambda: export_table(view.run).iloc[chosen], "CSV of the chosen")
        if len(ids) == 1:
            like = replace(choosing.current(), like=str(ids[0]))
            st.button("Find similar", key="chosen_similar", on_click=choosing.put, args=(like,))


def _captions(view: View, selection: Selection) -> list[str]:
    """What is known here, what the list is ordered by first."""
    order = choosing.orders(view.run).get(selection.sort)
    wanted = dict.fromkeys([*([order.column] if order else []), "ood_score", "depth_m", "group"])
    table = view.run.table
    known = [name for name in wanted if name != "path" and table[name].notna().any() and not (table[name] == "").all()]
    predicted = predicting.caption(view)
    return [*known[: 3 - len(predicted)], *predicted]

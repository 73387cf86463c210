"""Datasets: what is in the catalogue?"""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from core.catalogue.describing import Description, archive_dataset, describe, descriptions, problems_of
from dashboard import bringing, correcting, dataset_card, following, going, parts, previewed, words
from dashboard.desk import Desk

_COUNTED = {
    "problems": "remarks",
    "annotations_added": "annotations added",
    "annotations_superseded": "annotations superseded",
}


def page(desk: Desk) -> None:
    """Draw the page."""
    found = descriptions(desk.workspace.database)
    live = [entry for entry in found if entry.archived_at is None]
    total = sum(entry.images for entry in desk.workspace.datasets())
    parts.heading(
        "What is in the catalogue?",
        f"{words.plural(total, 'image')} in {words.plural(len(live), 'dataset')}."
        if live
        else "Nothing yet: bring a folder of images, with a table of time, position and depth if there is one.",
    )
    following.section(desk.workspace, ("import",), "Being imported")
    for entry in live:
        with st.expander(parts.unmarked(entry.name), key=f"dataset_{entry.id}", expanded=len(live) == 1):
            _card(desk, entry)
    correcting.merging(desk, [entry.name for entry in live])
    _archive([entry for entry in found if entry.archived_at is not None], desk)
    bringing.section(desk)


def _card(desk: Desk, entry: Description) -> None:
    dataset_card.draw(desk, entry)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        licence = st.text_input("Licence", value=entry.licence, key=f"licence_{entry.id}")
        citation = st.text_input("Citation", value=entry.citation, key=f"citation_{entry.id}")
        if st.button("Save", key=f"describe_{entry.id}"):
            describe(desk.workspace.database, entry.name, licence, citation)
            st.rerun()
    correcting.section(desk, entry)
    parts.section("Where it came from")
    for one in reversed(entry.imports):
        came = [f"{value:,} {_COUNTED.get(name, name)}" for name, value in one.counts.items() if value]
        parts.facts(
            [
                ("imported", f"{words.when(one.created_at)} by {one.actor}"),
                ("from", one.source),
                ("with", dataset_card.told_options(one.options)),
                ("came of it", ", ".join(came)),
                *(("noted", previewed.past(note)) for note in one.notes),
            ]
        )
        remarks = problems_of(desk.workspace.database, one.id)
        if remarks:
            _remarks(one.id, remarks)
    with st.container(horizontal=True):
        if st.button("Start a run", key=f"dataset_run_{entry.id}", type="primary"):
            st.session_state["new_datasets"] = [entry.name]
            going.go("runs", {})
        if st.button("Archive", key=f"archive_{entry.id}", help="Its images and runs stay; it can be taken back"):
            archive_dataset(desk.workspace.database, entry.id, now=datetime.now(UTC))
            st.rerun()
        correcting.unmerging(desk, entry)


def _remarks(number: int, remarks: list[tuple[str, str, str]]) -> None:
    import pandas as pd

    told = [(previewed.said(kind), where, why) for kind, where, why in remarks]
    table = pd.DataFrame(told, columns=["kind", "where", "why"])
    st.dataframe(table.head(500), hide_index=True, height=160, key=f"remarks_{number}")
    parts.csv_button(f"remarks-{number}", lambda: table)


def _archive(entries: list[Description], desk: Desk) -> None:
    if not entries:
        return
    with st.expander(words.plural(len(entries), "archived dataset"), key="datasets_archived"):
        for entry in entries:
            with st.container(horizontal=True, vertical_alignment="center"):
                parts.note(f"{entry.name}, put away {words.when(entry.archived_at)}")
                if st.button("Take back", key=f"unarchive_{entry.id}"):
                    archive_dataset(desk.workspace.database, entry.id, now=None)
                    st.rerun()

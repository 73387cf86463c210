"""Metadata changed in a table, and what was changed before, with its undoing; two datasets made one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.catalogue.describing import archive_dataset, descriptions
from core.catalogue.editing import Change, acts_of, edit_images, undo_edits
from core.errors import CoreError
from dashboard import catalogued, parts, words
from dashboard.boundary import sentence
from dashboard.desk import ACTOR, Desk, ask

if TYPE_CHECKING:
    import pandas as pd

    from core.catalogue.describing import Description
    from core.workspace import Workspace

SHOWN = 500
TITLES = {
    "taken_at": "time, UTC",
    "latitude": "latitude",
    "longitude": "longitude",
    "depth_m": "depth, m",
    "altitude_m": "height over ground, m",
    "camera": "camera",
    "site": "site",
    "group": "group",
}
"""Field of an image → how a table's column is called."""


def section(desk: Desk, entry: Description) -> None:
    """The table of one dataset's images, and the edits so far."""
    with st.expander("Edit metadata", key=f"edit_{entry.id}", on_change="rerun") as place:
        if place.open:
            _table(desk, entry)
            _acts(desk, entry)


def _table(desk: Desk, entry: Description) -> None:
    parts.note(
        "Click a cell to change it. Files on the disk are never touched; every change is recorded, with its undo."
    )
    wanted = st.text_input("File name holds", key=f"edit_find_{entry.id}").strip().casefold()
    images = catalogued.images(desk.workspace, [entry.name])
    if wanted:
        images = images[images["path"].astype("str").str.casefold().str.contains(wanted, regex=False)]
    if images.empty:
        parts.note("No image is called so.")
        return
    frame = _frame(images.head(SHOWN))
    if len(images) > SHOWN:
        parts.note(f"The first {SHOWN} of {words.count(len(images))} are here; name a part of a file name for others.")
    key = f"edit_table_{entry.id}_{st.session_state.get(_turn(entry), 0)}"
    st.data_editor(
        frame.drop(columns="image_id"),
        key=key,
        hide_index=True,
        disabled=["file"],
        height=320,
        num_rows="fixed",
        placeholder="",
    )
    edited: dict[int, dict[str, Any]] = st.session_state.get(key, {}).get("edited_rows", {})
    changes = _changes(frame, edited)
    if changes and st.button(
        f"Save {words.plural(len(changes), 'change')}", key=f"edit_save_{entry.id}", type="primary"
    ):
        try:
            edit_images(desk.workspace.database, changes, actor=ACTOR, now=datetime.now(UTC))
        except CoreError as error:
            parts.note(sentence(str(error)))
            return
        _again(entry)


def _turn(entry: Description) -> str:
    return f"edit_turn_{entry.id}"


def _again(entry: Description) -> None:
    """A fresh table, from what is in the catalogue now."""
    st.session_state[_turn(entry)] = st.session_state.get(_turn(entry), 0) + 1
    st.rerun()


def _frame(images: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    texts = ("camera", "site", "group")
    columns = {
        title: images[name].astype("str").replace({"nan": "", "None": "", "<NA>": ""}).to_numpy(object)
        if name in texts
        else pd.to_datetime(images[name], utc=True).dt.tz_localize(None).to_numpy()
        if name == "taken_at"
        else images[name].astype(float).to_numpy()
        for name, title in TITLES.items()
    }
    paths = images["path"].astype("str").to_numpy(object)
    return pd.DataFrame({"image_id": images["image_id"].to_numpy(), "file": paths, **columns})


def _changes(frame: pd.DataFrame, edited: dict[int, dict[str, Any]]) -> list[Change]:
    names = {title: name for name, title in TITLES.items()}
    return [
        Change(int(frame["image_id"].iloc[int(row)]), names[title], value)
        for row, cells in edited.items()
        for title, value in cells.items()
        if title in names
    ]


def _acts(desk: Desk, entry: Description) -> None:
    acts = acts_of(desk.workspace.database, entry.id)
    if not acts:
        return
    parts.section("Changed so far")
    for one in acts[:20]:
        with st.container(horizontal=True, vertical_alignment="center"):
            fields = ", ".join(TITLES.get(name, name) for name in one.fields)
            state = "; taken back" if one.undone else ""
            when = words.when(one.created_at)
            parts.note(f"{when} by {one.actor}: {fields} of {words.plural(one.images, 'image')}{state}")
            if not one.undone and st.button("Undo", key=f"edit_undo_{one.act}"):
                try:
                    undo_edits(desk.workspace.database, one.act, actor=ACTOR, now=datetime.now(UTC))
                except CoreError as error:
                    parts.note(sentence(str(error)))
                    continue
                _again(entry)


def merging(desk: Desk, names: list[str]) -> None:
    """Two or more datasets become one more; a job does it."""
    if len(names) < 2:
        return
    with st.expander("Merge datasets", key="datasets_merge"):
        parts.note(
            "A new dataset links the same files, with all that is known of them. The old ones stay, or are put away. "
            "What reviewers decided on pictures comes along as it stands now; decisions about clusters stay with their "
            "runs. Embeddings are used again."
        )
        chosen = st.multiselect("Datasets", names, key="merge_names")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input("Name of the new dataset", key="merge_name", max_chars=200).strip()
            put_away = st.checkbox("Put the old ones away", key="merge_put_away")
        if st.button("Merge", key="merge_start", type="primary", disabled=len(chosen) < 2 or not name):
            if name in names:
                parts.note("A dataset of this name is there; choose another.")
                return
            arguments = {"merge": chosen, "dataset": name, "put_away": put_away}
            ask(desk.workspace, "import", f"Merge {' and '.join(chosen)} into {name}", arguments, key="merge")
            st.rerun()


def unmerging(desk: Desk, entry: Description) -> None:
    """A merged dataset put away, and what it was made of taken back; nothing for other datasets."""
    from core.jobs.asking import book
    from core.jobs.lanes import LANE_OF

    if not any(note.startswith("Merged from ") for one in entry.imports for note in one.notes):
        return
    done = book(desk.workspace).jobs(states=("done",), lane=LANE_OF["import"], limit=10_000)
    asked = [job.arguments for job in done]
    named = next((one["merge"] for one in asked if one.get("merge") and one.get("dataset") == entry.name), ())
    parts_of = [one for one in descriptions(desk.workspace.database) if one.name in named]
    if not parts_of:
        return
    names = " and ".join(one.name for one in parts_of)
    st.button(
        "Undo the merge",
        key=f"unmerge_{entry.id}",
        help=f"This one is put away, {parts.unmarked(names)} are there again. What was decided here since stays with "
        "this one and comes back with it",
        on_click=_unmerge,
        args=(desk.workspace, entry.id, [one.id for one in parts_of]),
    )


def _unmerge(space: Workspace, merged: int, before: list[int]) -> None:
    for dataset in before:
        archive_dataset(space.database, dataset, now=None)
    archive_dataset(space.database, merged, now=datetime.now(UTC))

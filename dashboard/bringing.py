"""Bringing images in: a source, what is known beside it, what would come of it, and the job that does it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import streamlit as st

from core.catalogue.records import ReadOptions
from core.errors import CoreError
from dashboard import finding, mapping, parts, previewed, sending, words
from dashboard.boundary import explain, sentence
from dashboard.desk import Desk, ask
from dashboard.uploads import MAX_BYTES

if TYPE_CHECKING:
    from core.catalogue.importing import ImportPlan
    from core.catalogue.trying import Tried

_SOURCE = "bring_source"
_NONE = "none"
_GUESS = "by its name"
_OF_FILES = ("folder", "filename", "stem")


def section(desk: Desk) -> None:
    """Everything from choosing to asking for the import."""
    chosen: Path | None = None
    with parts.card("bring", "Bring images", "They stay where they are: the catalogue links to them."):
        way = st.segmented_control(
            "From",
            ["A folder of this machine", "Files of yours"],
            default="A folder of this machine",
            required=True,
            key="bring_way",
            label_visibility="collapsed",
        )
        chosen = finding.browser() if way == "A folder of this machine" else _sent(desk)
    if chosen is not None:
        _forget()
        st.session_state[_SOURCE] = str(chosen)
    source = st.session_state.get(_SOURCE)
    if source is None:
        return
    path = finding.allowed(source, (desk.workspace.root / sending.FOLDER,))
    with parts.card("plan", "What would come of it", str(path)):
        _planned(desk, path)


def _forget() -> None:
    for name in [str(name) for name in st.session_state if str(name).startswith("opt_")]:
        del st.session_state[name]


def _sent(desk: Desk) -> Path | None:
    sent = st.file_uploader(
        "Pictures, and a table if there is one",
        accept_multiple_files=True,
        key="bring_files",
        max_upload_size=MAX_BYTES // 2**20,
    )
    parts.note(sending.LIMITS)
    if not sent or not st.button(f"Take {words.plural(len(sent), 'file')}", key="bring_take", type="primary"):
        return None
    with st.spinner("Opening the files"):
        folder, refused = sending.keep(desk.workspace, uuid4().hex, sent)
    if refused:
        parts.note(f"{words.plural(len(refused), 'file')} cannot be used:")
        parts.facts(refused[:20])
    return sending.source_of(folder)


def _planned(desk: Desk, path: Path) -> None:
    format_name, options = _options(path)
    try:
        with st.spinner("Reading the source"):
            plan = _plan(path, format_name, options)
    except CoreError as error:
        parts.empty(*explain(error))
        if format_name == "table" and path.is_file():
            mapping.editor(path, {})
        return
    mapped = mapping.editor(path, plan.reading.columns) if format_name == "table" else ()
    tried = _tried(plan)
    previewed.draw(plan, tried, mapped)
    _asked(desk, path, plan, tried, format_name, options)


def _plan(path: Path, format_name: str | None, options: ReadOptions) -> ImportPlan:
    """Read once for these options; kept for this visitor."""
    from core.catalogue.importing import plan_import

    key = (str(path), format_name, options.to_json())
    kept: Any = st.session_state.get("bring_plan")
    if kept is None or kept[0] != key:
        kept = (key, plan_import(path, options, format_name))
        st.session_state["bring_plan"] = kept
    plan: ImportPlan = kept[1]
    return plan


def _tried(plan: ImportPlan) -> Tried:
    """Open the files once for these paths; kept for this visitor while options change."""
    from core.catalogue.trying import try_files

    key = (str(plan.root), tuple(record.path for record in plan.reading.records))
    kept: Any = st.session_state.get("bring_tried")
    if kept is None or kept[0] != key:
        with st.spinner("Opening the files"):
            kept = (key, try_files(plan))
        st.session_state["bring_tried"] = kept
    tried: Tried = kept[1]
    return tried


def _options(path: Path) -> tuple[str | None, ReadOptions]:
    """What a person may say beside the source, all of it with a default that is right for most."""
    from core.catalogue.formats.registry import FORMATS, guess_format

    try:
        guessed = guess_format(path)
    except CoreError:
        guessed = ""
    tables, folders = finding.nearby(path)
    base = path if path.is_dir() else path.parent

    def named(label: str, key: str, among: list[Path], help_: str, nothing: str = _NONE) -> Path | None:
        shown: list[Path | None] = [None, *among]
        return st.selectbox(
            label,
            shown,
            key=f"opt_{key}",
            format_func=lambda one: (
                nothing if one is None else str(one.relative_to(base)) if one != base else "this one"
            ),
            help=help_,
        )

    kinds = [*([guessed] if guessed else []), *(name for name in FORMATS if name != guessed)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Kind of source",
            kinds,
            key="opt_format",
            format_func=lambda name: FORMATS[name].title + (" (guessed)" if name == guessed else ""),
        )
        images = None
        if path.is_file():
            images = named(
                "Folder of the images", "images", folders, "Where the files lie", "looked for near the table"
            )
    with st.expander("More about these images: second table, names of labels, navigation, groups", key="opt_more"):
        left, middle, right = st.columns(3)
        with left:
            metadata = named("Second table", "metadata", tables, "Joined to the first by a column that both have")
            on = _joined_by(path, metadata)
            labels_key = named("Names of labels", "labels", tables, "A table that gives names to label codes")
        with middle:
            group = _group(path)
            pattern = st.text_input("Group: pattern in the name", key="opt_pattern", placeholder=r"(D\d+)").strip()
            folder_labels = st.checkbox("Folders are labels", key="opt_folder_labels")
        with right:
            nav = named("Navigation log", "nav", tables, "Fills position and depth by time")
            offset = st.number_input("Clock offset, seconds", value=0.0, step=1.0, key="opt_offset")
            zone = st.text_input("Time zone", key="opt_zone", placeholder="Asia/Tokyo, +09:00").strip()
    columns, group_column = mapping.told()
    return chosen, ReadOptions(
        images=images,
        metadata=metadata,
        on=on,
        labels_key=labels_key,
        group=group_column or group,
        group_pattern=pattern or None,
        nav=nav,
        clock_offset=float(offset),
        timezone=zone or None,
        folder_labels=folder_labels,
        columns=columns,
    )


def _joined_by(path: Path, metadata: Path | None) -> str | None:
    """The columns that join two tables: ours, and theirs; found by their names unless said."""
    if metadata is None:
        return None
    ours = st.selectbox("Joined: of the images", [_GUESS, *_OF_FILES, *mapping.columns_of(path)], key="opt_ours")
    theirs = st.selectbox("Joined: of the second table", [_GUESS, *mapping.columns_of(metadata)], key="opt_theirs")
    if _GUESS in (ours, theirs):
        return None if ours == theirs else theirs if ours == _GUESS else ours
    return f"{ours}={theirs}"


def _group(path: Path) -> str | None:
    chosen = st.selectbox(
        "Group",
        [_GUESS, "folder", *mapping.columns_of(path)],
        key="opt_group",
        help="Images of one group are not independent of each other: a dive, a transect, a video",
    )
    return None if chosen == _GUESS else chosen


def _asked(
    desk: Desk, path: Path, plan: ImportPlan, tried: Tried, format_name: str | None, options: ReadOptions
) -> None:
    if not plan.reading.records:
        parts.note("There is no image in it, so there is nothing to import.")
        return
    coming = tried.total - (len(tried.unusable) if tried.whole else 0)
    if tried.total and not coming:
        parts.note("No file in it can be opened as a picture, so there is nothing to import.")
        return
    entries = words.plural(len(plan.reading.records), "entry", "entries")
    wish = f"Import {words.plural(coming, 'image')}" if coming else f"Import {entries} without their files"
    parts.section("Import")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        proposed = (path if path.is_dir() else path.parent).name
        proposed = "uploaded" if len(proposed) == 32 else proposed
        name = st.text_input("Name of the dataset", value=proposed, key=f"opt_name_{path}", max_chars=200).strip()
        licence = st.text_input("Licence", key="opt_licence", placeholder="CC BY 4.0").strip()
        citation = st.text_input("Citation", key="opt_citation", placeholder="who, when, where").strip()
    known = {entry.name for entry in desk.workspace.datasets()}
    if name in known:
        parts.note("A dataset of this name is there: what is new is added, what has changed is read again.")
    if st.button(wish, key="bring_import", type="primary"):
        if not name:
            parts.note(sentence("a dataset needs a name"))
            return
        arguments = {
            "source": str(path),
            "dataset": name,
            "format": format_name,
            "options": options.to_json(),
            "licence": licence,
            "citation": citation,
        }
        ask(desk.workspace, "import", f"Import {name}", arguments, key="import")
        for key in (_SOURCE, "bring_plan", "bring_tried", previewed.TOLD):
            st.session_state.pop(key, None)
        st.rerun()

"""Finding a source with the mouse: folders and tables below the roots that the server was given, nothing else.

The contract: what a visitor chooses is looked up again on the server and must lie, links followed, below a root.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.errors import WorkspaceError
from core.images.files import is_image_name
from core.serving import ROOTS_VARIABLE
from dashboard import parts, words

TABLES = (".csv", ".tsv", ".txt", ".json", ".parquet", ".yaml", ".yml")
MOST = 300
_PLACE = "find_place"


@dataclass(frozen=True)
class Listing:
    """What lies in a folder: names, sorted.

    Attributes:
        images: How many image files lie in it directly.
        more: Whether it holds more folders or tables than are listed.
    """

    folders: tuple[str, ...]
    tables: tuple[str, ...]
    images: int
    more: bool


def roots() -> tuple[Path, ...]:
    """Folders that pages may look into."""
    named = os.environ.get(ROOTS_VARIABLE, "")
    return tuple(Path(part).resolve() for part in named.split(os.pathsep) if part and Path(part).is_dir())


def allowed(path: Path | str, extra: tuple[Path, ...] = ()) -> Path:
    """The real place of a path.

    Raises:
        WorkspaceError: it is gone, or lies below no root.
    """
    try:
        real = Path(path).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise WorkspaceError("this folder or file is not there any more; choose again") from error
    if not any(real.is_relative_to(root) for root in (*roots(), *extra)):
        raise WorkspaceError("this lies outside the folders that the server may import from (--images-root)")
    return real


def listing(folder: Path) -> Listing:
    """What lies in a folder; links that lead out of the roots and hidden names are left out.

    Raises:
        WorkspaceError: it may not be listed.
    """
    folders, tables, images = [], [], 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_symlink() and not _inside(Path(entry.path)):
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif is_image_name(Path(entry.name)):
                    images += 1
                elif Path(entry.name).suffix.lower() in TABLES:
                    tables.append(entry.name)
    except OSError as error:
        raise WorkspaceError(f"{folder.name} cannot be listed ({error.strerror}); choose another") from error
    more = max(len(folders), len(tables)) > MOST
    return Listing(tuple(sorted(folders)[:MOST]), tuple(sorted(tables)[:MOST]), images, more)


def _inside(path: Path) -> bool:
    try:
        allowed(path)
    except WorkspaceError:
        return False
    return True


def nearby(source: Path) -> tuple[list[Path], list[Path]]:
    """Tables and folders beside and one step below a source, for joining."""
    base = source if source.is_dir() else source.parent
    tables: list[Path] = []
    folders: list[Path] = [base]
    try:
        here = listing(base)
        tables += [base / name for name in here.tables]
        for name in here.folders[:30]:
            folders.append(base / name)
            tables += [base / name / table for table in listing(base / name).tables]
    except WorkspaceError:
        pass
    return [path for path in tables if path != source][:MOST], folders


def browser() -> Path | None:
    """Draw the browser; the folder or table that was chosen just now."""
    known = roots()
    if not known:
        parts.note("This server was given no folder to import from; start it with --images-root DIR, or upload files.")
        return None
    place = _place(known)
    here = listing(place)
    _way(place, known)
    chosen: Path | None = None
    with st.container(height=280, border=True, key="find_list"):
        for name in here.folders:
            st.button(
                parts.unmarked(name),
                key=f"find_folder_{name}",
                icon=":material/folder:",
                type="tertiary",
                on_click=_enter,
                args=(str(place / name),),
            )
        for name in here.tables:
            if st.button(parts.unmarked(name), key=f"find_table_{name}", icon=":material/table:", type="tertiary"):
                chosen = place / name
        if not here.folders and not here.tables:
            parts.note("No folder and no table in here." if here.images else "This folder is empty.")
    if here.more:
        parts.note(f"The first {MOST} are listed.")
    said = f"{words.plural(here.images, 'image')} in this folder" if here.images else "Images may lie in its folders"
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Use this folder", key="find_use", type="primary", help=said):
            chosen = place
        parts.note(f"{said}; or choose a table of this folder by its name.")
    return None if chosen is None else allowed(chosen)


def _place(known: tuple[Path, ...]) -> Path:
    try:
        return allowed(st.session_state.get(_PLACE, known[0]))
    except WorkspaceError:
        return known[0]


def _enter(path: str) -> None:
    st.session_state[_PLACE] = path


def _way(place: Path, known: tuple[Path, ...]) -> None:
    """The way from a root to here, each step a button."""
    root = max((root for root in known if place.is_relative_to(root)), key=lambda path: len(path.parts))
    if len(known) > 1:
        for other in known:
            if other != root:
                st.button(parts.unmarked(str(other)), key=f"find_root_{other}", on_click=_enter, args=(str(other),))
    steps = [root, *reversed([path for path in (place, *place.parents) if path != root and path.is_relative_to(root)])]
    with st.container(horizontal=True, gap="small", key="find_way"):
        for step in steps:
            st.button(
                parts.unmarked(step.name or str(step)),
                key=f"find_step_{step}",
                type="secondary" if step == place else "tertiary",
                on_click=_enter,
                args=(str(step),),
            )

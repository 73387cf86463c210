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


@dataclass(frozen=True)
class Sought:
    """What is looked for.

    Attributes:
        key: Begins the keys of the browser's widgets.
        endings: Of files that may be chosen, lower case.
        noun: What such a file is called.
        icon: Stands before it.
        folders: Whether a folder may be chosen too.
    """

    key: str
    endings: tuple[str, ...]
    noun: str
    icon: str
    folders: bool


SOURCES = Sought("find", TABLES, "table", ":material/table:", True)


@dataclass(frozen=True)
class Listing:
    """What lies in a folder: names, sorted.

    Attributes:
        files: With one of the endings asked for.
        images: How many image files lie in it directly.
        more: Whether it holds more folders or files than are listed.
    """

    folders: tuple[str, ...]
    files: tuple[str, ...]
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


def listing(folder: Path, endings: tuple[str, ...] = TABLES) -> Listing:
    """What lies in a folder; links that lead out of the roots and hidden names are left out.

    Args:
        endings: Of the files that are listed, lower case.

    Raises:
        WorkspaceError: it may not be listed.
    """
    folders, files, images = [], [], 0
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
                elif Path(entry.name).suffix.lower() in endings:
                    files.append(entry.name)
    except OSError as error:
        raise WorkspaceError(f"{folder.name} cannot be listed ({error.strerror}); choose another") from error
    more = max(len(folders), len(files)) > MOST
    return Listing(tuple(sorted(folders)[:MOST]), tuple(sorted(files)[:MOST]), images, more)


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
        tables += [base / name for name in here.files]
        for name in here.folders[:30]:
            folders.append(base / name)
            tables += [base / name / table for table in listing(base / name).files]
    except WorkspaceError:
        pass
    return [path for path in tables if path != source][:MOST], folders


def browser(sought: Sought = SOURCES) -> Path | None:
    """Draw the browser; the folder or file that was chosen just now."""
    known = roots()
    if not known:
        parts.note("This server was given no folder to look into; start it with --images-root DIR, or upload files.")
        return None
    place = _place(known, sought)
    here = listing(place, sought.endings)
    _way(place, known, sought)
    chosen: Path | None = None
    with st.container(height=280 if sought.folders else 200, border=True, key=f"{sought.key}_list"):
        for name in here.folders:
            st.button(
                parts.unmarked(name),
                key=f"{sought.key}_folder_{name}",
                icon=":material/folder:",
                type="tertiary",
                on_click=_enter,
                args=(sought, str(place / name)),
            )
        for name in here.files:
            if st.button(
                parts.unmarked(name), key=f"{sought.key}_{sought.noun}_{name}", icon=sought.icon, type="tertiary"
            ):
                chosen = place / name
        if not here.folders and not here.files:
            images = "no images, " if sought.folders and not here.images else ""
            parts.note(f"There are {images}no folders and no {sought.noun}s in here.")
    if here.more:
        parts.note(f"The first {MOST} are listed.")
    if sought.folders:
        said = (
            f"{words.plural(here.images, 'image')} in this folder" if here.images else "Images may lie in its folders"
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Use this folder", key=f"{sought.key}_use", type="primary", help=said):
                chosen = place
            parts.note(f"{said}; or choose a {sought.noun} of this folder by its name.")
    return None if chosen is None else allowed(chosen)


def _place(known: tuple[Path, ...], sought: Sought) -> Path:
    try:
        return allowed(st.session_state.get(f"{sought.key}_place", known[0]))
    except WorkspaceError:
        return known[0]


def _enter(sought: Sought, path: str) -> None:
    st.session_state[f"{sought.key}_place"] = path


def _way(place: Path, known: tuple[Path, ...], sought: Sought) -> None:
    """The way from a root to here, each step a button."""
    root = max((root for root in known if place.is_relative_to(root)), key=lambda path: len(path.parts))
    if len(known) > 1:
        for other in known:
            if other != root:
                st.button(
                    parts.unmarked(str(other)),
                    key=f"{sought.key}_root_{other}",
                    on_click=_enter,
                    args=(sought, str(other)),
                )
    steps = [root, *reversed([path for path in (place, *place.parents) if path != root and path.is_relative_to(root)])]
    with st.container(horizontal=True, gap="small", key=f"{sought.key}_way"):
        for step in steps:
            st.button(
                parts.unmarked(step.name or str(step)),
                key=f"{sought.key}_step_{step}",
                type="secondary" if step == place else "tertiary",
                on_click=_enter,
                args=(sought, str(step)),
            )

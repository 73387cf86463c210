"""The pictures that are kept on the open map: as guests of the map, and as a list with their removal and its undoing.

The contract: what is shown comes from the workspace alone, so it is the same after a reload and a restart; a copy that
is gone or damaged is told of, and everything else is still shown.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.artefacts import canonical_json, digest
from core.clusters import album
from core.clusters.placing import joined
from core.errors import CoreError, WorkspaceError
from dashboard import looking, parts, words
from dashboard.bodies import BODIES
from dashboard.boundary import sentence
from dashboard.placing import Floor, Guests, floor

if TYPE_CHECKING:
    import pandas as pd

    from core.clusters.album import Album, PlacedPicture
    from core.runs import Run
    from core.workspace import Workspace
    from dashboard.state import View

TILE, ACROSS = 128, 10
"""As the browser reads a sheet of pictures: see ``map_cards.js``."""
FIRST = 6
_ALL, _SAID = "placed_all", "placed_said"


@dataclass(frozen=True)
class Kept:
    """What is placed on the open map.

    Attributes:
        guests: As the map draws them; ``None`` where nothing is placed.
        copies: ``[Q]`` our copies (JPEG), ``None`` for one that is gone or damaged.
    """

    album: Album
    guests: Guests | None
    copies: tuple[bytes | None, ...] = ()


def kept(view: View) -> Kept:
    """What is placed on the open map, from the workspace.

    Raises:
        WorkspaceError: the list is there and cannot be read.
    """
    found = album.read_album(view.workspace, view.run)
    if not found.pictures:
        return Kept(found, None)
    key = digest(view.run.key, canonical_json([_stamp(view, one) for one in found.pictures]))
    copies, sheet = _opened(key, view.workspace, view.run, found.pictures)
    return Kept(found, guests_of(floor(view), found.pictures, BODIES.put(sheet, "placed", key)), copies)


def guests_of(here: Floor, pictures: Sequence[PlacedPicture], body: str) -> Guests:
    """Pictures as guests of a map, in its clusters as they stand now; ``body`` names the sheet of their thumbnails."""
    labels = [joined(here.labels[list(one.rows)][None], np.array([one.shares]))[0] for one in pictures]
    xy = np.array([(one.x, one.y) for one in pictures], np.float32)
    distance = np.array([one.distance for one in pictures], np.float32)
    items = [{"name": one.name, "aspect": round(one.width / one.height, 4)} for one in pictures]
    scores = ["" if one.score is None else words.score(one.score) for one in pictures]
    called = words.plural(len(pictures), "placed picture")
    return Guests(
        called, xy, np.concatenate(labels), distance, here.names, {"words": items, "scores": scores, "body": body}
    )


def card(view: View, found: Kept) -> None:
    """The list beside the map; nothing where nothing is placed, was removed or is wrong."""
    pictures = found.album.pictures
    said = st.session_state.pop(_SAID, "")
    if not (pictures or found.album.removed or found.album.unread or said):
        return
    with parts.card("placed", f"Placed pictures ({words.count(len(pictures))})", _remark(pictures)):
        parts.note(said)
        parts.note(harm(found))
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="placed_tools"):
            if pictures:
                everything = [one.digest for one in pictures]
                label = "Remove all" if len(pictures) > 1 else "Remove it"
                st.button(label, key="placed_remove_all", on_click=_remove, args=(view, everything))
            if found.album.removed:
                label = f"Undo removing {_called(found.album.removed[-1])}"
                st.button(
                    parts.unmarked(label), key="placed_undo", on_click=_undo, args=(view,), icon=":material/undo:"
                )
            if pictures:
                parts.csv_button("placed-pictures", lambda: table(view.run, found))
        if not pictures:
            return
        newest = list(range(len(pictures)))[::-1]
        shown = newest if st.session_state.get(_ALL) else newest[:FIRST]
        for place in shown:
            _row(view, found, place)
        if len(pictures) > FIRST:
            st.toggle(f"Show all {words.count(len(pictures))}", key=_ALL)


def harm(found: Kept) -> str:
    """What of the kept pictures is lost, and the way out; empty where all is well."""
    lost = [one.name for one, copy in zip(found.album.pictures, found.copies, strict=True) if copy is None]
    said = ""
    if lost:
        which = f"The kept copy of {lost[0]} is" if len(lost) == 1 else f"The kept copies of {len(lost)} pictures are"
        said = f"{which} missing or damaged: the place is still drawn. Place the file again to mend it, or remove it. "
    if found.album.unread:
        lines = words.plural(found.album.unread, "entry", "entries")
        said += f"{lines} of the list cannot be understood and left out; what they told of can be placed again."
    return said.strip()


def table(run: Run, found: Kept) -> pd.DataFrame:
    """What is placed, as rows: for download."""
    import pandas as pd

    guests = found.guests
    assert guests is not None
    return pd.DataFrame(
        {
            "name": [one.name for one in found.album.pictures],
            "placed_at": [one.at for one in found.album.pictures],
            "x_approximate": guests.xy[:, 0],
            "y_approximate": guests.xy[:, 1],
            "cluster": [_cluster(guests, place) for place in range(len(found.album.pictures))],
            "nearest": run.table["path"].iloc[[one.rows[0] for one in found.album.pictures]].to_numpy(),
            "distance_to_nearest": guests.distance,
            "ood_score": pd.array([one.score for one in found.album.pictures], dtype="Float64"),
            "ood_percentile": pd.array([one.percentile for one in found.album.pictures], dtype="Float64"),
            "content_hash": [one.digest for one in found.album.pictures],
            "network": [one.network for one in found.album.pictures],
        }
    )


def _remark(pictures: Sequence[PlacedPicture]) -> str:
    if not pictures:
        return ""
    full = f" No more than {album.MOST} can be placed: remove some to place others." * (len(pictures) >= album.MOST)
    return (
        "Kept in the workspace for everyone who opens this run, drawn as squares where they would lie, approximately. "
        f"They are no part of the run: nothing counts, flags, clusters or exports them.{full}"
    )


def _row(view: View, found: Kept, place: int) -> None:
    one, copy, guests = found.album.pictures[place], found.copies[place], found.guests
    assert guests is not None
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"placed_row_{one.digest}"):
        with st.container(width=96):
            if copy is not None:
                st.image(copy, width="stretch")  # as large as it is kept, when it is opened
            else:
                parts.note("no picture")
        with st.container(width="stretch", gap=None):
            parts.named(one.name, facts_of(one, _cluster(guests, place)))
        with st.container(width="content", gap=None, key=f"placed_acts_{one.digest}"):
            near, away = f"placed_near_{one.digest}", f"placed_remove_{one.digest}"
            st.button("Show its nearest", key=near, type="tertiary", on_click=looking.ask, args=(view.run, one.rows[0]))
            st.button("Remove", key=away, type="tertiary", on_click=_remove, args=(view, [one.digest]))


def facts_of(one: PlacedPicture, cluster: str) -> str:
    """When a picture was placed, where it lies and how strange it is."""
    said = [f"placed {words.when(datetime.fromisoformat(one.at).astimezone(UTC))}", f"in {cluster}"]
    said.append(f"distance to the nearest here {words.score(one.distance)}")
    if one.score is not None and one.percentile is not None:
        said.append(
            f"OOD score {words.score(one.score)}, stranger than {words.percent(one.percentile / 100)} of the reference"
        )
    return "; ".join(said)


def _cluster(guests: Guests, place: int) -> str:
    number = int(guests.labels[place])
    return "no cluster" if number < 0 else guests.names[number]


def _called(pictures: Sequence[PlacedPicture]) -> str:
    return pictures[0].name if len(pictures) == 1 else words.plural(len(pictures), "picture")


def _remove(view: View, digests: Sequence[str]) -> None:
    _tried(lambda: album.remove(view.workspace, view.run, digests, datetime.now(UTC)))


def _undo(view: View) -> None:
    _tried(lambda: album.undo(view.workspace, view.run, datetime.now(UTC)))


def _tried(act: Callable[[], None]) -> None:
    try:
        act()
    except WorkspaceError as error:
        st.session_state[_SAID] = sentence(str(error))


def _stamp(view: View, one: PlacedPicture) -> list[Any]:
    """What tells that a copy is another one now."""
    try:
        there = album.copy_path(view.workspace, view.run, one.digest).stat()
    except OSError:
        return [one.digest, one.checksum]
    return [one.digest, one.checksum, there.st_size, there.st_mtime_ns]


@st.cache_resource(max_entries=4, show_spinner=False)
def _opened(
    key: str, _space: Workspace, _run: Run, _pictures: Sequence[PlacedPicture]
) -> tuple[tuple[bytes | None, ...], np.ndarray]:
    """The copies, and the sheet of their thumbnails: ``[B]`` uint8 of a JPEG."""
    from core.images.decode import decode

    copies: list[bytes | None] = []
    images = []
    for one in _pictures:
        copy = album.read_copy(_space, _run, one)
        image = None
        if copy is not None:
            try:
                image = decode(copy, name="the copy", longest=TILE, max_pixels=album.LONGEST**2).image
            except CoreError:
                copy = None
        copies.append(copy)
        images.append(image)
    return tuple(copies), sheet_of(images)


def sheet_of(images: Sequence[Any]) -> np.ndarray:
    """``[B]`` uint8: one JPEG of tiles in lines, each picture in the middle of its tile; dark where there is none."""
    from PIL import Image as Pillow

    sheet = Pillow.new("RGB", (TILE * ACROSS, TILE * -(-len(images) // ACROSS)))
    for place, image in enumerate(images):
        if image is None:
            continue
        longer = max(image.size)
        small = image.resize(
            (max(1, round(TILE * image.width / longer)), max(1, round(TILE * image.height / longer))),
            Pillow.Resampling.LANCZOS,
            reducing_gap=2.0,
        )
        left, top = TILE * (place % ACROSS), TILE * (place // ACROSS)
        sheet.paste(small, (left + (TILE - small.width) // 2, top + (TILE - small.height) // 2))
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=88)
    return np.frombuffer(out.getvalue(), np.uint8)

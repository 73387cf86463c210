"""A visitor's own pictures on the open map: embedded as the run embeds, placed, and kept nowhere.

The contract: each picture goes through the one door for a visitor's bytes (`dashboard.uploads`); its name is text and
nothing else; what is refused is said in words, one by one.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.artefacts import digest
from core.errors import CoreError, ImageError
from dashboard import likeness, parts, words
from dashboard.bodies import BODIES
from dashboard.boundary import sentence
from dashboard.placing import Floor, Guests, floor
from dashboard.uploads import MAX_BYTES, dropped, received

if TYPE_CHECKING:
    from PIL.Image import Image

    from dashboard.state import View

MOST = 24
TILE, ACROSS = 128, 10
"""As the browser reads a sheet of pictures: see ``map_cards.js``."""
_KEPT = "map_pictures_placed"


def choose(view: View) -> Guests | None:
    """The button that takes pictures, and what comes of them."""
    with st.popover("Place my pictures", icon=":material/add_photo_alternate:", key="map_pictures"):
        parts.note(
            f"Up to {MOST} pictures, {MAX_BYTES // 2**20} MB each, put where they would lie, approximately; this map "
            "does not move. They are looked at here and kept nowhere; a run on them can be placed for good."
        )
        sent = dropped("map_files")
        if not sent:
            st.session_state.pop(_KEPT, None)
            return None
        if len(sent) > MOST:
            parts.note(f"The first {MOST} of {words.count(len(sent))} are placed.")
        guests, refused = _placed(floor(view), sent[:MOST])
        if refused:
            parts.facts(refused)
    return guests


def _placed(here: Floor, sent: Sequence[Any]) -> tuple[Guests | None, list[tuple[str, str]]]:
    """Placed once; the same pictures on the same map are not embedded again."""
    key = digest(here.key, *(f"{getattr(one, 'file_id', '')}/{one.name}/{one.size}" for one in sent))
    kept: Any = st.session_state.get(_KEPT)
    if kept is None or kept[0] != key:
        with st.spinner("Placing the pictures"):
            kept = (key, *place_pictures(here, sent))
        st.session_state[_KEPT] = kept
    guests: Guests | None = kept[1]
    if guests is not None:  # a sheet that was dropped from the server's memory meanwhile comes back
        BODIES.put(kept[3], "pictures", digest(kept[3].tobytes()))
    return guests, kept[2]


def place_pictures(here: Floor, sent: Sequence[Any]) -> tuple[Guests | None, list[tuple[str, str]], np.ndarray]:
    """Where pictures would lie on a map.

    Returns:
        The guests, ``None`` where no picture can be used; ``(name, reason)`` of each refused one; and the sheet of
        their thumbnails, ``[B]`` uint8 of a JPEG.
    """
    refused: list[tuple[str, str]] = []
    taken: list[tuple[str, Image]] = []
    vectors: list[np.ndarray] = []
    for one in sent:
        try:
            upload = received(one)
            vectors.append(likeness.vector_of(here.run, upload))
        except ImageError as error:
            refused.append((one.name, sentence(str(error))))
        except CoreError as error:
            return None, [("none can be placed", sentence(str(error)))], np.empty(0, np.uint8)
        else:
            taken.append((one.name, upload.image))
    if not taken:
        return None, refused, np.empty(0, np.uint8)
    try:
        placed = here.place(np.stack(vectors))
    except CoreError as error:
        return None, [("none can be placed", sentence(str(error)))], np.empty(0, np.uint8)
    sheet = _sheet([image for _, image in taken])
    items = [{"name": name, "aspect": round(image.width / image.height, 4)} for name, image in taken]
    told = {"words": items, "body": BODIES.put(sheet, "pictures", digest(sheet.tobytes()))}
    called = f"{words.plural(len(taken), 'picture')} of yours"
    return Guests(called, placed, here.names, told), refused, sheet


def _sheet(images: Sequence[Image]) -> np.ndarray:
    """``[B]`` uint8: one JPEG of tiles in lines, each picture in the middle of its tile."""
    from PIL import Image as Pillow

    sheet = Pillow.new("RGB", (TILE * ACROSS, TILE * -(-len(images) // ACROSS)))
    for place, image in enumerate(images):
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

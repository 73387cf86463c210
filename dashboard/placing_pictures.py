"""A visitor's own pictures on the open map: embedded as the run embeds, placed, and kept beside the run.

The contract: each picture goes through the one door for a visitor's bytes (`dashboard.uploads`); its name is text and
nothing else; what is refused is said in words, one by one; what was taken in is kept by `core.clusters.album`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.clusters import album
from core.errors import CoreError, ImageError, WorkspaceError
from dashboard import likeness, parts, words
from dashboard.boundary import sentence
from dashboard.placing import Floor, floor
from dashboard.uploads import MAX_BYTES, dropped, received

if TYPE_CHECKING:
    from core.assess.outsiders import Strangeness
    from dashboard.state import View
    from dashboard.uploads import Upload

AT_ONCE = 24
_TURN, _SAID = "map_files_turn", "map_files_said"


@dataclass(frozen=True)
class Taken:
    """What came of some pictures.

    Attributes:
        placed: How many were placed and kept.
        known: How many were on the map before.
        refused: ``(name, reason)`` of each that was not placed.
    """

    placed: int
    known: int
    refused: tuple[tuple[str, str], ...]


def choose(view: View) -> None:
    """The button that takes pictures, and what came of the last ones."""
    with st.popover("Place my pictures", icon=":material/add_photo_alternate:", key="map_pictures"):
        parts.note(
            f"Up to {AT_ONCE} pictures at once, {MAX_BYTES // 2**20} MB each, {album.MOST} on one map, put where they "
            "would lie, approximately; this map does not move. A small copy of each is kept in the workspace, for "
            "everyone who opens this run, until it is removed. They are no part of the run: nothing counts, flags, "
            "clusters or exports them."
        )
        turn = st.session_state.get(_TURN, 0)
        sent = dropped(f"map_files_{turn}")
        if sent:
            with st.spinner("Placing the pictures"):
                taken = take_in(view, sent)
            st.session_state[_SAID] = (view.run.key, taken)
            st.session_state[_TURN] = turn + 1  # what is taken in leaves the field, or removing would bring it back
            st.rerun()
        run_key, last = st.session_state.get(_SAID, ("", None))
        if last is not None and run_key == view.run.key:
            parts.note(told(last))
            parts.facts(last.refused)


def told(taken: Taken) -> str:
    """What came of some pictures, without those that were refused."""
    said = f"{words.plural(taken.placed, 'picture')} {'was' if taken.placed == 1 else 'were'} placed" * bool(
        taken.placed
    )
    known = f"{words.plural(taken.known, 'picture')} {'is' if taken.known == 1 else 'are'} here already" * bool(
        taken.known
    )
    return sentence("; ".join(filter(None, (said, known))))


def take_in(view: View, sent: Sequence[Any]) -> Taken:
    """Place pictures on the open map, and keep them."""
    weights = view.run.settings.embed.weights
    if weights is not None and not Path(weights).is_file():
        gone = (
            f"The file of the network's weights, {Path(weights).name}, is not where it was when this run was made. Put "
            "it back there to place pictures; what is placed already stays, and the map needs no weights."
        )
        return Taken(0, 0, (("none can be placed", gone),))
    refused: list[tuple[str, str]] = []
    taken: list[tuple[str, Upload]] = []
    vectors: list[np.ndarray] = []
    for one in sent[:AT_ONCE]:
        try:
            upload = received(one)
            vectors.append(likeness.vector_of(view.run, upload))
        except ImageError as error:
            refused.append((one.name, sentence(str(error))))
        except CoreError as error:
            return Taken(0, 0, (("none can be placed", sentence(str(error))),))
        else:
            taken.append((one.name, upload))
    if len(sent) > AT_ONCE:
        left = words.plural(len(sent) - AT_ONCE, "more picture")
        refused.append((left, f"The first {AT_ONCE} were taken; place the others after them."))
    if not taken:
        return Taken(0, 0, tuple(refused))
    try:
        pictures = where(floor(view), taken, np.stack(vectors), datetime.now(UTC))
    except CoreError as error:
        return Taken(0, 0, (("none can be placed", sentence(str(error))),))
    new = known = 0
    for placed, copy in pictures:
        try:
            added = album.keep(view.workspace, view.run, placed, copy)
        except WorkspaceError as error:
            refused.append((placed.name, sentence(str(error))))
        else:
            new, known = new + added, known + (not added)
    return Taken(new, known, tuple(refused))


def where(
    here: Floor, taken: Sequence[tuple[str, Upload]], vectors: np.ndarray, now: datetime
) -> list[tuple[album.PlacedPicture, bytes]]:
    """Where pictures lie on a map and how strange they are, with a copy of each.

    Args:
        taken: Names and pictures; vectors: ``[Q, D]`` of them.

    Raises:
        EmbeddingError: the vectors are of another network.
    """
    found = here.place(vectors)
    strange = _judged(here, vectors)
    network = str(here.run.manifest.get("embedder", {}).get("key", ""))
    made = []
    for place, (name, upload) in enumerate(taken):
        copy = album.copy_of(upload.image)
        judged = strange[place]
        picture = album.PlacedPicture(
            digest=upload.digest,
            checksum=album.checksum(copy),
            name=name,
            at=now.isoformat(),
            network=network,
            width=upload.width,
            height=upload.height,
            x=float(found.xy[place, 0]),
            y=float(found.xy[place, 1]),
            distance=float(found.distance[place]),
            rows=tuple(found.rows[place].tolist()),
            shares=tuple(found.shares[place].tolist()),
            score=None if judged is None else judged.score,
            percentile=None if judged is None else judged.percentile,
        )
        made.append((picture, copy))
    return made


def _judged(here: Floor, vectors: np.ndarray) -> Sequence[Strangeness | None]:
    """How strange whole pictures are beside the reference; ``None`` where the run judged nothing, or parts alone."""
    from core.assess.outsiders import judge_vectors

    if here.run.settings.regions.kind != "image":
        return [None] * len(vectors)
    try:
        return judge_vectors(here.run, vectors)
    except CoreError:
        return [None] * len(vectors)

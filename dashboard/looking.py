"""Which picture the image panel shows, and along which list its next and previous go.

The contract: the URL's ``image`` (with ``region`` for a part of one) says what is shown, so a link reopens it; the list
from which it was opened is kept in the session, and without one the run's own order is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.listings import LISTINGS, Listing

if TYPE_CHECKING:
    from core.runs import Run

_KEY = "looking_at"


@dataclass(frozen=True)
class Look:
    """One picture in one run.

    Attributes:
        row: Row of the run.
        listing: Key of the list it was opened from, or empty for the run's own order.
        place: Its place in that list.
        total: Length of that list.
    """

    run_key: str
    row: int
    listing: str
    place: int
    total: int


def ask(run: Run, row: int, listing: Listing | None = None) -> None:
    """Show a row of the run in the panel from now on."""
    place = int(np.argmax(listing.rows == row)) if listing is not None else row
    total = len(listing.rows) if listing is not None else len(run.table)
    st.session_state[_KEY] = Look(run.key, row, listing.key if listing is not None else "", place, total)
    record = run.table.iloc[row]
    state.set_url("image", int(record["image_id"]))
    state.set_url("region", int(record["region_id"]) if record["region"] != "image" else None)


def wanted() -> bool:
    """Whether the URL asks for a picture."""
    return state.url_id("image") is not None


def current(run: Run) -> Look | None:
    """What the URL asks for; ``None`` when this run has no such picture."""
    image_id, region_id = state.url_id("image"), state.url_id("region")
    rows = np.flatnonzero(run.table["image_id"].to_numpy() == image_id) if image_id is not None else np.empty(0, int)
    if not len(rows):
        return None
    kept = st.session_state.get(_KEY)
    if isinstance(kept, Look) and kept.run_key == run.key and kept.row in rows:
        chosen = run.table["region_id"].iloc[kept.row]
        if region_id is None or chosen == region_id:
            return kept
    parts = run.table["region_id"].to_numpy()[rows]
    if region_id is not None and region_id in parts:
        row = int(rows[np.argmax(parts == region_id)])
    else:
        row = int(rows[np.argmax(np.nan_to_num(run.table["ood_score"].to_numpy(dtype=float)[rows], nan=-1.0))])
    return Look(run.key, row, "", row, len(run.table))


def neighbour(run: Run, look: Look, step: int) -> int | None:
    """The row that lies ``step`` further in the list, or ``None`` at its ends."""
    listing = LISTINGS.get(look.listing)
    rows = listing.rows if listing is not None else np.arange(len(run.table))
    place = look.place + step
    return int(rows[place]) if 0 <= place < len(rows) else None


def move(run: Run, look: Look, step: int) -> None:
    """Go along the list; stays at its ends."""
    row = neighbour(run, look, step)
    if row is not None:
        ask(run, row, LISTINGS.get(look.listing))


def close() -> None:
    """Show no picture any more."""
    st.session_state.pop(_KEY, None)
    state.set_url("image", None)
    state.set_url("region", None)

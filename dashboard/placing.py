"""Another run's regions laid over the open map, approximately.

The contract: the map does not move and the open run is not changed; regions that the map holds already are left out;
what is placed is told apart everywhere by its shape and by the word approximate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.clusters.placing import Placed, place
from core.errors import CoreError
from dashboard import parts, state, words

if TYPE_CHECKING:
    from core.runs import Run, RunInfo
    from dashboard.state import View

MOST = 2000


@dataclass(frozen=True)
class Guests:
    """Regions of another run on the open map.

    Attributes:
        rows: ``[Q]`` rows of that run, up to `MOST`, evenly out of those that this map lacks.
        left_out: How many more there were.
    """

    run: Run
    rows: np.ndarray
    placed: Placed
    left_out: int


def offered(view: View) -> list[RunInfo]:
    """Finished runs of the same network whose regions may be placed here."""
    own = view.run.settings
    return [
        info
        for info in view.runs
        if info.state == "done"
        and info.id != view.run.id
        and info.settings.embed.embedder == own.embed.embedder
        and info.settings.embed.short_side == own.embed.short_side
    ]


def choose(view: View) -> Guests | None:
    """The box that chooses a run to place, and what comes of it; the URL's ``placed`` keeps it."""
    runs = {info.id: info for info in offered(view)}
    if not runs:
        return None
    asked = state.url_id("placed")
    st.session_state["map_placed"] = asked if asked in runs else None

    def changed() -> None:
        state.set_url("placed", st.session_state["map_placed"])

    chosen = st.selectbox(
        "Place another run here",
        list(runs),
        index=None,
        key="map_placed",
        format_func=lambda run_id: f"{run_id} · {runs[run_id].name}",
        on_change=changed,
        placeholder="none",
        help="Its regions are put where they would lie, approximately; this map does not move",
    )
    if chosen is None:
        return None
    try:
        return _guests(view.run.key, state.open_run(view.workspace, runs[chosen]).key, view, runs[chosen])
    except CoreError as error:
        parts.note(f"It cannot be placed here: {error}.")
        return None


@st.cache_resource(max_entries=4, show_spinner="Placing …")
def _guests(run_key: str, other_key: str, _view: View, _info: RunInfo) -> Guests:
    run, other = _view.run, state.open_run(_view.workspace, _info)
    if run.manifest.get("embedder", {}).get("key") != other.manifest.get("embedder", {}).get("key"):
        raise CoreError("it was made by another network or other weights")
    known = np.isin(other.table["region_id"].to_numpy(), run.table["region_id"].to_numpy())
    rows = np.flatnonzero(~known)
    if not len(rows):
        raise CoreError("this map holds all of its regions already")
    left_out = max(0, len(rows) - MOST)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST)).astype(np.int64)]
    table = run.table
    xy = table[["x", "y"]].to_numpy(dtype=float)
    on = np.flatnonzero(np.isfinite(xy).all(axis=1))
    placed = place(
        np.asarray(other.embeddings[rows]),
        np.asarray(run.embeddings[on]),
        xy[on],
        table["cluster"].fillna(-1).to_numpy(dtype=np.int64)[on],
    )
    return Guests(other, rows, placed, left_out)


def sentence(guests: Guests | None) -> str:
    """What the placed regions are, and how far they can be believed."""
    if guests is None:
        return ""
    near = words.score(float(np.median(guests.placed.distance)))
    more = f" {words.plural(guests.left_out, 'more region')} are not drawn." if guests.left_out else ""
    return (
        f"{words.plural(len(guests.rows), 'region')} of run {guests.run.id} are drawn as squares. Their places are "
        f"approximate: the mean of their nearest neighbours here (half of them have one within a distance of {near}); "
        f"the map did not move for them.{more}"
    )

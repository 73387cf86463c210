"""New images laid over the open map, approximately: another run's regions, or pictures that a visitor brings.

The contract: the map does not move and the open run is not changed; regions that the map holds already are left out;
what is placed is told apart everywhere by its shape and by the word approximate. Nothing but the run's stored vectors
and coordinates is needed, so it works the same after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.clusters.placing import Placed, place
from core.errors import CoreError
from dashboard import assets, parts, state, words
from dashboard.boundary import sentence

if TYPE_CHECKING:
    from core.runs import Run, RunInfo
    from dashboard.state import View

MOST = 2000


@dataclass(frozen=True)
class Guests:
    """What is laid over a map.

    Attributes:
        called: What they are, ``12 regions of run 3``.
        told: What the browser needs to tell of each under the pointer: see ``map_guests.js``.
        left_out: How many more there were.
    """

    called: str
    placed: Placed
    told: Mapping[str, Any]
    left_out: int = 0

    def to_browser(self) -> dict[str, Any]:
        """Places and what is told of them."""
        return {"places": self.placed.xy.round(5).tolist(), **self.told}


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
        parts.note(sentence(f"it cannot be placed here: {error}"))
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
    told = {
        "rows": rows.tolist(),
        "items": f"{assets.base()}/items/{other.id}?rows={{rows}}",
        "sheet": f"{assets.base()}/sheet/{other.id}?rows={{rows}}&tile=128",
    }
    called = f"{words.plural(len(rows), 'region')} of run {other.id}"
    return Guests(called, on_the_map(run, np.asarray(other.embeddings[rows])), told, left_out)


def on_the_map(run: Run, vectors: np.ndarray) -> Placed:
    """Where new vectors of the run's network lie on its map."""
    xy = run.table[["x", "y"]].to_numpy(dtype=float)
    labels = run.table["cluster"].fillna(-1).to_numpy(dtype=np.int64)
    on = np.isfinite(xy).all(axis=1)
    if on.all():  # as they lie on the disk: a million need not be read into memory
        return place(vectors, run.embeddings, xy, labels)
    return place(vectors, np.asarray(run.embeddings[on]), xy[on], labels[on])


def sentence_of(guests: Sequence[Guests]) -> str:
    """What the placed ones are, and how far they can be believed."""
    if not guests:
        return ""
    near = words.score(float(np.median(np.concatenate([one.placed.distance for one in guests]))))
    left_out = sum(one.left_out for one in guests)
    more = f" {words.plural(left_out, 'more region')} are not drawn." if left_out else ""
    return (
        f"{' and '.join(one.called for one in guests)} are drawn as squares. Their places are approximate: the mean of "
        f"their nearest neighbours here (half of them have one within a distance of {near}); the map did not move for "
        f"them.{more}"
    )
